"""Trials proposed several at a time, and trials trained with several seeds: in a run, killed, extended, checked."""

import contextlib
import os
import signal
import sqlite3
import subprocess
from pathlib import Path
from statistics import fmean

import pytest

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import silent
from hpsearch.contracts.searcher import History
from hpsearch.driver.check import check
from hpsearch.driver.estimate import estimate
from hpsearch.driver.replay import replay
from hpsearch.export import csv
from hpsearch.report.search.findings import compute_findings
from hpsearch.searchers.sobol import Sobol
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from tests.hpsearch.driver.test_killed import command
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, recorded, run_to_end, table
from tests.tools.waiting import until

ROUNDS = edited(OWN_STUDY, "trials = 6", "trials = 8\nparallel = 3")
SEEDS = edited(OWN_STUDY, "trials = 6", "trials = 4\nseeds = 3")
BOTH = edited(OWN_STUDY, "trials = 6", "trials = 5\nparallel = 2\nseeds = 3")


def seeds_of(file):
    with Database(file) as database:
        return database.seeds()


def checked(file):
    return check(file, proposals=True, progress=silent, trust=True)


class Told(Sobol):
    """Sobol points, and a note of what the searcher was told."""

    def propose(self, space, histories, seeds):
        TOLD.extend((len(history), len(history.pending)) for history in histories)
        return super().propose(space, histories, seeds)


TOLD: list[tuple[int, int]] = []


def test_a_round_is_proposed_from_the_rounds_before_and_knows_what_is_pending(own_study):
    study = own_study(study=edited(ROUNDS, "repeats = 3", "repeats = 1"))
    TOLD.clear()
    run_to_end(study, searcher=Told())
    of_one_study = [(0, 0), (0, 1), (0, 2), (3, 0), (3, 1), (3, 2), (6, 0), (6, 1)]
    assert sorted(TOLD) == sorted(of_one_study * 2)


def test_trials_of_a_round_are_those_of_one_at_a_time_where_the_searcher_does_not_look(own_study):
    alone = table(run_to_end(own_study(study=edited(ROUNDS, "\nparallel = 3", "")), "alone.db"))
    assert table(run_to_end(own_study(study=ROUNDS))) == alone


def test_a_trials_objective_is_the_mean_over_its_seeds_of_which_the_first_is_its_only_one(own_study):
    one = table(run_to_end(own_study(study=edited(SEEDS, "\nseeds = 3", "")), "one.db"))
    file = run_to_end(own_study(study=SEEDS))
    rows, trials = seeds_of(file), table(file)
    assert len(rows) == 3 * len(trials) == 72
    assert len({row.seed for row in rows}) == 72
    for trial, alone in zip(trials, one, strict=True):
        own = [row for row in rows if row[:3] == trial[:3]]
        assert [row.number for row in own] == [1, 2, 3]
        assert (own[0].seed, own[0].objective) == (trial.seed, alone.objective)
        assert trial.objective == fmean(row.objective for row in own)
        assert trial.metrics["test_loss"] == pytest.approx(2 * trial.objective)
        assert trial.curves == {"loss": [1.0, trial.objective]}
    assert [(row.metrics["test_loss"], row.curves["loss"][1]) for row in rows] == [
        (2 * row.objective, row.objective) for row in rows
    ]


@pytest.mark.parametrize("searcher", ['"sobol"', '{{ name = "botorch", initial = 2 }}'])
def test_a_killed_run_ends_in_the_same_tables(own_study, gate, searcher):
    study = own_study(gate.task, edited(edited(BOTH, '"sobol"', searcher), "repeats = 3", "repeats = 2\npack = 2"))
    gate.allow(1000)
    whole = run_to_end(study, "whole.db")
    file = study.with_name("killed.db")
    for _ in range(2):
        before = recorded(file)
        gate.allow(20)
        process = subprocess.Popen(command(study, 2), start_new_session=True)
        until(lambda before=before: gate.reached() and recorded(file) >= before + 4)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    gate.allow(1000)
    assert subprocess.run(command(study, 2), check=False).returncode == 0
    assert table(file) == table(whole)
    assert seeds_of(file) == seeds_of(whole)
    assert checked(file).faults == ()


