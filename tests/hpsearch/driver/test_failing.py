"""Trainings that hang, raise or die: ended, tried again, isolated, told apart, and kept with what went wrong."""

import importlib
import itertools
import sys
import time

import pytest

from hpsearch.contracts.errors import SpecError, TaskError
from hpsearch.contracts.progress import silent
from hpsearch.contracts.searcher import History
from hpsearch.contracts.seeds import derived_seed
from hpsearch.driver.check import check
from hpsearch.driver.loop import SetAside
from hpsearch.executors.inline import Inline
from hpsearch.report import write_report
from hpsearch.report.watch import Watched
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study import plan as plans
from hpsearch.study.plan import read_plan
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, run_to_end, started

TASK = """
import os, signal, sys, time
from dataclasses import dataclass
from typing import ClassVar

from hpsearch import Objective, Result, Task


@dataclass(frozen=True)
class Poisonous(Task):
    \"\"\"One configuration in eight does what `kind` says, and with it all that train in its company.\"\"\"

    kind: str = "raise"
    objective: ClassVar[Objective] = Objective("score", chance=0.0)
    methods: ClassVar[None] = None
    pack: ClassVar[int] = 8

    def prepare(self, progress):
        return {}

    def train(self, method, configurations, seeds, device):
        results = []
        for configuration in configurations:
            if configuration["x"] == 5:
                self.poison(configuration)
            results.append(Result(configuration["x"] / 10))
        return results

    def poison(self, configuration):
        if self.kind == "hang":
            time.sleep(600)
        if self.kind == "exit":
            os._exit(3)
        if self.kind == "kill":  # as the system does when memory is at its end
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "memory":
            bytearray(2**60)
        if self.kind == "leave":
            sys.exit(0)
        if self.kind == "odd text":
            raise OSError("no file \\udcff.wav")
        raise RuntimeError("a poisonous configuration")


TASK = Poisonous()
"""
STUDY = """
name = "poison"
trials = 1
repeats = 8
seed = 1
{extra}
task = {{{{ name = "{{module}}", kind = "{kind}" }}}}
searcher = "sobol"

[methods.only]
space.x = [1, 8]
"""


def study_of(own_study, kind, extra=""):
    study = own_study(TASK, STUDY.format(kind=kind, extra=extra))
    # Sobol points of eight studies need not hold a 5: find a seed whose do.
    for seed in range(1, 50):
        study.write_text(edited(study.read_text(), f"seed = {seed - 1 or 1}\n", f"seed = {seed}\n"))
        plan = read_plan(study)
        seeds = [derived_seed(seed, "only", repeat) for repeat in range(1, 9)]
        found = plan.searchers["only"].propose(plan.spaces["only"], [History()] * 8, seeds)
        if [configuration["x"] for configuration in found].count(5) == 1:
            return study
    raise AssertionError("no such seed")


@pytest.mark.parametrize(
    ("kind", "extra", "reason"),
    [
        ("raise", "", "RuntimeError: a poisonous configuration (own_task"),
        ("exit", "", "the worker process died"),
        ("kill", "", "the worker process died (killed, out of memory, or crashed)"),
        ("memory", "", "MemoryError"),
        ("leave", "", "SystemExit: 0"),
        ("odd text", "", r"OSError: no file \udcff.wav"),
        ("hang", "time_limit = 4", "took longer than the time limit of 4 s"),
    ],
)
def test_one_poisonous_trial_fails_alone_and_its_mates_complete(own_study, kind, extra, reason):
    study = study_of(own_study, kind, extra)
    file = study.with_name("run.db")
    executor = started("processes", read_plan(study).spec.time_limit, workers=1)
    try:
        with going_on(study, executor=executor) as records:
            for _ in records:
                pass
    finally:
        executor.close()
    trials = load_tables(file).trials
    assert sorted(trials["state"]) == ["complete"] * 7 + ["failed"]
    lost = trials[trials["state"] == "failed"].iloc[0]
    assert lost["x"] == 5
    assert reason in lost["reason"]
    with Database(file) as database:
        attempts = database.failed_attempts()
    # All eight together twice, then each of them alone; a lost worker may be nobody's fault, and is tried again.
    alone = 5 if "worker process died" in reason else 1
    assert sorted(row.together for row in attempts) == [1] * alone + [8] * 16
    alone = next(row for row in attempts if row.together == 1)
    assert (alone.repeat, alone.attempt) == (lost["repeat"], 3)
    if kind == "raise":
        assert "in poison: raise RuntimeError" in alone.error
        assert alone.error.splitlines()[-1] == "RuntimeError: a poisonous configuration"
        assert "/" not in alone.error.split("raise")[0]  # no folder of this machine


