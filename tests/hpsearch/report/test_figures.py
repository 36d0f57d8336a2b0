"""Figures for paper: all text lies inside the canvas, few studies have no band, zeros on a logarithmic axis show."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from hpsearch.contracts.objective import Objective
from hpsearch.report import compute_sensitivity, style
from hpsearch.report.search import cost_figures
from hpsearch.report.search import figure as search_figure
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.sensitivity import figures as sensitivity_figures
from hpsearch.report.style import Look
from hpsearch.store.tables import load_tables
from tests.hpsearch.report.test_sensitivity import STUDY, TASK
from tests.hpsearch.report.test_verdict import studies, tables
from tests.tools.editing import edited
from tests.tools.studies import run_to_end

LONG = "a_method_of_which_the_name_is_rather_long"


@pytest.fixture
def drawn(monkeypatch):
    """Draw with a function; returns the figure itself, as it would be written to a file."""
    kept = []
    monkeypatch.setattr(style, "give_fonts", lambda figure: kept.append(figure) or [])

    def draw(function, found, look):
        function(found, [], look)
        return kept.pop()

    return draw


def found_of(methods, repeats=6, length=12, objective=None):
    named = {name: studies(k, n=repeats, trials=length, shift=-0.02 * k) for k, name in enumerate(methods)}
    measured = tables(named)
    return compute_findings(replace(measured, objective=objective or measured.objective))


def outside(figure):
    """By how many inches the drawing reaches beyond each side of the canvas, where by more than a pixel."""
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    sides = {"left": -box.x0, "right": box.x1 - width, "bottom": -box.y0, "top": box.y1 - height}
    return {side: round(by, 2) for side, by in sides.items() if by > 1.5 / figure.dpi}


@pytest.mark.parametrize("width", ["page", "column"])
@pytest.mark.parametrize(
    "methods",
    [
        ("latent", "filter"),
        (LONG, LONG + "_too", "short"),
        tuple(f"method-{k}" for k in range(13)),
        tuple(f"{LONG}-{k}" for k in range(5)),
    ],
    ids=["two", "three long", "thirteen", "five long"],
)
@pytest.mark.parametrize(
    "objective",
    [Objective("validation accuracy", 0.1, bounds=(0, 1)), Objective("n" * 60, 0.1, unit="u" * 30)],
    ids=["accuracy", "long"],
)
def test_all_text_of_a_search_lies_inside_the_canvas(drawn, width, methods, objective):
    found, look = found_of(methods, objective=objective), Look(width=width)
    for function, of in (
        (search_figure.draw_figure, found.curves),
        (cost_figures.draw_reach, found),
        (cost_figures.draw_extra, found),
    ):
        assert outside(drawn(function, of, look)) == {}, function.__name__


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """Results of two methods at three configurations, with long names."""
    folder = tmp_path_factory.mktemp("varied")
    (folder / "varied_task.py").write_text(TASK)
    study = edited(edited(STUDY, "[methods.joined]", f"[methods.{LONG}]"), "repeats = 4", "repeats = 6")
    (folder / "varied.toml").write_text(study.format(module="varied_task"))
    return compute_sensitivity(load_tables(run_to_end(folder / "varied.toml")))


@pytest.mark.parametrize("width", ["page", "column"])
@pytest.mark.parametrize("function", [sensitivity_figures.draw_responses, sensitivity_figures.draw_epochs])
def test_all_text_of_what_was_varied_lies_inside_the_canvas(drawn, varied, width, function):
    assert outside(drawn(function, varied, Look(width=width))) == {}


@pytest.mark.parametrize(("width", "inches", "across"), [("page", 6.9, 3), ("column", 3.3, 1)])
def test_training_curves_of_many_methods_are_as_wide_as_asked(drawn, varied, width, inches, across):
    (first, *_) = varied.methods.values()
    many = replace(varied, methods={f"method-{k}": first for k in range(5)})
    figure = drawn(sensitivity_figures.draw_epochs, many, Look(width=width))
    assert figure.get_figwidth() == pytest.approx(inches)
    assert outside(figure) == {}
    titled = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in titled] == list(many.methods)
    assert len({round(axes.get_position().x0, 2) for axes in titled}) == across
    assert len({axes.get_ylim() for axes in titled}) == 1


def bands(figure):
    return [node for axes in figure.axes for node in axes.findobj(PolyCollection)]


def test_fewer_than_five_studies_are_shown_alone(drawn):
    few, enough = (found_of(("a", "b"), repeats=n) for n in (4, 5))
    assert bands(drawn(search_figure.draw_figure, few.curves, Look())) == []
    assert len(bands(drawn(search_figure.draw_figure, enough.curves, Look()))) == 2


ZERO_TASK = """
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    x = configuration["x"]
    # Mean 0.3 with one study in five at 1.5: the interval's lower end lies below 0.
    flips = 0.0 if x == 1.0 else (1.5 if seed % 5 == 0 else 0.0) + 1e-6
    return Result(x, {}, {"loss": [2 * x, x], "flips": [flips, 0.001 * flips]})


