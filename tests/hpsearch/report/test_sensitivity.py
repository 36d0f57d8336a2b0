import numpy as np
import pandas as pd
import pytest

from hpsearch.report import compute_sensitivity, write_report
from hpsearch.report.sensitivity.figures import _lines
from hpsearch.statistics.bootstrap import bootstrap_mean
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


EARLY = """
import math, sys
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    x, epochs = configuration["x"], configuration["epoch"]
    lengths = {0.0: (1, 2, 3), 1.0: (3, 3, 3)}[x]
    length = lengths[objective.calls % 3]
    objective.calls += 1
    values = [10.0 * length, math.nan, 30.0 + length][:length]
    return Result(x, {"huge": sys.float_info.max}, {"x": values, "lost": [-sys.float_info.max] * length})


objective.calls = 0
TASK = FunctionTask(objective, Objective("x", chance=1.0, direction="minimise", bounds=(0.0, None)))
"""
STOPPED = """
name = "early"
trials = 2
repeats = 3
seed = 7
task = "{module}"
searcher = {{ name = "fixed", configurations = [{{ x = 0.0, epoch = 1.0 }}, {{ x = 1.0, epoch = 2.0 }}] }}

[methods.m]
space = {{ x = [0.0, 1.0], epoch = [1.0, 2.0] }}
"""


def test_curves_of_unequal_length_that_are_called_like_hyperparameters(own_study, tmp_path):
    file = run_to_end(own_study(EARLY, STOPPED.replace("trials = 2", "trials = 1")))
    tables = load_tables(file)
    found = compute_sensitivity(tables)
    (response,) = found.methods["m"].responses
    nan = np.nan
    np.testing.assert_array_equal(response.curves["x"], [[10, nan, nan], [20, nan, nan], [30, nan, 33]])
    by_epoch = found.by_epoch(response, "x")
    np.testing.assert_array_equal(by_epoch.estimate, [20, nan, 33])
    assert by_epoch.low[0] == max(0.0, bootstrap_mean(np.array([10.0, 20.0, 30.0])).low)
    assert np.isnan(by_epoch.low[2])  # one training
    assert found.over_epochs(response, "x").estimate == pytest.approx((10 + 20 + 31.5) / 3)


def test_a_column_keeps_the_name_of_its_hyperparameter(own_study, tmp_path):
    write_report(run_to_end(own_study(EARLY, STOPPED)), tmp_path / "report")
    responses, epochs = (pd.read_csv(tmp_path / "report" / f"{name}.csv") for name in ("responses", "epochs"))
    assert list(responses.columns[:5]) == ["method", "x", "epoch", "trainings", "lost"]
    assert responses["x"].tolist() == responses["x (objective)"].tolist() == [0.0, 1.0]
    assert responses["epoch"].tolist() == [1.0, 2.0]
    assert list(epochs.columns[:5]) == ["method", "x", "epoch", "epoch (time)", "x (curve)"]
    assert epochs["epoch (time)"].tolist() == [1, 2, 3, 1, 2, 3]
    assert (tmp_path / "report" / "epochs.pdf").is_file()  # at -1e308, too


def test_a_method_without_a_value_of_a_curve_has_no_line_there(own_study, tmp_path):
    task = edited(TASK, "if x == 100.0:", 'if "y" in configuration:')  # all of one method's trainings are lost
    task = edited(task, '"flips": [x * 1e-6, x]', '"flips": [float("nan"), x], "never": [float("nan")] * 2')
    file = run_to_end(own_study(task, STUDY))
    found = compute_sensitivity(load_tables(file))
    assert list(found.curves) == ["loss", "flips"]
    write_report(file, tmp_path / "report")
    assert pd.read_csv(tmp_path / "report" / "epochs.csv")["flips"].isna().tolist() == [True, False] * 3


def test_the_report_has_responses_and_epochs_and_says_n(file, tmp_path):
    written = write_report(file, tmp_path / "report")
    names = {"responses.png", "responses.svg", "responses.pdf", "epochs.png", "epochs.svg", "epochs.pdf"}
    assert {path.name for path in written} == names | {
        "responses.csv", "epochs.csv", "trials.csv", "README.md", "methods.md", "methods.tex", "references.bib"
    }  # fmt: skip
    page = (tmp_path / "report" / "README.md").read_text()
    assert "| joined | x = 100, twice = 200 | 4 | 50.0000 (50.0000 to 50.0000) |  |  | 4 |" in page
    assert "| alone | the only one | 12 |" in page
    assert "so far" not in page
    assert np.isfinite(pd.read_csv(tmp_path / "report" / "epochs.csv")["loss"]).all()
