"""A task that prints, changes what is global, raises and returns odd things gives the same table on each executor."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from hpsearch.driver.pack import train_pack
from hpsearch.store.database import Database
from hpsearch.study import kinds
from hpsearch.study.plan import read_plan
from hpsearch.study.registry import Registry
from tests.tools.commands import cli
from tests.tools.editing import edited

HOSTILE = """
import logging
import os
import random
import sys

import numpy as np

from hpsearch import FunctionTask, Objective, Result

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)
log.propagate = False
log.addHandler(logging.StreamHandler())


class Mute(BaseException):
    def __str__(self):
        raise RuntimeError("not even this")


class Unpicklable(Exception):
    def __init__(self):
        super().__init__("held", lambda: None)


def objective(configuration, seed, context):
    print("printed by", context.method, context.repeat, context.trial)
    sys.stderr.write("complained\\r")
    log.info("logged %s", seed)
    sys.stdout.buffer.write(b"bytes\\xff\\n")
    np.random.seed(seed)
    random.seed(seed)
    np.seterr(all="ignore")
    os.environ["HOSTILE"] = "1"
    x = configuration.pop("x")
    if x > 8.0:
        raise Mute
    if x > 6.5:
        raise Unpicklable
    if x > 5.0:
        raise GeneratorExit("gone")
    if x > 4.0:
        return "not a number"
    if x > 2.0:
        return np.float32("nan")
    return Result((x - 0.3) ** 2, metrics={"test_loss": x, "drawn": np.random.random()})


TASK = FunctionTask(objective, Objective("loss", chance=100.0, direction="minimise"))
"""
RAISED = ((8.0, "Mute"), (6.5, "Unpicklable"), (5.0, "GeneratorExit"), (4.0, "ReturnError"))


def expected(x: float, seed: int) -> tuple[str, float | None, str]:
    """State, objective and the beginning of the reason."""
    for above, kind in RAISED:
        if x > above:
            return "failed", None, f"{kind}: "
    if x > 2.0:
        return "diverged", None, "the objective was nan"
    return "complete", (x - 0.3) ** 2, ""


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a hostile task changes for the whole process is afterwards as it was."""
    monkeypatch.delenv("HOSTILE", raising=False)
    before = np.geterr()
    yield
    np.seterr(**before)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    "executor",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in Registry().names(kinds.EXECUTOR)],
)
def test_a_hostile_task_gives_the_same_table_and_output_on_each_executor(own_study, capfd, executor: str):
    if executor == "ray":
        pytest.importorskip("ray")
    study = own_study(task=HOSTILE)
    done = cli("run", study, "--executor", executor, "--workers", "1", "--quiet", cwd=study.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert capfd.readouterr() == ("", "")  # nor do workers write to what they inherit
    with Database(study.parent / "own.db") as database:
        rows = database.all_trials()
        assert len(rows) == 36
        for row in rows:
            x = row.configuration["x"]
            state, objective, reason = expected(x, row.seed)
            assert (row.state, row.objective) == (state, objective)
            assert row.reason.startswith(reason)
            if state == "complete":
                assert row.metrics == {"test_loss": x, "drawn": np.random.RandomState(row.seed).random_sample()}
            outputs = database.outputs(row.method, row.repeat, row.trial)
            said = f"printed by {row.method} {row.repeat} {row.trial}\ncomplained\rlogged {row.seed}\nbytes\ufffd\n"
            assert {output.text for output in outputs} == {said}
            assert [output.failed for output in outputs] == ([True, True] if state == "failed" else [False])
        assert {row.reason.split(":")[0] for row in rows} >= {kind for _, kind in RAISED}
        assert {row.state for row in rows} == {"complete", "diverged", "failed"}


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
