"""Figures of a suite: each setting's difference and trials to match, a heat map of two axes, performance profiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from hpsearch.report.amounts import Amounts
from hpsearch.report.style import LOOKS, Look, save, told_apart, verbatim
from hpsearch.report.suite.compute import SuiteFindings, Under
from hpsearch.statistics.over_settings import profile

UNSURE = "#777777"
ROW = 0.26
"""Inches of a setting's row."""
MOST_FACTOR = 20.0
"""Where the axis of factors ends at most; what costs more is beyond it."""


def draw_map(found: SuiteFindings, paths: Sequence[Path], look: Look) -> None:
    """Who ends better where, and how many trials it takes to match the other: a row for each setting.

    Left: by how much the pair's first method ends better, with its 95% interval, coloured by the method that surely
    does; grey where the two are not told apart. Right: trials that the method ahead needs to match what the other ends
    with, with its interval.
    """
    with look.context():
        rows = len(found.under)
        figure = Figure(figsize=(look.inches, 1.0 + ROW * rows), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        places = np.arange(rows)[::-1]
        names = told_apart([under.setting.label for under in found.under])
        left.set_yticks(places, [names[under.setting.label] for under in found.under])
        left.set_ylim(-0.6, rows - 0.4)
        left.axvline(0, color="black", linewidth=0.6)
        for place, under in zip(places, found.under, strict=True):
            _difference(left, place, under, found.pair)
            _reach(right, place, under, found.pair)
        _label(left, found)
        most = max(under.found.curves.trials for under in found.under)
        right.set_xlim(0.5, most + 1.5)
        right.axvspan(most + 0.5, most + 1.5, color="#eeeeee", linewidth=0)
        right.set_xlabel("trials of the one ahead to match the other's end")
        save(figure, paths)


def _colour(under: Under, pair: tuple[str, str]) -> str:
    return UNSURE if under.winner is None else LOOKS[pair.index(under.winner)][0]


def _marker(under: Under, pair: tuple[str, str]) -> str:
    return "o" if under.ahead is None else LOOKS[pair.index(under.ahead)][1]


def _difference(axes: Axes, place: float, under: Under, pair: tuple[str, str]) -> None:
    factor, by = Amounts.of(under.found.curves.objective).factor, under.difference
    estimate, low, high = (factor * float(v) for v in (by.estimate, by.low, by.high))
    colour = _colour(under, pair)
    if math.isfinite(low):
        axes.hlines(place, low, high, color=colour, linewidth=1.4)
    axes.plot(estimate, place, _marker(under, pair), color=colour, markersize=4)


def _reach(axes: Axes, place: float, under: Under, pair: tuple[str, str]) -> None:
    if under.reach is None:
        return
    colour = _colour(under, pair)
    if under.reach.low is not None and under.reach.high is not None:
        axes.hlines(place, under.reach.low, under.reach.high, color=colour, linewidth=1.4)
    axes.plot(under.reach.estimate, place, _marker(under, pair), color=colour, markersize=4)


def _label(axes: Axes, found: SuiteFindings) -> None:
    a, b = (verbatim(label, 20) for label in found.pair)
    amounts = Amounts.of(found.under[0].found.curves.objective)
    axes.set_xlabel(f"{a} ends better by{' (points)' if amounts.factor == 100 else ''}")
    axes.set_title(f"{b} better ← → {a} better", fontsize="small")


def axes_of(found: SuiteFindings) -> tuple[str, str] | None:
    """The two axes of a suite whose settings all lie on a grid of two; None for any other."""
    axes = list(found.under[0].setting.at)
    on_grid = all(list(under.setting.at) == axes for under in found.under)
    return (axes[0], axes[1]) if len(axes) == 2 and on_grid else None


def draw_grid(found: SuiteFindings, paths: Sequence[Path], look: Look) -> None:
    """A heat map of a grid of two axes: the difference, in brackets where the two are not told apart."""
    axes_names = axes_of(found)
    assert axes_names is not None
    row_axis, column_axis = axes_names
    rows = list(dict.fromkeys(under.setting.at[row_axis] for under in found.under))
    columns = list(dict.fromkeys(under.setting.at[column_axis] for under in found.under))
    values, texts = np.full((len(rows), len(columns)), np.nan), {}
    for under in found.under:
        place = rows.index(under.setting.at[row_axis]), columns.index(under.setting.at[column_axis])
        amounts = Amounts.of(under.found.curves.objective)
        values[place] = amounts.factor * float(under.difference.estimate)
        text = f"{values[place]:+.2g}"
        texts[place] = text if under.winner is not None else f"({text})"
    reach = float(np.nanmax(np.abs(values))) or 1.0
    with look.context():
        figure = Figure(figsize=(look.inches, 1.2 + 0.5 * len(rows)), layout="constrained")
        axes = figure.subplots()
        # The first method's colour where it ends better, the second's where that does: orange against blue.
        image = axes.imshow(values, cmap="PuOr_r", norm=TwoSlopeNorm(0, -reach, reach), aspect="auto")
        for (row, column), text in texts.items():
            axes.text(column, row, text, ha="center", va="center", fontsize="small",
                      color="white" if abs(values[row, column]) > 0.7 * reach else "black")  # fmt: skip
        axes.set_xticks(range(len(columns)), [verbatim(str(value), 16) for value in columns])
        axes.set_yticks(range(len(rows)), [verbatim(str(value), 16) for value in rows])
        axes.set_xlabel(verbatim(column_axis))
        axes.set_ylabel(verbatim(row_axis))
        a, b = (verbatim(label, 20) for label in found.pair)
        figure.colorbar(image, ax=axes, label=f"{a} ends better by")
        axes.set_title(f"in brackets: {a} and {b} not told apart", fontsize="small")
        save(figure, paths)


def draw_profiles(found: SuiteFindings, paths: Sequence[Path], look: Look) -> None:
    """Performance profiles: in which share of settings a method costs at most so many times the least."""
    finite = found.ratios[np.isfinite(found.ratios)]
    most = min(MOST_FACTOR, 1.2 * float(finite.max())) if finite.size else 2.0
    factors = np.linspace(1, max(most, 1.5), 400)
    with look.context():
        figure = Figure(figsize=(look.inches, 2.6), layout="constrained")
        axes = figure.subplots()
        names = told_apart(found.labels)
        for number, label in enumerate(found.labels):
            colour, _, line = LOOKS[number % len(LOOKS)]
            share = profile(found.ratios[:, number], factors)
            axes.step(factors, share, where="post", color=colour, linestyle=line, label=names[label])
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel("expected running time to the setting's target, times the least")
        axes.set_ylabel(f"share of {len(found.under)} settings")
        axes.legend(loc="lower right")
        save(figure, paths)
