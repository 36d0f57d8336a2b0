"""Which examples incumbents classified correctly: what is kept, what a report says of other examples, and damage."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from hpsearch.contracts.correctness import Correctness, summed
from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Result
from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.returned import checked_results
from hpsearch.report import write_report
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.truth import OTHER_EXAMPLES, endpoints_table
from hpsearch.report.search.values import FRESH, RECORDED, TEST
from hpsearch.report.search.verdict import ONE_SPLIT, sources
from hpsearch.statistics.examples import difference_with_examples
from hpsearch.store.tables import load_tables
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import going_on, recorded, run_to_end

TASK = """
import random

from hpsearch import Correctness, FunctionTask, Objective, Result

HARD = [random.Random(i).random() for i in range(120)]  # how hard each example is


def counts(random, hard, skill):
    return [sum(random.random() < 1 - (1 - skill) * 2 * h for _ in range(2)) for h in hard]


def objective(configuration, seed):
    drawn = random.Random(seed)
    skill = 0.9 - (configuration["x"] - 0.3) ** 2 - configuration.get("penalty", 0.0)
    right = {"validation": counts(drawn, HARD[:50], skill), "test": counts(drawn, HARD[50:], skill)}
    shares = {part: sum(of) / (2 * len(of)) for part, of in right.items()}
    correct = {part: Correctness(of, of=2) for part, of in right.items()}
    return Result(shares["validation"], metrics={"test_accuracy": shares["test"]}, correct=correct)


TASK = FunctionTask(objective, Objective("validation accuracy", chance=0.1, bounds=(0.0, 1.0)))
"""
STUDY = """
name = "correct"
trials = 8
repeats = 4
seed = 3
task = "correct_task"
searcher = "random"

[methods.good]
space.x = [0.0, 1.0]

[methods.bad]
space = { x = [0.0, 1.0], penalty = 0.1 }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("correct")
    (folder / "correct_task.py").write_text(TASK)
    return folder


@pytest.fixture(scope="module")
def file(folder):
    (folder / "whole.toml").write_text(STUDY)
    return run_to_end(folder / "whole.toml", "whole.db")


def leading(trials, sign=1):
    """(method, repeat, trial) of each trial that was the best so far."""
    found = set()
    for (label, repeat), rows in trials.groupby(["method", "repeat"]):
        best = -np.inf
        for trial, value in zip(rows["trial"], sign * rows["objective"], strict=True):
            if value > best:
                best = value
                found.add((label, repeat, trial))
    return found


def test_that_of_every_incumbent_is_kept_and_of_no_other_trial(file):
    tables = load_tables(file)
    assert set(tables.correct) == leading(tables.trials)
    values = tables.trials.set_index(["method", "repeat", "trial"])
    for place, correct in tables.correct.items():
        assert np.mean(correct["validation"].counts) / 2 == values.at[place, "objective"]
        assert np.mean(correct["test"].counts) / 2 == values.at[place, "test_accuracy"]
    assert check(file, proposals=False, progress=silent, trust=True).faults == ()


def test_trials_of_a_round_that_end_in_another_order_leave_the_same(folder):
    rounds = folder / "rounds.toml"
    rounds.write_text(edited(STUDY, "trials = 8", "trials = 8\nparallel = 4\npack = 1"))
    first = load_tables(run_to_end(rounds, "rounds.db"))
    turned = load_tables(run_to_end(rounds, "turned.db", "processes", workers=2))
    assert set(first.correct) == leading(first.trials)
    assert turned.correct == first.correct


def test_a_run_that_was_stopped_goes_on_to_the_same(folder, file):
    whole = load_tables(file)
    with going_on(folder / "whole.toml", "stopped.db") as records:
        for _ in records:
            if recorded(folder / "stopped.db") >= 20:
                break
    stopped = load_tables(run_to_end(folder / "whole.toml", "stopped.db"))
    assert stopped.correct == whole.correct
    assert stopped.trials.drop(columns="seconds").equals(whole.trials.drop(columns="seconds"))


def test_nothing_is_kept_if_the_study_file_says_so_and_no_number_differs(folder, file):
    without = folder / "without.toml"
    without.write_text(edited(STUDY, "trials = 8", "trials = 8\nkeep_correct = false"))
    tables = load_tables(run_to_end(without, "without.db"))
    assert tables.correct == {}
    assert tables.trials.drop(columns="seconds").equals(load_tables(file).trials.drop(columns="seconds"))
    assert sources(compute_findings(tables)) == ONE_SPLIT


def test_seeds_of_a_trial_are_further_tries(folder):
    several = folder / "several.toml"
    several.write_text(edited(STUDY, "trials = 8", "trials = 3\nseeds = 3"))
    tables = load_tables(run_to_end(several, "several.db"))
    values = tables.trials.set_index(["method", "repeat", "trial"])
    for place, correct in tables.correct.items():
        assert correct["validation"].of == 6
        assert np.mean(correct["validation"].counts) / 6 == pytest.approx(values.at[place, "objective"])