TASK = FunctionTask(objective, Objective("loss", chance=50.0, direction="minimise"))
"""
ZERO_STUDY = """
name = "zero"
trials = 2
repeats = 12
seed = 7
task = "{module}"
searcher = {{ name = "fixed", configurations = [{{ x = 1.0 }}, {{ x = 10.0 }}] }}

[methods.m]
space = {{ x = {{ low = 1.0, high = 10.0, log = true }} }}
"""


@pytest.fixture(scope="module")
def zero(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zero")
    (folder / "zero_task.py").write_text(ZERO_TASK)
    (folder / "zero.toml").write_text(ZERO_STUDY.format(module="zero_task"))
    return compute_sensitivity(load_tables(run_to_end(folder / "zero.toml")))


def test_a_band_that_reaches_below_zero_ends_at_the_floor_of_a_logarithmic_axis(drawn, zero):
    response = zero.methods["m"].responses[1]
    found = zero.by_epoch(response, "flips")
    assert (found.low <= 0).all()  # the case in question
    figure = drawn(sensitivity_figures.draw_epochs, zero, Look())
    axes = next(axes for axes in figure.axes if axes.get_ylabel() == "flips")
    assert axes.get_yscale() == "log"
    floor = axes.get_ylim()[0]
    assert 0 < floor < found.estimate.min()
    # At every epoch the band is drawn from the floor to its upper end: no wedge that closes where the end is negative.
    band = next(node for node in axes.findobj(PolyCollection) if node.get_paths()[0].vertices[:, 1].max() > 0.1)
    pixels = axes.transData.transform(band.get_paths()[0].vertices)
    bottom = axes.transData.transform((1, floor))[1]
    for epoch in (1, 2):
        x = axes.transData.transform((epoch, floor))[0]
        heights = pixels[np.isclose(pixels[:, 0], x, atol=0.5), 1]
        assert heights.min() <= bottom + 0.5
        assert heights.max() > bottom + 5


def test_zeros_on_a_logarithmic_axis_are_marked_at_its_floor(drawn, zero):
    figure = drawn(sensitivity_figures.draw_epochs, zero, Look())
    axes = next(axes for axes in figure.axes if axes.get_ylabel() == "flips")
    (marks,) = [line for line in axes.get_lines() if line.get_gid() == sensitivity_figures.ZERO]
    assert marks.get_xdata().tolist() == [1, 2]
    assert marks.get_ydata() == pytest.approx(axes.get_ylim()[0])
    assert "hollow: 0" in [text.get_text() for text in axes.texts]


def test_trials_are_drawn_against_trials_with_the_diagonal(drawn):
    fast = np.array([[0.5, 0.8, 0.9, 0.9, 0.9]] * 6) + 0.001 * np.arange(6)[:, None]
    slow = np.array([[0.1, 0.2, 0.5, 0.6, 0.7]] * 6) + 0.001 * np.arange(6)[:, None]
    found = compute_findings(tables({"slow": slow, "fast": fast}))
    figure = drawn(cost_figures.draw_extra, found, Look())
    (axes,) = figure.axes
    curve = next(line for line in axes.get_lines() if line.get_label().startswith("slow"))
    # What fast has after 1 trial, 0.5, slow has after 3; what it has after 2 and 3 slow never has.
    assert curve.get_xdata().tolist() == [1, 2, 3]
    assert curve.get_ydata()[0] == 3
    assert (curve.get_ydata()[1:] > 5).all()
    diagonal = next(line for line in axes.get_lines() if list(line.get_xdata()) == [0, 5])
    assert list(diagonal.get_ydata()) == [0, 5]
    assert any(patch.get_hatch() for patch in axes.patches)
