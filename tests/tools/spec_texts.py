"""A study file as a text: how it begins, the plan that it makes, and what is said of a wrong one."""

import pytest

from hpsearch.contracts.errors import SpecError
from hpsearch.study.plan import resolve
from hpsearch.study.registry import Registry
from hpsearch.study.schema import parse

HEAD = """
name = "one"
trials = 4
repeats = 3
seed = 1
task = "audio_task"
searcher = "sobol"
"""


def plan_of(text):
    return resolve(parse(text, "one.toml"), Registry(), "one.toml")


def fault(text):
    with pytest.raises(SpecError) as caught:
        plan_of(text)
    return str(caught.value)