def test_a_round_cut_by_the_end_is_filled_when_there_are_more_trials(own_study):
    few = edited(ROUNDS, "repeats = 3", "repeats = 2\npack = 2")
    study = own_study(study=edited(few, '"sobol"', '{{ name = "botorch", initial = 5 }}'))
    run_to_end(study)
    study.write_text(edited(study.read_text(), "trials = 8", "trials = 10"))
    assert table(run_to_end(study)) == table(run_to_end(study, "fresh.db"))


def test_another_number_of_seeds_or_in_parallel_is_another_comparison(own_study, cli_run):
    study = own_study(study=BOTH)
    run_to_end(study, "run.db")
    for old, new in (("parallel = 2", "parallel = 3"), ("seeds = 3", "seeds = 2")):
        study.write_text(edited(study.read_text(), old, new))
        message = cli_run(study)
        assert f"{new} here and {old.split()[-1]} there".replace(" = ", " is ") in message
        study.write_text(edited(study.read_text(), new, old))


@pytest.fixture
def cli_run():
    from hpsearch.contracts.errors import DatabaseError

    def run(study):
        with pytest.raises(DatabaseError) as refused, going_on(study) as records:
            list(records)
        return str(refused.value)

    return run


def test_costs_count_rounds_and_all_trainings(own_study):
    file = run_to_end(own_study(study=BOTH))
    units = compute_findings(load_tables(file)).targets[0].units
    assert {unit: reach.spent for unit, reach in units.items() if unit != "seconds"} == {
        "trials": 5, "rounds": 3, "trainings": 15, "epochs": 30,
    }  # fmt: skip
    assert list(units) == ["trials", "rounds", "trainings", "epochs", "seconds"]
    # Trials of the same round end together.
    for reach in (units["rounds"], units["trials"]):
        assert set(reach.times["wide"].times) <= {1, 2, 3, 4, 5}


def test_a_seed_that_is_lost_counts_in_the_mean_at_chance(own_study):
    lost = '    if seed % 3 == 0: return float("nan")\n    value ='
    file = run_to_end(own_study(edited(OWN_TASK, "    value =", lost), SEEDS))
    rows, trials = seeds_of(file), table(file)
    assert {row.state for row in rows} == {"complete", "diverged"}
    for trial in trials:
        own = [row.objective for row in rows if row[:3] == trial[:3]]
        complete = [value for value in own if value is not None]
        if complete:
            expected = fmean(max([1.0, *complete]) if value is None else value for value in own)
            assert (trial.state, trial.objective) == ("complete", expected)
        else:
            assert (trial.state, trial.objective) == ("diverged", None)
    assert checked(file).faults == ()


def test_what_a_worker_breaks_is_recorded_without_seeds_and_checks(own_study):
    broken = '    if configuration["x"] > 8: raise RuntimeError("as asked")\n    value ='
    file = run_to_end(own_study(edited(OWN_TASK, "    value =", broken), BOTH))
    failed = {trial[:3] for trial in table(file) if trial.state == "failed"}
    assert failed
    assert failed.isdisjoint({row[:3] for row in seeds_of(file)})
    assert checked(file).faults == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE seeds SET objective = 0.5 WHERE trial = 2 AND number = 3", "its objective is not the mean over its"),
        ("UPDATE seeds SET seed = 1 WHERE trial = 2 AND number = 3", "its seeds are not those that derive"),
        ("DELETE FROM seeds WHERE trial = 2 AND number = 3", "its seeds are not those that derive"),
    ],
)
def test_a_change_of_what_a_seed_gave_is_found(own_study, change, said):
    file = run_to_end(own_study(study=SEEDS))
    with contextlib.closing(sqlite3.connect(file)) as changed, changed:
        changed.execute(change)
    faults = checked(file).faults
    assert len(faults) == 6
    assert said in faults[0]


