"""What incumbents are worth: recorded, on test data, by a model of other studies, with fresh seeds."""

from dataclasses import replace

import numpy as np
import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.report.search.curves import compute_curves
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.truth import climb_texts, endpoints_table, favoured_text, values_table
from hpsearch.report.search.values import FRESH, MODEL, RECORDED, TEST, compute_incumbents
from hpsearch.store.tables import load_tables
from tests.tools.commands import cli
from tests.tools.studies import run_to_end

NOISY = """
import random

from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    drawn = random.Random(seed)
    scatter = 0.02 if "y" in configuration else 0.004
    worth = 0.9 - (configuration["x"] - 0.3) ** 2
    luck = drawn.gauss(0, scatter)
    return Result(worth + luck, metrics={"test_accuracy": worth + luck / 2})


TASK = FunctionTask(objective, Objective("validation accuracy", chance=0.1, bounds=(0.0, 1.0)))
"""
STUDY = """
name = "own"
trials = 10
repeats = 12
seed = 3
task = "{module}"
searcher = "random"

[methods.steady]
space.x = [0.0, 1.0]

[methods.lucky]
space = {{ x = [0.0, 1.0], y = [0.0, 1.0] }}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A comparison of methods that are worth the same, of which one scatters more, and all that led in it anew."""
    folder = tmp_path_factory.mktemp("values")
    (folder / "noisy_task.py").write_text(NOISY)
    (folder / "own.toml").write_text(STUDY.format(module="noisy_task"))
    file = run_to_end(folder / "own.toml")
    for words in (["--along", "all"], []):
        done = cli("confirm", file.name, "--trust", *words, "--seeds", 3, "--executor", "inline", "-q", cwd=folder)
        assert done.returncode == 0, done.stderr
    return file, file.with_name("run-confirm-along.db"), file.with_name("run-confirm.db")


def worth(x):
    return 0.9 - (x - 0.3) ** 2


def led(tables, label):
    """x of the incumbents, (studies, trials), found the long way."""
    found = []
    for _, rows in tables.trials[tables.trials["method"] == label].groupby("repeat"):
        found.append([rows.loc[rows["objective"][: t + 1].idxmax(), "x"] for t in range(len(rows))])
    return np.array(found)


def test_each_kind_measures_what_it_says(files):
    tables = load_tables(files[0])
    found = compute_incumbents(tables, compute_curves(tables), load_tables(files[1]))
    assert list(found.values) == [RECORDED, TEST, MODEL, FRESH]
    assert found.truest.kind == FRESH
    for label in ("steady", "lucky"):
        true = worth(led(tables, label))
        recorded, test, model, fresh = (found.values[kind].methods[label].of for kind in found.values)
        rows = tables.trials[tables.trials["method"] == label]
        of = rows.set_index(["repeat", "x"])
        expected = [[of.loc[(i + 1, x), "test_accuracy"] for x in xs] for i, xs in enumerate(led(tables, label))]
        assert test == pytest.approx(np.array(expected))
        assert recorded == pytest.approx(2 * test - true)  # half of the luck is in the test value
        again = load_tables(files[1]).trials
        means = again[again["method"].str.startswith(label)].groupby("x")["objective"].mean()
        assert fresh == pytest.approx(means.loc[led(tables, label).ravel()].to_numpy().reshape(fresh.shape))
        # The recorded values are flattered at the end; the model's and those of fresh seeds are not.
        scatter = {"steady": 0.004, "lucky": 0.02}[label]
        assert (recorded[:, -1] - true[:, -1]).mean() > 0.4 * scatter
        assert abs((model[:, -1] - true[:, -1]).mean()) < 0.4 * scatter
        assert abs((fresh[:, -1] - true[:, -1]).mean()) < 0.4 * scatter


def test_the_truest_values_know_no_winner_where_there_is_none(files):
    tables = load_tables(files[0])
    values = compute_incumbents(tables, compute_curves(tables), load_tables(files[1])).values
    recorded = values[RECORDED].difference("lucky", "steady")
    assert recorded.low > 0
    for kind in (MODEL, FRESH):
        difference = values[kind].difference("lucky", "steady")
        assert difference.low <= 0, kind


def test_final_choices_alone_give_final_values_alone(files):
    tables = load_tables(files[0])
    found = compute_incumbents(tables, compute_curves(tables), load_tables(files[2]))
    fresh = found.values[FRESH]
    assert fresh.methods["lucky"].trials.tolist() == [10]
    assert fresh.methods["lucky"].of.shape == (12, 1)
    assert not fresh.is_whole
    assert fresh.to_final_level("lucky", "lucky").estimate == 10
    assert found.values[MODEL].is_whole


