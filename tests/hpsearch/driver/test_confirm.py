"""Chosen configurations trained again with fresh seeds."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.driver.confirm import confirmation
from hpsearch.report.confirmed import compute_confirmed, write_confirmed
from hpsearch.report.context import ReportContext
from hpsearch.store.chosen import along, chosen, method_of
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.registry import Registry
from tests.tools.commands import cli
from tests.tools.studies import OWN_STUDY, run_to_end

OF_VERSION_0_1 = Path(__file__).parent / "databases"
"""A comparison and its confirmation, as version 0.1 wrote them."""


@pytest.fixture
def file(own_study):
    return run_to_end(own_study())


def confirm(file, *words):
    command = [sys.executable, "-m", "hpsearch", "confirm", file.name, "--trust", *words]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return load_tables(file.with_name(f"{file.stem}-confirm.db")), done.stdout


def test_every_choice_is_trained_with_fresh_seeds_and_nothing_else_changed(file):
    searched = load_tables(file)
    tables, printed = confirm(file, "--seeds", "4", "--executor", "inline", "--quiet")
    picked = chosen(searched)
    assert len(tables.trials) == 2 * 3 * 4  # methods, studies, seeds
    for label, rows in picked.items():
        for row in rows.to_dict("records"):
            again = tables.trials[tables.trials["method"] == f"{label} / study {row['repeat']}"]
            assert again["x"].tolist() == [row["x"]] * 4
    assert not set(tables.trials["seed"]) & set(searched.trials["seed"])
    assert tables.trials["seed"].nunique() == 24
    assert "run-confirm-report" in printed


def test_the_seeds_of_a_confirmation_are_as_long_as_those_of_the_search(file):
    """What an older version searched is confirmed with the seeds that it would have had there."""
    old = OF_VERSION_0_1 / "figure8-fsdd.db"
    plans = [confirmation(load_tables(searched), Registry.here(file.parent), 2, True, {}) for searched in (file, old)]
    assert [plan.seed_bits for plan in plans] == [31, 63]


def test_its_statistics_by_hand(file):
    tables, _ = confirm(file, "--seeds", "3", "--executor", "inline", "--quiet")
    wide = compute_confirmed(tables)["wide"]
    mine = tables.trials[tables.trials["method"].map(method_of) == "wide"]
    means = mine.groupby("method")["objective"].mean()
    assert float(wide.mean(None, tables.objective).estimate) == pytest.approx(means.mean())
    assert wide.recorded.tolist() == pytest.approx(chosen(load_tables(file))["wide"]["objective"].tolist())
    # One-way analysis of variance: between configurations (3 of 3 seeds) and within them.
    within = mine.groupby("method")["objective"].var().mean()
    noise = wide.noise()
    assert noise.within == pytest.approx(np.sqrt(within))
    assert noise.between == pytest.approx(np.sqrt(max(0.0, means.var() - within / 3)))
    table = pd.read_csv(file.with_name("run-confirm-report") / "confirmed.csv")
    assert table["seeds"].tolist() == [3] * 6
    page = (file.with_name("run-confirm-report") / "README.md").read_text()
    assert "| wide | 3 x 3 |" in page
    assert "flattered by" in page


def test_it_goes_on_where_it_stopped(file):
    tables, _ = confirm(file, "--seeds", "3", "--executor", "inline", "--quiet")
    whole = tables.trials.drop(columns=["seconds"])
    out = file.with_name("run-confirm.db")
    with Database(out, write=True) as database:  # as a run that was killed leaves it
        database.connection.execute("UPDATE trials SET state = 'proposed', objective = NULL WHERE study_id > 7")
        database.connection.commit()
    again, _ = confirm(file, "--seeds", "3", "--executor", "inline", "--quiet")
    pd.testing.assert_frame_equal(again.trials.drop(columns=["seconds"]), whole)


def test_only_the_best_study_of_each_method(file):
    spec = confirmation(load_tables(file), Registry.here(file.parent), 5, True, {}).spec
    assert [method_of(label) for label in spec.methods] == ["wide", "narrow"]


def test_a_label_that_looks_like_a_confirmed_one_stays_whole():
    assert method_of("a / study 3 / study 12") == "a / study 3"
    assert method_of("plain") == "plain"


def test_nothing_complete_is_nothing_to_confirm(file):
    tables = load_tables(file)
    tables.trials["state"] = "failed"
    with pytest.raises(DatabaseError, match="no trial is complete yet"):
        confirmation(tables, Registry.here(file.parent), 5, False, {})


def test_a_longer_budget_is_a_setting_of_the_task():
    tables = load_tables(OF_VERSION_0_1 / "figure8-fsdd.db")
    plan = confirmation(tables, Registry(), 2, True, {"epochs": 60})
    spec = plan.spec
    assert spec.task.settings["epochs"] == 60
    assert spec.task.settings["width"] == 64
    # What is changed stands on the page, for it is not the seeds alone that the objective then owes its difference to.
    assert spec.confirm.changed == {"epochs": 60}
    assert confirmation(tables, Registry(), 2, True, {"epochs": 20}).spec.confirm.changed == {}
    assert plan.pack_size == 2


def test_a_page_of_other_settings_says_so_and_calls_nothing_flattery(file, tmp_path):
    tables, _ = confirm(file, "--seeds", "2", "--executor", "inline", "--quiet")
    page = file.with_name("run-confirm-report") / "README.md"
    assert "flattered by" in page.read_text()
    spec = tables.comparison.spec
    spec = spec.model_copy(update={"confirm": spec.confirm.model_copy(update={"changed": {"epochs": 60}})})
    other = replace(tables, parts=(replace(tables.comparison, spec=spec),))
    (tmp_path / "other").mkdir()
    write_confirmed(compute_confirmed(other), ReportContext(other, (file,)), tmp_path / "other" / "README.md")
    text = (tmp_path / "other" / "README.md").read_text()
    assert "**Trained with other settings than own**: epochs = 60." in text
    assert "flattered" not in text
    assert "worse than when chosen by" in text


def test_a_confirmation_that_version_0_1_wrote_is_read_and_reported():
    """It kept what it confirms among the searcher's settings."""
    file = OF_VERSION_0_1 / "figure8-fsdd-confirm.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        recorded = json.loads(connection.execute("SELECT spec FROM comparison").fetchone()[0])
    tables = load_tables(file)
    confirm, searcher = tables.comparison.spec.confirm, tables.comparison.spec.searcher
    assert confirm.of == recorded["searcher"]["confirms"] == "figure8-fsdd"
    assert confirm.recorded == recorded["searcher"]["recorded"]
    assert set(confirm.recorded) == set(tables.methods)
    assert confirm.changed == recorded["searcher"].get("changed", {})
    assert (searcher.name, searcher.settings) == ("fixed", {})
    for confirmed in compute_confirmed(tables).values():
        assert confirmed.lost == 0
        assert len(confirmed.recorded) == len(confirmed.objectives) > 0


