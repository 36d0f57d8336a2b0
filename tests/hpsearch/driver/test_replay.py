import json
import sqlite3

import pytest

from hpsearch.contracts.errors import OtherDataError, ReplayError
from hpsearch.contracts.progress import silent
from hpsearch.driver.replay import replay
from hpsearch.store.database import Database
from tests.tools.studies import run_to_end

TASK = """
import torch
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed, context):
    x = configuration["x"]
    assert (context.method, len(str(context.trial))) == ("wide", 1)
    if x > 9:
        raise RuntimeError("too much")
    generator = torch.Generator().manual_seed(seed)
    values = [float(v) for v in torch.rand(4, generator=generator) * x]
    metrics = {"other": values[0], "of_study": context.repeat}
    return Result(values[-1] if x < 8 else float("nan"), metrics, {"loss": values})


TASK = FunctionTask(objective, Objective("loss", chance=10.0, direction="minimise"))
"""
STUDY = """
name = "own"
trials = 8
repeats = 2
seed = 7
task = "{module}"
searcher = "sobol"

[methods.wide]
space.x = [0.0, 10.0]
"""


@pytest.fixture
def database(own_study):
    return run_to_end(own_study(TASK, STUDY))


def change(file, sql, *values):
    with sqlite3.connect(file) as connection:
        connection.execute(sql, values)
    connection.close()


def test_every_trial_repeats_to_the_last_bit_whatever_came_of_it(database):
    with Database(database) as opened:
        states = {(row.repeat, row.trial): row.state for row in opened.all_trials()}
    assert set(states.values()) == {"complete", "diverged", "failed"}
    for (repeat, trial), state in states.items():
        found = replay(database, "wide", repeat, trial, silent, trust=True)
        assert (found.differing, found.incomparable, found.changed_code) == ((), (), "")
        assert found.numbers == (3 if state == "failed" else 9)


def test_a_failure_of_another_kind_does_not_agree(database):
    change(database, "UPDATE trials SET reason = 'MemoryError' WHERE state = 'failed'")
    with Database(database) as opened:
        row = next(row for row in opened.all_trials() if row.state == "failed")
    (difference,) = replay(database, "wide", row.repeat, row.trial, silent, trust=True).differing
    assert difference.startswith("reason: MemoryError recorded, RuntimeError: too much")


def test_the_last_bit_is_told(database):
    with Database(database) as opened:
        row = next(row for row in opened.all_trials() if row.state == "complete")
    curve = [*row.curves["loss"]]
    curve[2] = float(__import__("math").nextafter(curve[2], 9))
    change(
        database, "UPDATE trials SET curves = ? WHERE study_id = ? AND trial = ?",
        json.dumps({"loss": curve}), row.repeat, row.trial,  # of one method: a study's id is its number
    )  # fmt: skip
    found = replay(database, "wide", row.repeat, row.trial, silent, trust=True)
    assert found.differing == (f"loss in epoch 3: {curve[2]} recorded, {row.curves['loss'][2]} now",)


def test_why_machines_are_not_comparable_is_told(database):
    with Database(database) as opened:
        place = opened.runs()[0].provenance
    place |= {"processor": "Z80", "commit": "abc"}
    place["versions"]["torch"] = "0.1"
    change(database, "UPDATE runs SET provenance = ?", json.dumps(place))
    found = replay(database, "wide", 1, 1, silent, trust=True)
    assert found.differing == ()
    assert found.incomparable[0].startswith("processor: Z80 before")
    assert any(line.startswith("torch: 0.1 before") for line in found.incomparable)
    assert found.changed_code.startswith("abc then")


def test_changed_defaults_are_told_and_new_settings_are_not(database):
    with Database(database) as opened:
        resolved = opened.existing().resolved
    resolved["task"]["function"] = "another"
    del resolved["task"]["objective"]
    change(database, "UPDATE comparison SET resolved = ?", json.dumps(resolved))
    found = replay(database, "wide", 1, 1, silent, trust=True)
    assert found.incomparable == ("task.function: 'another' before, 'objective' now",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("narrow", 1, 1), "no finished trial of 'narrow'; there are wide"),
        (("wide", 3, 1), "no finished trial 1 in study 3 of wide; studies are 1 to 2 and trials 1 to 8"),
        (("wide", 1, 9), "studies are 1 to 2 and trials 1 to 8"),
        (("wide", 0, 0), "no finished trial 0"),
    ],
)
def test_what_is_not_there_is_said(database, words, message):
    with pytest.raises(ReplayError, match=message):
        replay(database, *words, silent, trust=True)


def test_other_data_is_refused(database):
    change(database, "UPDATE comparison SET data = ?", json.dumps({"corpus_sha256": "abc"}))
    with pytest.raises(OtherDataError, match=r"was run on other data than lies here \(corpus_sha256 differ\)"):
        replay(database, "wide", 1, 1, silent, trust=True)