def test_the_scatter_of_seeds_warns(files):
    tables = load_tables(files[0])
    for confirmed in (None, load_tables(files[1])):
        found = compute_findings(tables, confirmed=confirmed)
        scatter = found.incumbents.scatter
        assert scatter["steady"].deviation == pytest.approx(0.004, rel=0.3)
        assert scatter["lucky"].deviation == pytest.approx(0.02, rel=0.3)
        said = favoured_text(found, "steady", "lucky")
        assert said == favoured_text(found, "lucky", "steady")
        begins = "Results of lucky scatter more" if confirmed is None else "Seeds scatter more with lucky (standard "
        assert said.startswith(begins)
        assert said.endswith("flatters lucky more.")
    assert any("with lucky" in text for text in climb_texts(found))


def test_what_seeds_never_change_is_flattered_less_than_anything(files):
    found = compute_findings(load_tables(files[0]))
    scatter = found.incumbents.scatter
    never = {"steady": replace(scatter["steady"], deviation=0.0), "lucky": scatter["lucky"]}
    found = replace(found, incumbents=replace(found.incumbents, scatter=never))
    assert favoured_text(found, "steady", "lucky").endswith("flatters lucky more.")


def test_a_verdict_goes_by_fresh_seeds_or_by_what_was_recorded(files):
    """A function that is too rough for a model looks like luck to it, so that the model decides nothing."""
    tables = load_tables(files[0])
    curves = compute_curves(tables)
    assert compute_incumbents(tables, curves).truest.kind == RECORDED
    assert compute_incumbents(tables, curves, load_tables(files[2])).truest.kind == FRESH


def test_methods_that_scatter_alike_are_not_warned_of(files):
    found = compute_findings(load_tables(files[0]))
    same = dict.fromkeys(found.labels, found.incumbents.scatter["steady"])
    assert favoured_text(replace(found, incumbents=replace(found.incumbents, scatter=same)), "steady", "lucky") == ""


def test_tables_have_every_kind(files):
    found = compute_findings(load_tables(files[0]), confirmed=load_tables(files[1]))
    head, *rows = values_table(found)[0]
    assert [cell.partition(":")[0] for cell in head] == ["method", *found.incumbents.values, "scatter between seeds"]
    assert [row[0] for row in rows] == ["steady", "lucky"]
    _, *rows = endpoints_table(found)[0]
    assert [row[1] for row in rows] == list(found.incumbents.values)
    assert [row[-1] != "" for row in rows] == [True, True, False, True]  # the chance of one study against another
    assert all(row[4] for row in rows)  # extra trials


def test_what_confirms_something_else_is_refused(files):
    tables = load_tables(files[0])
    curves = compute_curves(tables)
    with pytest.raises(DatabaseError, match="does not confirm own"):
        compute_incumbents(tables, curves, tables)
    other = load_tables(files[1])
    spec = other.comparison.spec
    changed = replace(
        other,
        parts=(replace(other.comparison, spec=spec.model_copy(update={
            "confirm": spec.confirm.model_copy(update={"changed": {"epochs": 3}})
        })),),
    )  # fmt: skip
    with pytest.raises(DatabaseError, match="other settings"):
        compute_incumbents(tables, curves, changed)
    begun = replace(other, trials=other.trials[other.trials["method"].str.startswith("steady")])
    with pytest.raises(DatabaseError, match="every study of lucky"):
        compute_incumbents(tables, curves, begun)


@pytest.mark.parametrize("which", [1, 2])
def test_a_confirmation_of_other_trials_is_refused(files, which):
    """As of a search of the same name with another seed, or of one that has gone on since."""
    tables = load_tables(files[0])
    other = replace(tables, trials=tables.trials.assign(objective=tables.trials["objective"] + 0.001))
    with pytest.raises(DatabaseError, match=r"confirms other trials|every study of"):
        compute_incumbents(other, compute_curves(other), load_tables(files[which]))


def test_the_confirmation_of_a_method_that_is_not_there_is_passed_over(files):
    tables = load_tables(files[0])
    steady = {"steady": tables.methods["steady"]}
    alone = replace(tables, methods=steady, trials=tables.trials[tables.trials["method"] == "steady"])
    alone = replace(alone, epochs=tables.epochs[alone.trials.index])
    found = compute_incumbents(alone, compute_curves(alone), load_tables(files[1]))
    assert list(found.values[FRESH].methods) == ["steady"]


def test_numbers_whose_squares_overflow_have_no_model(files):
    tables = load_tables(files[0])
    huge = replace(tables, trials=tables.trials.assign(objective=tables.trials["objective"] * 1e200))
    found = compute_incumbents(huge, compute_curves(huge))
    assert MODEL not in found.values
    assert RECORDED in found.values


def test_a_report_with_fresh_seeds_says_so_first(files, tmp_path):
    done = cli("report", files[0], "--confirmed", files[1], "--to", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "README.md").read_text()
    first = page[: page.index("| --- |")]
    assert "with fresh seeds (recorded values say" in first
    assert "--confirmed run-confirm-along.db" in page
