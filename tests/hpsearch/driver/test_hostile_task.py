"""A task that pops its configuration, raises odd things and loads slowly gives the same table on each executor."""

from __future__ import annotations

import sys

import pytest

from hpsearch.driver.pack import train_pack
from hpsearch.store.database import Database
from hpsearch.study.plan import read_plan
from tests.tools.commands import cli
from tests.tools.editing import edited

HOSTILE = """
from hpsearch import FunctionTask, Objective, Result


class Mute(BaseException):
    def __str__(self):
        raise RuntimeError("not even this")


class Unpicklable(Exception):
    def __init__(self):
        super().__init__("held", lambda: None)


def objective(configuration, seed):
    x = configuration.pop("x")
    if x > 8.0:
        raise Mute
    if x > 6.5:
        raise Unpicklable
    if x > 5.0:
        raise GeneratorExit("gone")
    return Result((x - 0.3) ** 2, metrics={"test_loss": x})


TASK = FunctionTask(objective, Objective("loss", chance=100.0, direction="minimise"))
"""


def table(file) -> list[tuple[object, ...]]:
    with Database(file) as database:
        return [
            (t.method, t.repeat, t.trial, t.configuration, t.state, t.objective, t.metrics, t.reason)
            for t in database.all_trials()
        ]


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_hostile_task_gives_the_same_table_on_each_executor(own_study, executor: str):
    study = own_study(task=HOSTILE)
    done = cli("run", study, "--executor", executor, "--workers", "1", "--quiet", cwd=study.parent)
    assert done.returncode == 0, done.stderr
    rows = table(study.parent / "own.db")
    assert len(rows) == 36
    for _, _, _, configuration, state, objective, metrics, reason in rows:
        x = configuration["x"]
        assert state == ("failed" if x > 5.0 else "complete")
        if state == "complete":
            assert objective == (x - 0.3) ** 2
            assert metrics == {"test_loss": x}
        else:
            kind = "Mute" if x > 8.0 else "Unpicklable" if x > 6.5 else "GeneratorExit"
            assert reason.startswith(f"{kind}: ")
    assert {reason.split(":")[0] for *_, reason in rows} >= {"Mute", "Unpicklable", "GeneratorExit"}


SLOW = """
from dataclasses import dataclass

from hpsearch import Objective, Result, Task

clock = [0.0]


@dataclass(frozen=True)
class Slow(Task):
    objective = Objective("loss", chance=1.0, direction="minimise")

    def load(self, device):
        clock[0] += 100.0

    def train(self, method, configurations, seeds, device):
        clock[0] += 2.0
        return [Result(0.5) for _ in configurations]


clock[0] += 1000.0
TASK = Slow()
"""


def test_seconds_are_those_of_training_and_of_nothing_that_comes_before(own_study, monkeypatch: pytest.MonkeyPatch):
    plan = read_plan(own_study(task=SLOW))
    clock = sys.modules[type(plan.task).__module__].clock
    monkeypatch.setattr("hpsearch.driver.pack.time.perf_counter", lambda: clock[0])
    trained = train_pack(plan.by_name, "wide", [{"x": 1.0}, {"x": 2.0}], [1, 2])
    assert clock[0] == 1102.0
    assert trained.seconds == 2.0


def test_a_dry_run_gives_the_task_copies_too(own_study):
    study = own_study(task=HOSTILE)
    study.write_text(edited(study.read_text(), "space.x = [0.0, 10.0]", "space.x = [0.0, 4.0]"))
    done = cli("run", study, "--dry-run", cwd=study.parent)
    assert done.returncode == 0, done.stderr
    assert "36 trials" in done.stdout
