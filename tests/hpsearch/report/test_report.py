import sys

import numpy as np
import pandas as pd
import pytest

import hpsearch
from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.space import Float, Space
from hpsearch.export.csv import tables as csv_tables
from hpsearch.report import compute_curves, write_report
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.values import RECORDED
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, Measured, MethodRow, NewStudy
from hpsearch.study.schema import MethodSpec, Named, Spec

# Validation objectives by hand: (studies, trials) of each method.
FAST = [[0.5, 0.9, 0.8], [0.7, 0.7, 0.9]]
SLOW = [[0.2, 0.3, 0.6], [0.1, 0.5, 0.6]]
NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def make(tmp_path):
    def make(direction="maximise", outcomes=None, methods=("fast", "slow|<script>"), finished=3):
        sign = 1 if direction == "maximise" else -1
        path = tmp_path / f"{direction}.db"
        spec = Spec(
            name="by-hand", trials=3, repeats=2, seed=1, task=Named(name="t", width=5), searcher=Named(name="sobol"),
            methods=dict.fromkeys(methods, MethodSpec()),
        )  # fmt: skip
        with Database(path, write=True) as database:
            database.create(
                Comparison(
                    "by-hand", spec, "/somewhere/by-hand.toml", 3, 2, 1, 2,
                    Objective("score", 0.1 * sign, direction, "points"), {"clips": 7}, NOW,
                    {
                        "task": {"width": 5, "precision": "fp32"}, "searcher": {},
                        "methods": {label: {"space": [], "schedules": {"x": "cosine"}} for label in methods},
                    },
                ),
                [MethodRow(label, Space((Float("x", 1e-3, 1.0, log=True),)), {}) for label in methods],
                [NewStudy(label, repeat, 1, 0) for label in methods for repeat in (1, 2)],
            )  # fmt: skip
            run = database.start_run(
                NOW, {"command": "hpsearch run by-hand", "processor": "p", "cores": 2, "system": "s", "python": "3",
                      "versions": {"torch": "2"}, "commit": "abc", "executor": "inline", "workers": 1, "device": "cpu"},
            )  # fmt: skip
            for study, values in enumerate([*FAST, *SLOW], 1):
                for trial, value in enumerate(values[:finished], 1):
                    database.propose(run, NOW, [(study, trial, 1, {"x": 0.5})])
                    outcome = (outcomes or {}).get((study, trial), "complete")
                    result = Result(sign * value, {"test_score": sign * value / 2}, {}, outcome)
                    database.record(run, [(study, trial, result)], Measured(NOW, NOW, 0.5, 2, 1, "h", "cpu"))
        return path

    return make


@pytest.mark.parametrize(("direction", "sign"), [("maximise", 1), ("minimise", -1)])
def test_curves_by_hand(make, direction, sign):
    found = compute_findings(hpsearch.load(make(direction)))
    fast, recorded = found.curves.methods["fast"], found.incumbents.values[RECORDED]
    assert (sign * fast.incumbents).tolist() == [[0.5, 0.9, 0.9], [0.7, 0.7, 0.9]]
    assert fast.mean.estimate == pytest.approx(np.multiply(sign, [0.6, 0.8, 0.9]))
    assert fast.chosen["trial"].tolist() == [2, 3]
    assert (sign * fast.chosen["test_score"]).tolist() == pytest.approx([0.45, 0.45])
    assert str(recorded.to_final_level("fast", "slow|<script>")) == "1 (too few studies for an interval)"
    assert recorded.to_final_level("slow|<script>", "fast").estimate == 4
    # Two studies, 0.5 and 0.7: Student's t with one degree of freedom, 0.6 +- 12.706 * 0.1.
    assert fast.mean.low[0] == pytest.approx(sign * 0.6 - 1.2706, abs=1e-4)


def test_a_diverged_trial_counts_as_chance_even_where_it_has_an_objective(make):
    curves = compute_curves(hpsearch.load(make(outcomes={(1, 2): "diverged", (3, 1): "failed"})))
    assert curves.methods["fast"].objectives[0].tolist() == [0.5, 0.1, 0.8]
    assert curves.methods["fast"].chosen["trial"].tolist() == [3, 3]
    assert (curves.methods["fast"].lost, curves.methods["slow|<script>"].lost) == (1, 1)