class TestReport:
    def test_the_difference_has_an_interval_for_other_examples(self, file):
        tables = load_tables(file)
        found = compute_findings(tables)
        for kind, part in ((RECORDED, "validation"), (TEST, "test")):
            measured = found.incumbents.values[kind]
            shares = {
                label: np.array(
                    [
                        np.array(tables.correct[label, int(row.repeat), int(row.trial)][part].counts) / 2
                        for row in found.curves.methods[label].chosen.itertuples()
                    ]
                )
                for label in tables.methods
            }
            both = measured.difference_with_examples("good", "bad")
            assert both == difference_with_examples(shares["good"], shares["bad"])
            assert both.estimate == pytest.approx(measured.difference("good", "bad").estimate)
        (head, *rows), note = endpoints_table(found)
        assert OTHER_EXAMPLES in head
        assert OTHER_EXAMPLES in note
        assert [bool(row[head.index(OTHER_EXAMPLES)]) for row in rows] == [row[1] in (RECORDED, TEST) for row in rows]

    def test_the_page_says_which_luck_its_intervals_hold(self, file, tmp_path):
        write_report(file, tmp_path)
        page, html = ((tmp_path / name).read_text() for name in ("README.md", "index.html"))
        assert "which also hold the luck of which 50 validation and 70 test examples there were" in page
        for text in (page, html):
            assert OTHER_EXAMPLES in text

    def test_fresh_seeds_have_it_too(self, folder, file):
        done = cli("confirm", "whole.db", "--trust", "--seeds", 2, "--executor", "inline", "-q", cwd=folder)
        assert done.returncode == 0, done.stderr
        tables, confirmed = load_tables(file), load_tables(folder / "whole-confirm.db")
        fresh = compute_findings(tables, confirmed=confirmed).incumbents.values[FRESH]
        for label, values in fresh.methods.items():
            of_study = [
                [np.array(confirmed.correct[f"{label} / study {n}", seed, 1]["validation"].counts) for seed in (1, 2)]
                for n in (1, 2, 3, 4)
            ]
            assert fresh.examples[label] == pytest.approx(np.mean(of_study, axis=1) / 2)
            assert fresh.examples[label].mean(axis=1) == pytest.approx(values.of[:, -1])

    def test_nothing_is_said_of_examples_if_the_objective_is_not_their_share(self, file, tmp_path):
        other = tmp_path / "other.db"
        with closing(sqlite3.connect(file)) as there, closing(sqlite3.connect(other)) as copy:
            there.backup(copy)
            copy.execute("UPDATE trials SET objective = objective / 2")
            copy.commit()
        assert not compute_findings(load_tables(other)).incumbents.values[RECORDED].examples


@pytest.mark.parametrize(
    "change",
    ["counts = x'00'", "counts = zeroblob(9)", "examples = examples + 1", "tries = 1", "tries = 0", "part = 'other'"],
)
def test_damage_is_told(file, tmp_path, change):
    damaged = tmp_path / "damaged.db"
    with closing(sqlite3.connect(file)) as there, closing(sqlite3.connect(damaged)) as copy:
        there.backup(copy)
        copy.execute(f"UPDATE correct SET {change} WHERE (study_id, trial, part) = (1, 1, 'validation')")
        copy.commit()
    with pytest.raises(DatabaseError, match="what good, study 1, trial 1 classified correctly"):
        load_tables(damaged)


@pytest.mark.parametrize(
    ("correct", "said"),
    [
        ({"train": Correctness([1])}, "is of validation or test, got 'train'"),
        ({"test": [1, 0]}, "must be an hpsearch.Correctness, got list"),
        ({"test": Correctness([])}, "one number per example"),
        ({"test": Correctness([2, 0])}, "0 to 1, got 0 to 2"),
        ({"test": Correctness([0], of=0)}, "of must be"),
        ({"test": Correctness(["a"])}, "whole numbers"),
        ([], "must be a mapping"),
    ],
)
def test_what_cannot_be_kept_is_refused(correct, said):
    with pytest.raises(TypeError, match=said):
        checked_results([Result(0.5, correct=correct)], 1)


def test_numbers_of_any_library_are_taken():
    (result,) = checked_results([Result(0.5, correct={"test": Correctness(np.array([1, 0, 2]), np.int64(2))})], 1)
    assert json.dumps([result.correct["test"].counts, result.correct["test"].of]) == "[[1, 0, 2], 2]"


def test_different_numbers_of_examples_make_no_sum():
    assert summed([Correctness([1, 0]), Correctness([1])]) is None
    assert summed([Correctness([1, 0], 1), Correctness([2, 2], 3)]) == Correctness([3, 2], 4)