def test_a_study_that_wants_no_failure_stops_and_tries_again(own_study):
    study = study_of(own_study, "raise", 'on_failure = "stop"')
    with pytest.raises(TaskError, match=r"of only failed 3 times.*poisonous.*on_failure"):
        run_to_end(study)
    tables = load_tables(study.with_name("run.db"))
    assert set(tables.trials["state"]) <= {"complete", "proposed"}
    task = next(study.parent.glob("own_task_*.py"))
    task.write_text(edited(task.read_text(), "== 5", "== 50"))
    importlib.reload(sys.modules[task.stem])
    plans._here.clear()  # as in another process
    comparison_tables = load_tables(run_to_end(study))
    assert sorted(comparison_tables.trials["state"]) == ["complete"] * 8


FAULTY = """
    from pathlib import Path
    Path("calls").open("a").write("x")
    if Path("broken").exists():
        raise OSError("the disk is gone")
"""


def test_an_interruption_does_not_use_up_trials_whose_cause_lies_outside(own_study, monkeypatch):
    """Of the failures that count as in a row, some are of the run before."""
    study = own_study(
        edited(OWN_TASK, "configuration, seed):", f"configuration, seed):{FAULTY}"),
        edited(OWN_STUDY, "trials = 6", "trials = 40\npack = 1"),
    )
    monkeypatch.chdir(study.parent)
    (study.parent / "whole").mkdir()
    whole = load_tables(run_to_end(study, "whole.db")).trials.drop(columns="seconds")
    file = study.with_name("run.db")

    def go_on(most):
        with going_on(study) as records:
            for _ in itertools.islice(records, most):
                pass

    go_on(10)
    (study.parent / "broken").touch()
    go_on(15)
    states = load_tables(file).trials["state"].value_counts()
    assert (states["complete"], states["failed"]) == (10, 15)
    with pytest.raises(TaskError, match="20 trials in a row failed, the last with OSError: the disk is gone"):
        go_on(100)
    (study.parent / "broken").unlink()
    go_on(1000)
    assert load_tables(file).trials.drop(columns="seconds").equals(whole)


def test_leaving_from_a_task_inline_is_a_failure_and_no_success(own_study):
    study = own_study(edited(OWN_TASK, "configuration, seed):", "configuration, seed):\n    import sys; sys.exit(0)"))
    done = cli("run", study, "--executor", "inline", cwd=study.parent)
    assert done.returncode == 4
    assert "SystemExit: 0" in done.stderr


def test_a_time_limit_is_positive_and_not_for_inline(own_study):
    study = own_study(study=edited(OWN_STUDY, "seed = 7", "seed = 7\ntime_limit = 0"))
    with pytest.raises(SpecError, match="time_limit"):
        read_plan(study)
    with pytest.raises(SpecError, match="inline takes no time_limit"):
        started("inline", time_limit=3.0)


def rows(file):
    with Database(file) as database:
        return database.all_trials()


def test_what_a_task_itself_calls_failed_is_final(own_study):
    """Forty in a row, and the same command again: it finds nothing to do."""
    failing = "configuration, seed):\n    return Result(None, outcome='failed', reason='as I say')"
    study = own_study(
        edited(OWN_TASK, "configuration, seed):", failing), edited(OWN_STUDY, "trials = 6", "trials = 20\npack = 1")
    )
    file = run_to_end(study)
    before = rows(file)
    assert {row.state for row in before} == {"failed"}
    run_to_end(study)
    assert rows(file) == before


def test_workers_whose_clocks_differ_lose_nothing(own_study, monkeypatch):
    """A fifth of the trials raise; by the workers' clocks all others ended before them."""
    raising = "configuration, seed):\n    if seed % 5 == 0: raise OSError('a fifth')"
    study = own_study(
        edited(OWN_TASK, "configuration, seed):", raising), edited(OWN_STUDY, "trials = 6", "trials = 40\npack = 1")
    )
    now = time.time
    monkeypatch.setattr("hpsearch.driver.pack.time.time", lambda: now() - 600)
    file = run_to_end(study)
    before = rows(file)
    assert 20 < sum(row.state == "failed" for row in before) < 80
    with Database(file) as database:
        assert all(len(failures) < 20 for failures in database.last_failures(1000).values())
    run_to_end(study)
    assert rows(file) == before
    longer = edited(study.read_text(), "trials = 40", "trials = 41")
    study.write_text(longer)
    run_to_end(study)
    kept = {(row.method, row.repeat, row.trial): row for row in rows(file)}
    assert all(kept[row.method, row.repeat, row.trial] == row for row in before)


def test_a_long_message_is_cut(own_study):
    shouting = "configuration, seed):\n    if seed % 3 == 0: raise OSError('x' * 1_000_000)"
    study = own_study(edited(OWN_TASK, "configuration, seed):", shouting), OWN_STUDY)
    file = run_to_end(study)
    (reason,) = {row.reason for row in rows(file)} - {""}
    assert reason.endswith("characters more")
    assert len(reason) < 2_100
    with Database(file) as database:
        assert all(len(row.error) < 2_100 for row in database.failed_attempts())


BROKEN_NARROW = """
    from pathlib import Path
    if "depth" in configuration and (Path(__file__).parent / "broken").exists() and seed % {one_in}:
        raise OSError("no such library")
"""
MANY = edited(edited(OWN_STUDY, "repeats = 3", "repeats = 24\npack = 1"), "trials = 6", "trials = 2")


