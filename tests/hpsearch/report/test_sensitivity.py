import numpy as np
import pandas as pd
import pytest

from hpsearch.report import compute_sensitivity, write_report
from hpsearch.report.sensitivity.figures import _lines
from hpsearch.store.tables import load_tables
from tests.tools.editing import edited
from tests.tools.studies import run_to_end

TASK = """
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    x = configuration.get("x", configuration.get("y"))
    if x == 100.0:
        return Result(None, outcome="diverged", reason="too large")
    value = x + (seed % 5) / 10
    return Result(value, {"test_loss": 2 * value}, {"loss": [3.0 * value, value], "flips": [x * 1e-6, x]})


TASK = FunctionTask(objective, Objective("loss", chance=50.0, direction="minimise"))
"""
STUDY = """
name = "lines"
trials = 3
repeats = 4
seed = 7
task = "{module}"

[searcher]
name = "fixed"
configurations = [
    {{ x = 100.0, twice = 200.0 }}, {{ x = 1.0, twice = 2.0 }}, {{ x = 10.0, twice = 20.0 }}, {{ y = 3.0 }},
]

[methods.joined]
space = {{ x = {{ low = 1.0, high = 100.0, log = true }}, twice = [2.0, 200.0] }}

[methods.alone]
space = {{ y = [1.0, 5.0], depth = 3 }}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sensitivity")
    (folder / "lines_task.py").write_text(TASK)
    (folder / "lines.toml").write_text(STUDY.format(module="lines_task"))
    return run_to_end(folder / "lines.toml")


@pytest.fixture(scope="module")
def tables(file):
    return load_tables(file)


def test_results_are_grouped_by_configuration_in_the_order_of_what_was_varied(tables):
    found = compute_sensitivity(tables)
    joined = found.methods["joined"]
    assert joined.axis is not None
    assert joined.axis.name == "x"
    assert [dict(r.varied) for r in joined.responses] == [
        {"x": 1.0, "twice": 2.0}, {"x": 10.0, "twice": 20.0}, {"x": 100.0, "twice": 200.0},
    ]  # fmt: skip
    rows = tables.trials[(tables.trials["method"] == "joined") & (tables.trials["x"] == 10.0)]
    assert sorted(joined.responses[1].objectives) == sorted(rows["objective"])
    assert joined.responses[1].metrics["test_loss"] == pytest.approx(2 * joined.responses[1].objectives)
    assert joined.responses[1].curves["flips"].tolist() == [[10.0 * 1e-6, 10.0]] * 4


def test_a_configuration_that_comes_again_has_more_trainings(tables):
    alone = compute_sensitivity(tables).methods["alone"]
    assert alone.axis is None
    assert [len(response.objectives) for response in alone.responses] == [12]


def test_lost_trainings_count_at_chance_in_the_objective_and_nowhere_else(tables):
    lost = compute_sensitivity(tables).methods["joined"].responses[2]
    assert lost.lost == 4
    assert lost.objectives.tolist() == [50.0] * 4
    assert [lost.metrics["test_loss"].size, len(lost.curves["loss"])] == [0, 0]


def test_a_curve_that_ends_in_the_objective_is_no_measure_of_its_own(tables):
    assert compute_sensitivity(tables).measures() == ["flips"]


def test_tables_by_hand(tables):
    found = compute_sensitivity(tables)
    table = found.table()
    assert table["trainings"].tolist() == [4, 4, 4, 12]
    first = found.methods["joined"].responses[0]
    assert table["loss"][0] == pytest.approx(first.objectives.mean())
    assert table["loss low 95"][0] <= table["loss"][0] <= table["loss high 95"][0]
    assert table["flips over epochs"][0] == pytest.approx((1e-6 + 1.0) / 2)
    assert pd.isna(table["flips over epochs"][2])
    epochs = found.epochs_table()
    row = epochs[(epochs["x"] == 1.0) & (epochs["epoch"] == 1)].iloc[0]
    assert row["loss"] == pytest.approx(3 * first.objectives.mean())


def test_what_follows_the_axis_makes_no_line_of_its_own_and_what_does_not_does(tables, own_study):
    joined = compute_sensitivity(tables).methods["joined"]
    assert list(_lines([(response, None) for response in joined.responses])) == [()]
    crossed = own_study(
        TASK,
        edited(STUDY.split("[searcher]")[0], "trials = 3", "trials = 4")
        + 'searcher = {{ name = "grid", points = 2 }}\n[methods.cross]\nspace = {{ x = [1.0, 2.0], w = [5.0, 6.0] }}\n',
    )
    cross = compute_sensitivity(load_tables(run_to_end(crossed))).methods["cross"]
    lines = _lines([(response, None) for response in cross.responses])
    assert {name: [r.varied["x"] for r, _ in points] for name, points in lines.items()} == {
        ("w = 5",): [1.0, 2.0], ("w = 6",): [1.0, 2.0],
    }  # fmt: skip


def test_the_report_has_responses_and_epochs_and_says_n(file, tmp_path):
    written = write_report(file, tmp_path / "report")
    names = {"responses.png", "responses.svg", "responses.pdf", "epochs.png", "epochs.svg", "epochs.pdf"}
    assert {path.name for path in written} == names | {"responses.csv", "epochs.csv", "trials.csv", "README.md"}
    page = (tmp_path / "report" / "README.md").read_text()
    assert "| joined | x = 100, twice = 200 | 4 | 50.0000 (50.0000 to 50.0000) |  |  | 4 |" in page
    assert "| alone | the only one | 12 |" in page
    assert "so far" not in page
    assert np.isfinite(pd.read_csv(tmp_path / "report" / "epochs.csv")["loss"]).all()