@pytest.mark.parametrize(("words", "moments"), [("all", range(1, 7)), ("1,4", (1, 4, 6))])
def test_what_led_along_the_trials_is_trained_too(file, words, moments):
    command = [sys.executable, "-m", "hpsearch", "confirm", file.name, "--trust", "--along", words, "--seeds", "2"]
    done = subprocess.run(
        [*command, "--executor", "inline", "--quiet"], cwd=file.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    tables = load_tables(file.with_name("run-confirm-along.db"))
    searched, confirm = load_tables(file), tables.comparison.spec.confirm
    of = tables.trials.groupby("method")["x"].first()
    for label in ("wide", "narrow"):
        expected = {}
        for (method, study), rows in searched.trials.groupby(["method", "repeat"]):
            for t in moments if method == label else ():
                first = rows[rows["trial"] <= t]
                expected[study, t] = first.loc[first["objective"].idxmin(), "x"]
        found = {
            (held.study, t): of[name]
            for name, spans in confirm.incumbents.items()
            if method_of(name) == label
            for held in spans
            for t in range(held.first, held.last + 1)
        }
        assert {key: found[key] for key in expected} == expected
        ends = {study: x for (study, t), x in expected.items() if t == 6}
        confirmed = compute_confirmed(tables)[label]
        assert confirmed.studies == (1, 2, 3)
        means = tables.trials.groupby("x")["objective"].mean()
        assert [seeds.mean() for seeds in confirmed.objectives] == pytest.approx([means[x] for x in ends.values()])
        best = searched.trials[searched.trials["method"] == label].groupby("repeat")["objective"].min()
        assert confirmed.recorded.tolist() == best.tolist()


def test_studies_that_chose_alike_share_their_trainings(own_study):
    study = own_study(study=(
        'name = "own"\ntrials = 4\nrepeats = 3\nseed = 7\ntask = "{module}"\nsearcher = "grid"\n'
        "[methods.few]\nspace.x = {{choices = [0.0, 0.25, 0.5, 1.0]}}\n"
    ))  # fmt: skip
    file = run_to_end(study)
    spec = confirmation(load_tables(file), Registry.here(file.parent), 5, False, {}, moments=None).spec
    chosen_by = [sorted(held.study for held in spans) for spans in spec.confirm.incumbents.values()]
    assert len(spec.methods) < 3 * 2
    assert [1, 2, 3] in chosen_by


@pytest.mark.parametrize("words", ["0", "7", "1,two", ""])
def test_moments_that_there_are_not_are_refused(file, words):
    command = [sys.executable, "-m", "hpsearch", "confirm", file.name, "--trust", "--along", words]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True)
    assert done.returncode == 2
    assert "from 1 to 6" in " ".join(done.stderr.replace("│", " ").split())


def test_a_study_of_which_nothing_is_complete_up_to_its_first_gap_has_no_incumbents(file):
    tables = load_tables(file)
    first = (tables.trials["method"] == "wide") & (tables.trials["repeat"] == 1) & (tables.trials["trial"] == 1)
    begun = replace(tables, trials=tables.trials.assign(state=tables.trials["state"].mask(first, "proposed")))
    held = [span for _, spans in along(begun, None)["wide"] for span in spans]
    assert sorted({span.study for span in held}) == [2, 3]


@pytest.mark.parametrize("words", [(), ("--along", "all")])
def test_what_later_repeats_chose_is_confirmed_beside_the_rest(file, own_study, words):
    kind = "confirm-along" if words else "confirm"
    options = ("confirm", file.name, "--trust", *words, "--seeds", 2, "--executor", "inline", "-q")
    assert cli(*options, cwd=file.parent).returncode == 0
    before = load_tables(file.with_name(f"run-{kind}.db")).trials
    run_to_end(own_study(study=OWN_STUDY.replace("repeats = 3", "repeats = 4")))
    done = cli(*options, cwd=file.parent)
    assert done.returncode == 0, done.stderr
    after = load_tables(file.with_name(f"run-{kind}.db")).trials
    old = after[after["method"].isin(before["method"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before)
    assert any("study 4" in label for label in after["method"])
    done = cli("report", file.name, "--confirmed", f"run-{kind}.db", cwd=file.parent)
    assert done.returncode == 0, done.stderr
