"""`incumbent = "model"`: what a study chooses where its best recorded trial was lucky, wherever a choice is read."""

import json

import numpy as np
import pytest

from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.truth import choosing_text
from hpsearch.report.search.values import FRESH, MODEL, RECORDED, TEST
from hpsearch.report.search.verdict import sentences
from hpsearch.store.chosen import chosen
from hpsearch.store.tables import load_tables
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import run_to_end

TASK = """
import math
import random

from hpsearch import Correctness, FunctionTask, Objective, Result


def objective(configuration, seed, context):
    x = configuration["x"]
    if x > 0.97:
        return Result(None, outcome="diverged", reason="too far")
    worth = 0.6 + 0.2 * math.exp(-(((x - 0.7) / 0.25) ** 2))
    lucky = context.trial > 1 and 0.25 < x < 0.3  # a confirmation has one trial
    value = 0.9 if lucky else worth + random.Random(seed).gauss(0, 0.02)
    right = [int(i < round(1000 * value)) for i in range(1000)]
    return Result(
        sum(right) / 1000, metrics={"test_accuracy": worth}, correct={"validation": Correctness(right)}
    )


TASK = FunctionTask(objective, Objective("validation accuracy", chance=0.1, bounds=(0.0, 1.0)))
"""
STUDY = """
name = "lucky"
trials = 30
repeats = 4
seed = 5
task = "lucky_task"
searcher = "sobol"
incumbent = "model"

[methods.one]
space.x = [0.0, 1.0]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lucky")
    (folder / "lucky_task.py").write_text(TASK)
    (folder / "lucky.toml").write_text(STUDY)
    (folder / "recorded.toml").write_text(edited(STUDY, '"model"', '"recorded"'))
    run_to_end(folder / "lucky.toml", "lucky.db")
    run_to_end(folder / "recorded.toml", "recorded.db")
    return folder


@pytest.fixture(scope="module")
def tables(folder):
    return load_tables(folder / "lucky.db")


def test_a_lucky_trial_is_not_chosen_though_its_recorded_value_is_the_best(folder, tables):
    by_value = chosen(load_tables(folder / "recorded.db"))
    (rows,) = chosen(tables).values()
    assert rows["repeat"].tolist() == [1, 2, 3, 4]
    assert ((rows["x"] - 0.7).abs() < 0.03).all()
    assert by_value["one"]["x"].between(0.25, 0.3).all()


def test_no_trial_depends_on_it(folder, tables):
    other = load_tables(folder / "recorded.db").trials
    assert tables.trials.drop(columns="seconds").equals(other.drop(columns="seconds"))


def test_which_examples_were_right_is_kept_of_every_complete_trial(tables):
    complete = tables.trials[tables.trials["state"] == "complete"]
    assert len(complete) < len(tables.trials)
    assert set(tables.correct) == set(zip(*(complete[name] for name in ("method", "repeat", "trial")), strict=True))


def test_best_names_the_models_choice(folder, tables):
    done = cli("best", "lucky.db", "--as", "json", cwd=folder)
    for label, of_method in json.loads(done.stdout)["methods"].items():
        assert [row["trial"] for row in of_method["chosen"]] == chosen(tables)[label]["trial"].tolist()
    assert "choice by a model of its trials of each study" in cli("best", "lucky.db", cwd=folder).stdout
    done = cli("best", "lucky.db", "--as", "json", "--overall", "--method", "one", cwd=folder)
    (overall,) = json.loads(done.stdout)["methods"]["one"]["chosen"]
    assert abs(overall["configuration"]["x"] - 0.7) < 0.03


def test_the_report_is_of_the_models_choice_and_says_so(tables):
    found = compute_findings(tables)
    for label, rows in chosen(tables).items():
        assert found.curves.methods[label].chosen["trial"].tolist() == rows["trial"].tolist()
        tested = found.incumbents.values[TEST].methods[label]
        assert tested.trials.tolist() == [30]
        assert tested.of[:, 0] == pytest.approx(rows["test_accuracy"])
        assert found.incumbents.values[MODEL].methods[label].trials.tolist() == [30]
        best = found.curves.methods[label].incumbents
        assert (best[:, -1] == np.maximum.accumulate(best, axis=1)[:, -1]).all()
    assert found.incumbents.choosing[TEST]["one"].low > 0.1  # the lucky configurations are worth some 0.2 less
    assert set(found.incumbents.values[RECORDED].examples) == {"one"}
    assert choosing_text(found).startswith("Each study chose by the posterior mean")
    assert any("choose by a model of their own trials" in sentence for sentence in sentences(found))


def test_it_may_be_changed_afterwards(folder, tables):
    """It is part of no trial: the same database, with the other rule in the study file, chooses by that."""
    (folder / "lucky.toml").write_text(edited(STUDY, '"model"', '"recorded"'))
    try:
        changed = load_tables(run_to_end(folder / "lucky.toml", "lucky.db"))
        by_value = chosen(load_tables(folder / "recorded.db"))
        assert all(chosen(changed)[label].equals(rows) for label, rows in by_value.items())
    finally:
        (folder / "lucky.toml").write_text(STUDY)
        run_to_end(folder / "lucky.toml", "lucky.db")


def test_confirm_trains_the_models_choice_and_refuses_along(folder, tables):
    words = ("confirm", "lucky.db", "--trust", "--executor", "inline", "-q")
    refused = cli(*words, "--along", "all", cwd=folder)
    assert refused.returncode == 3
    assert "confirm it without --along" in refused.stderr
    assert not (folder / "lucky-confirm-along.db").exists()
    done = cli(*words, "--seeds", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    confirmed = load_tables(folder / "lucky-confirm.db")
    for label, rows in chosen(tables).items():
        for row in rows.itertuples():
            trained = confirmed.trials[confirmed.trials["method"] == f"{label} / study {row.repeat}"]
            assert (trained["x"] == row.x).all()
    found = compute_findings(tables, confirmed=confirmed)
    assert found.incumbents.truest.kind == FRESH