def with_a_broken_method(own_study, one_in=2**40):
    """A study whose method `narrow` raises, but for one seed in so many, while there is a file `broken` beside it."""
    failing = BROKEN_NARROW.format(one_in=one_in)
    study = own_study(edited(OWN_TASK, "configuration, seed):", f"configuration, seed):{failing}"), MANY)
    whole = rows_as_trained(run_to_end(study, "whole.db"))
    study.with_name("broken").touch()
    return study, whole


def rows_as_trained(file):
    return load_tables(file).trials.drop(columns="seconds")


def sound(file):
    return check(file, proposals=False, progress=silent).faults == ()


def test_a_method_that_always_raises_is_set_aside_and_the_others_come_to_their_end(own_study, tmp_path):
    study, whole = with_a_broken_method(own_study)
    told = []
    with (
        pytest.raises(
            TaskError,
            match=r"^narrow: 20 trials in a row failed, the last with OSError: no such library .*; the other methods "
            "are complete; mend the cause and run again: they will be tried again$",
        ),
        going_on(study) as records,
    ):
        told.extend(records)
    (aside,) = [one for one in told if isinstance(one, SetAside)]
    assert (aside.method, aside.taken_back) == ("narrow", 19)
    file = study.with_name("run.db")
    with Database(file) as database:
        counts = database.counts()
    assert counts["wide"] == {"complete": 48}
    assert set(counts["narrow"]) == {"proposed"}
    assert sound(file)
    assert write_report(file, tmp_path / "report")  # what there is can be reported
    page = (tmp_path / "report" / "README.md").read_text()
    assert "**Warning: no trial of narrow is finished, so that this is about the other methods alone**" in page
    assert "Not finished: 48 of 96 trials" in page
    data = Watched(file).data()
    assert (data["finished"], [method["label"] for method in data["methods"]]) == (48, ["wide"])
    with pytest.raises(TaskError, match="narrow: 20 trials in a row"):  # tried again, and as patiently
        run_to_end(study)
    study.with_name("broken").unlink()
    assert rows_as_trained(run_to_end(study)).equals(whole)


class Several(Inline):
    """Many calls in flight, which are all done when they are looked at."""

    workers = 9


def test_what_is_in_flight_when_its_method_is_set_aside_loses_nothing_and_contradicts_nothing(own_study, monkeypatch):
    study, whole = with_a_broken_method(own_study, one_in=5)
    monkeypatch.setattr("hpsearch.driver.loop.FAILURES_IN_A_ROW", 3)
    file = study.with_name("run.db")
    with (
        pytest.raises(TaskError, match="narrow: 3 trials in a row failed"),
        going_on(study, executor=Several()) as told,
    ):
        list(told)
    assert sound(file)
    study.with_name("broken").unlink()
    monkeypatch.undo()
    assert rows_as_trained(run_to_end(study)).equals(whole)


def test_the_command_says_what_is_set_aside_and_counts_what_is_left(own_study):
    study, _ = with_a_broken_method(own_study)
    done = cli("run", study, "--executor", "inline", cwd=study.parent)
    assert done.returncode == 4
    assert done.stderr.count("narrow: is set aside in this run, for 20 trials in a row failed") == 1
    assert "hpsearch: narrow: 20 trials in a row failed" in done.stderr
    again = cli("run", study, "--executor", "inline", cwd=study.parent)
    assert again.returncode == 4
    assert "going on with own.db, which has 48 trials" in again.stderr


def test_a_method_whose_first_trials_fail_waits_until_another_one_shows_that_the_task_works(own_study):
    failing = """configuration, seed, context):
    if (context.method, context.trial) == ("wide", 1): raise OSError("at first")"""
    study = own_study(
        edited(OWN_TASK, "configuration, seed):", failing), edited(OWN_STUDY, "repeats = 3", "repeats = 3\npack = 1")
    )
    with Database(run_to_end(study)) as database:
        assert database.counts() == {"wide": {"failed": 3, "complete": 15}, "narrow": {"complete": 18}}


DIVERGING = "configuration, seed):\n    if 'depth' in configuration: return float('nan')"


@pytest.mark.parametrize("on_failure", ["count", "stop"])
def test_a_run_whose_trials_nearly_all_diverge_says_so_once_and_goes_on(own_study, on_failure):
    study = own_study(
        edited(OWN_TASK, "configuration, seed):", DIVERGING),
        edited(OWN_STUDY, "repeats = 3", f'repeats = 5\npack = 5\non_failure = "{on_failure}"'),
    )
    done = cli("run", study, "--executor", "inline", cwd=study.parent)
    assert done.returncode == 0
    (said,) = [line for line in done.stderr.splitlines() if "warning" in line]
    assert said == (
        "warning: narrow: 20 of 20 trials diverged, the last because the objective was nan; they count at chance "
        "level, and on_failure does not stop a run for them: look at the task and at this method's ranges"
    )
    assert ", 30 trials diverged;" in done.stderr