def test_a_trial_is_replayed_with_all_its_seeds(own_study):
    file = run_to_end(own_study(study=BOTH))
    found = replay(file, "wide", 2, 3, silent, trust=True)
    assert (found.differing, found.numbers) == ((), 4 * 6)  # state, reason, objective, metric, two epochs
    with contextlib.closing(sqlite3.connect(file)) as changed, changed:
        changed.execute("UPDATE seeds SET objective = objective + 1 WHERE number = 2")
    (differing,) = replay(file, "wide", 2, 3, silent, trust=True).differing
    assert differing.startswith("seed 2: objective: ")


def test_the_results_of_seeds_are_in_tables_and_exports(own_study):
    file = run_to_end(own_study(study=SEEDS))
    frame, exported = load_tables(file).seeds, csv.tables(file)["seeds"]
    assert list(exported) == [
        "method",
        "repeat",
        "trial",
        "number",
        "objective",
        "test_loss",
        "state",
        "reason",
        "seed",
    ]
    assert exported["objective"] == frame["objective"].tolist()
    assert len(frame) == 72
    plain = run_to_end(own_study(), "plain.db")
    assert "seeds" not in csv.tables(plain)
    assert len(load_tables(plain).seeds) == 0


def test_failures_that_are_taken_back_leave_what_is_finished_of_their_round(own_study):
    """Trials 4 and 6 failed, 5 is complete, and 7 to 9 were proposed after them."""
    file = run_to_end(own_study(study=edited(ROUNDS, "trials = 8", "trials = 9")))
    with Database(file, write=True) as database:
        with database.transaction() as connection:
            connection.execute("UPDATE trials SET state = 'failed' WHERE study_id = 1 AND trial IN (4, 6)")
            connection.execute("UPDATE trials SET state = 'proposed' WHERE study_id = 1 AND trial > 6")
        database.reopen([(1, 4), (1, 6)], parallel=3)
        states = [trial.state for trial in database.trials(1)]
    assert states == ["complete", "complete", "complete", "proposed", "complete", "proposed"]


def test_a_history_names_what_is_pending_after_what_is_known():
    history = History(({"x": 1}, {"x": 2}), (0.1, 0.2), ({"x": 3},))
    assert (len(history), history.proposed) == (2, 3)


def test_a_failure_that_a_task_tells_is_taken_back_with_what_its_seeds_gave(own_study):
    """Such a trial counts among those that failed in a row if an attempt before broke."""
    said = OWN_TASK.replace(
        "    value =", '    if seed: return Result(None, {"a": 1.0}, {"loss": [1.0]}, "failed", "no")\n    value ='
    )
    study = own_study(said, SEEDS)
    file = run_to_end(study)
    with Database(file, write=True) as database:
        run, before = database.runs()[0].id, [row for row in database.seeds() if row[:3] == ("wide", 1, 1)]
        database.failed_attempt(run, "2026-01-01T00:00:00.000+00:00", [(1, 1)], 1, "broke")
        database.reopen([(1, 1)])
        (trial,) = database.trials(1)
        assert (trial.state, trial.objective, trial.epochs) == ("proposed", None, None)
    assert checked(file).faults == ()
    run_to_end(study)
    assert [row for row in seeds_of(file) if row[:3] == ("wide", 1, 1)] == before
    assert checked(file).faults == ()


def test_no_metric_hides_the_number_of_a_seed(own_study):
    named = edited(OWN_TASK, '"test_loss"', '"number"')
    assert {trial.state for trial in table(run_to_end(own_study(named), "one.db"))} == {"complete"}
    with pytest.raises(TaskError, match="a metric or curve may not be named 'number': a column has this name"):
        run_to_end(own_study(named, SEEDS))


def test_an_estimate_counts_what_is_kept_of_each_seed(own_study):
    one, three = (
        estimate(read_plan(own_study(study=study)), Path("none.db"), 1, silent).database_bytes
        for study in (edited(SEEDS, "\nseeds = 3", ""), SEEDS)
    )
    assert three > 1.2 * one
