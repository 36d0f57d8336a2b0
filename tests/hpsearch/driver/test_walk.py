"""A study's way from the command to the database: down through the rooms, and back to none of them."""

from __future__ import annotations

from collections import Counter

import pytest

from hpsearch.study import plan as plans
from hpsearch.study import schema
from hpsearch.study.registry import Registry
from tests.tools.commands import cli
from tests.tools.studies import recorded


def test_every_name_is_looked_for_once_and_the_study_file_parsed_once(own_study, monkeypatch: pytest.MonkeyPatch):
    study = own_study()
    found, parsed = Counter[str](), Counter[str]()
    find, parse = Registry.find, schema.parse

    def finding(self, kind, name, *rest, **more):
        found[kind.key] += 1
        return find(self, kind, name, *rest, **more)

    def parsing(text, source):
        parsed[source] += 1
        return parse(text, source)

    monkeypatch.setattr(Registry, "find", finding)
    monkeypatch.setattr(plans, "parse", parsing)
    done = cli("run", study, "--executor", "inline", "--quiet", cwd=study.parent)
    assert done.returncode == 0, done.stderr
    assert recorded(study.parent / "own.db") == 36
    assert found == {"task": 1, "searcher": 1, "executor": 1}  # this task's methods are only spaces
    assert list(parsed.values()) == [1]