def test_a_lost_trial_is_never_the_chosen_one(make):
    outcomes = {(1, 1): "complete", (1, 2): "diverged", (1, 3): "diverged"}
    curves = compute_curves(hpsearch.load(make("minimise", outcomes)))  # chance is -0.1 here: worse than -0.5
    assert curves.methods["fast"].chosen["trial"].tolist()[0] == 1


def test_an_objective_that_came_with_a_lost_trial_is_no_result(make, tmp_path):
    lost = {(study, trial): "diverged" for study in (3, 4) for trial in (1, 2, 3)}
    file = make(outcomes=lost)
    best = hpsearch.load(file).trials.groupby("method")["objective"].max()
    assert best["fast"] == 0.9
    assert np.isnan(best["slow|<script>"])
    write_report(file, tmp_path / "report")
    written = pd.read_csv(tmp_path / "report" / "trials.csv")
    exported = csv_tables(file)["trials"]
    for method, objective in ((written["method"], written["objective"]), (exported["method"], exported["objective"])):
        of_slow = [value for name, value in zip(method, objective, strict=True) if name != "fast"]
        assert len(of_slow) == 6
        assert all(pd.isna(value) for value in of_slow)
    with Database(file) as database:  # which keeps what the task returned
        assert [trial.objective for trial in database.all_trials()][6:] == [*SLOW[0], *SLOW[1]]


def test_a_running_comparison_ends_where_all_its_studies_are(make):
    curves = compute_curves(hpsearch.load(make(finished=2)))
    assert (curves.trials, curves.planned) == (2, (8, 12))


def test_a_method_without_trials_is_named(make):
    with pytest.raises(DatabaseError, match="no trial of fast is finished yet"):
        compute_curves(hpsearch.load(make(finished=0)))


@pytest.mark.parametrize("direction", ["maximise", "minimise"])
def test_the_report_is_written(make, tmp_path, direction):
    folder = tmp_path / "report"
    paths = write_report(make(direction), folder)
    assert sorted(path.name for path in paths) == [
        "README.md", "curves.csv", "curves.pdf", "curves.png", "curves.svg", "extra.pdf", "extra.png", "extra.svg",
        "index.html", "methods.md", "methods.tex", "reach.pdf", "reach.png", "reach.svg", "references.bib",
        "tables.tex", "trials.csv",
    ]  # fmt: skip
    assert (folder / "curves.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (folder / "curves.svg").read_text()
    assert "<image" not in (folder / "curves.svg").read_text()  # lines, not a picture of them
    page = (folder / "README.md").read_text()
    sign = "" if direction == "maximise" else "-"
    assert f"| fast | 2 | {sign}0.9000 ({sign}0.9000 to {sign}0.9000) |" in page
    assert "| slow\\|&lt;script> | fast |" in page
    assert "<script>" not in page
    assert "| more than 3 (too few studies for an interval) |" in page
    assert "no interval of fewer than 5 studies" in page
    for fact in (
        "torch 2",
        "abc",
        "by-hand.toml",
        "| x | 0.001 to 1 | logarithmic | cosine |",
        "t (width = 5, precision = fp32)",
        "inline",
    ):
        assert fact in page
    assert "/somewhere" not in page
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(folder / "curves.csv")
    assert list(table["trial"]) == [1, 2, 3] * 2
    assert (table["low_95"] <= table["mean_incumbent"]).all()
    assert (table["mean_incumbent"] <= table["high_95"]).all()
    trials = pd.read_csv(folder / "trials.csv")
    assert len(trials) == 12
    assert list(trials.columns[:5]) == ["method", "repeat", "trial", "objective", "x"]


@pytest.mark.parametrize(("direction", "found"), [("maximise", "1e+300"), ("minimise", "-1e+300")])
def test_numbers_whose_sums_overflow_are_drawn(make, tmp_path, direction, found, monkeypatch):
    best = sys.float_info.max
    monkeypatch.setattr(sys.modules[__name__], "FAST", [[0.5, best, 0.8], [-best, 0.7, best]])
    write_report(make(direction), tmp_path / "report")
    page = (tmp_path / "report" / "README.md").read_text()
    assert f"| fast | 2 | {found} ({found} to {found}) |" in page


def test_load_gives_the_tables_as_dataframes(make):
    tables = hpsearch.load(str(make()))
    assert tables.trials["objective"].tolist() == pytest.approx([*FAST[0], *FAST[1], *SLOW[0], *SLOW[1]])
    assert tables.trials["seconds"].sum() == pytest.approx(6.0)
    assert tables.methods["fast"].names == ("x",)
    assert tables.objective.unit == "points"
