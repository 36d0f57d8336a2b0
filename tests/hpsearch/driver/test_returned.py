"""What a task returns: numbers of any library's type are taken, all else is named with the task's own function."""

import functools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from hpsearch.contracts.errors import SpecError, TaskError
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.progress import silent
from hpsearch.contracts.space import Space
from hpsearch.contracts.task import FunctionTask, ReturnError, Task, place_of
from hpsearch.driver.estimate import estimate
from hpsearch.driver.pack import PackError, train_pack
from hpsearch.driver.returned import checked_results, returned_by
from hpsearch.study import kinds
from hpsearch.study.plan import read_plan
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_TASK

NUMBERS = [
    1, True, np.float32(1), np.int64(1), np.bool_(True), np.array([[1.0]]), torch.tensor(1), torch.ones(1, 1),
    torch.ones(1, dtype=torch.bfloat16, requires_grad=True),
]  # fmt: skip
NONE = [None, "1", [1.0], 1j, np.complex64(1), np.ones(2), torch.ones(0), np.datetime64("2026-01-01"), print]


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: f"{type(value).__name__}{getattr(value, 'shape', '')}")
def test_a_number_of_any_librarys_type_becomes_pythons_own(value):
    (result,) = checked_results([Result(value, {"m": value}, {"c": [value, 0.5]})], 1)
    assert result == Result(1.0, {"m": 1.0}, {"c": [1.0, 0.5]})
    assert {type(found) for found in (result.objective, result.metrics["m"], *result.curves["c"])} == {float}
    (result,) = FunctionTask(lambda configuration, seed: value, Objective("o", 0.0)).train(None, [{}], [1], "cpu")
    assert result == Result(1.0)


def test_a_curve_may_be_an_array_or_a_tensor():
    (result,) = checked_results([Result(1.0, curves={"a": np.arange(3), "b": torch.arange(3.0)})], 1)
    assert result.curves == {"a": [0.0, 1.0, 2.0], "b": [0.0, 1.0, 2.0]}


def test_what_is_not_finite_and_what_is_missing_stays_so():
    (result,) = checked_results([Result(0.5, {"m": None, "n": math.inf}, {"c": [None, math.nan]})], 1)
    assert math.isnan(result.metrics["m"])
    assert result.metrics["n"] == math.inf
    assert all(map(math.isnan, result.curves["c"]))
    (result,) = checked_results([Result(torch.tensor(math.nan))], 1)
    assert (result.outcome, result.objective, result.reason) == ("diverged", None, "the objective was nan")


@pytest.mark.parametrize("value", NONE, ids=lambda value: type(value).__name__)
def test_what_is_no_number_is_named(value):
    if value is not None:  # which an objective may be, where there is none
        with pytest.raises(ReturnError, match=r"a result's objective must be a number, got \w+"):
            checked_results([Result(value)], 1)
    task = FunctionTask(lambda configuration, seed: value, Objective("o", 0.0))
    with pytest.raises(
        TypeError, match=r"<lambda> \(test_returned\.py:\d+\) must return a number or an hpsearch\.Result"
    ):
        task.train(None, [{}], [1], "cpu")


def test_every_fault_of_every_result_is_named_at_once():
    wrong = Result(
        "high", {"m": [1], "seed": 1.0, 3: 1.0}, {"c": 0.5, "d": ["x"]}, outcome="fine", reason=None, precision=16
    )
    with pytest.raises(ReturnError) as caught:
        checked_results([wrong, Result(1.0), Result(2.0, {"n": 10**400})], 3, by="train (my_task.py:7)")
    assert str(caught.value) == (
        "train (my_task.py:7) returned what cannot be recorded: "
        "a result's outcome is complete, diverged or failed, got 'fine'; "
        "a result's reason must be a text, got NoneType; "
        "a result's precision must be a word of at most 20 letters, such as 'fp32', got 16; "
        "a result's objective must be a number, got str; "
        "a result's m must be a number, got list; "
        "a metric or curve may not be named 'seed': a column has this name; "
        "a metric or curve may not be named 3: that is no text; "
        "a result's c must have one number per epoch, got float; "
        "a result's d[0] must be a number, got str; "
        "a result's n is too large for a floating-point number"
    )
    with pytest.raises(ReturnError, match=r"a result's metrics must be a mapping of names, got list; .* curves must"):
        checked_results([Result(1.0, [1.0], 2.0)], 1)


def test_a_function_is_named_with_its_file_and_line():
    line = test_a_function_is_named_with_its_file_and_line.__code__.co_firstlineno

    def inner(configuration, seed): ...

    for function in (inner, functools.partial(inner, seed=1), functools.wraps(inner)(lambda *_: None)):
        assert place_of(function).endswith(f"inner (test_returned.py:{line + 3})")
    assert place_of(print) == "builtin_function_or_method"
    assert returned_by(FunctionTask(inner, Objective("o", 0.0)), ANY).endswith(f"(test_returned.py:{line + 3})")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("    pass", "objective (own_task_N.py:5) must return a number or an hpsearch.Result, got NoneType"),
        (
            "    return Result(value, metrics=3)",
            "objective (own_task_N.py:5) returned what cannot be recorded: a result's",
        ),
        ('    return configuration["y"]', "KeyError: 'y' (own_task_N.py:7)"),
    ],
)
def test_a_run_and_a_dry_run_name_the_users_file(own_study, last, said):
    kept = OWN_TASK.index("    return Result")
    study = own_study(OWN_TASK[:kept] + last + OWN_TASK[OWN_TASK.index("\n\n\nTASK") :])
    plan = read_plan(study)
    pattern = re.escape(said).replace("_N", r"_\d+")
    with pytest.raises(PackError, match=pattern):
        train_pack(plan.by_name, "wide", [{"x": 1.0}], [1])
    with pytest.raises(TaskError, match=rf"a pack of wide cannot be trained: .*{pattern}"):
        estimate(plan, study.with_name("none.db"), 1, silent)


def test_a_function_may_need_a_context(own_study):
    needy = edited(OWN_TASK, "def objective(configuration, seed)", "def objective(configuration, seed, *, context)")
    plan = read_plan(own_study(needy))
    assert len(train_pack(plan.by_name, "wide", [{"x": 1.0}], [1]).results) == 1


ANY = Method(Space(()))


class Contextual(Task):
    objective = Objective("o", 0.0)

    def train(self): ...

    def train_in(self, method, configurations, seeds, device, contexts): ...


def test_a_task_that_is_told_contexts_is_known_by_the_function_that_a_run_calls():
    line = Contextual.train_in.__code__.co_firstlineno
    assert kinds.TASK.fault(Contextual()) == ""
    assert returned_by(Contextual(), ANY) == f"Contextual.train_in (test_returned.py:{line})"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "def objective(configuration, seed)",
            "def objective(configuration)",
            r"TASK calls objective \(own_task_\d+\.py:5\) with \(configuration, seed\), which takes \(configuration\)",
        ),
        ("FunctionTask(objective,", "FunctionTask(3,", r"TASK needs a function of \(configuration, seed\), got 3"),
        (
            "def objective(configuration, seed)",
            "def objective(configuration, seed, context, lr)",
            r"with \(configuration, seed, context\), which takes \(configuration, seed, context, lr\)",
        ),
        (
            "def objective(configuration, seed)",
            "def objective(configuration, seed, *, lr)",
            r"with \(configuration, seed\), which takes \(configuration, seed, \*, lr\)",
        ),
    ],
)
def test_a_function_that_cannot_be_called_so_is_named_before_anything_runs(own_study, old, new, said):
    with pytest.raises(SpecError, match=said):
        read_plan(own_study(edited(OWN_TASK, old, new)))


CLASS = """
from hpsearch import Objective, Task


class Odd(Task):
    objective = "accuracy"
    pack = 0
    methods = 3

    def prepare(self): ...
    def load(self): ...
    def files(self, folder): ...
    def train(self, configurations, seeds): ...


TASK = Odd()
"""


def test_all_that_is_wrong_with_a_task_is_said_at_once(own_study):
    study = own_study(CLASS)
    done = cli("run", study, cwd=study.parent)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    for fault in (
        "has no objective: give it an hpsearch.Objective, got 'accuracy'",
        "has no pack: it must be a whole number from 1, got 0",
        "has no package of methods: `methods` is its name, or a class derived from hpsearch.Method, or None, got 3",
        "py:13) with (method, configurations, seeds, device), which takes (configurations, seeds)",
        "py:10) with (progress), which takes ()",
        "py:11) with (device), which takes ()",
        "py:12) with (), which takes (folder)",
    ):
        assert fault in said


def test_a_dry_run_says_which_trials_do_not_complete(own_study):
    lost = 'return Result(None, outcome="failed", reason="no luck")'
    plan = read_plan(
        own_study(edited(OWN_TASK, "    value =", f'    if "depth" in configuration: {lost}\n    value ='))
    )
    expected = estimate(plan, Path("none.db"), 1, silent)
    assert expected.lost == ["narrow: 1 of 1 trials failed, the first with: no luck"]
    assert str(expected).endswith("\nnarrow: 1 of 1 trials failed, the first with: no luck")
