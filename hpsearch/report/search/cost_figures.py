"""Figures of what tuning costs: trials to a target, and extra trials to reach what the best method has.

A few methods are drawn as curves with their bands in one panel. More would hide each other, so each gets a row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from hpsearch.contracts.objective import Objective
from hpsearch.report.search.figure import FEW_STUDIES, TOGETHER
from hpsearch.report.search.findings import Findings, middle_trial
from hpsearch.report.style import LOOKS, Look, save, told_apart, verbatim
from hpsearch.statistics.extra_trials import ExtraTrials
from hpsearch.statistics.first_reach import mean_curve, own_reach
from hpsearch.statistics.kaplan_meier import Survival

Array = NDArray[np.float64]
LETTERS_AN_INCH = 16
"""Letters of a label that an inch of the figure's width has room for."""
KEY = 9
"""Letters of a legend that a sample of a line, with its space, is as wide as."""


def draw_reach(found: Findings, paths: Sequence[Path], look: Look) -> None:
    """Draw how soon studies reach the target that the report shows first."""
    target, unit = found.shown(), found.unit
    survivals, spent = target.units[unit].survival, target.units[unit].spent
    letters = 40 if look.width == "page" else 20  # of the objective's name, in the label of an axis
    name = f"{verbatim(found.curves.objective.name, letters)} {Objective.text(target.value)}"
    names = told_apart(survivals)
    with look.context():
        if len(survivals) > TOGETHER:
            medians = {names[label]: (s.median, s.median_low, s.median_high) for label, s in survivals.items()}
            figure = _rows(medians, spent, f"median {unit} to {name} (95% interval)", look)
        else:
            figure, axes = _panel(look)
            for (label, survival), of_method in zip(survivals.items(), cycle(LOOKS), strict=False):
                few = len(target.units[unit].times[label].reached) < FEW_STUDIES
                _stairs(axes, names[label], survival, spent, of_method, banded=not few)
            axes.set(xlim=(0, spent), ylim=(-0.02, 1.02), xlabel=f"{unit} spent to reach {name}")
            axes.set_ylabel("share of studies")
            _legend_above(figure, axes, "Kaplan-Meier, 95% log-log band")
        save(figure, paths)


def draw_extra(found: Findings, paths: Sequence[Path], look: Look) -> None:
    """Draw how many trials each other method needs for what the best one has after so many of its own."""
    best, trials = found.best, found.curves.trials
    others = {b: extra for (a, b), extra in found.extra.items() if a == best}
    names = told_apart(found.labels)
    with look.context():
        if len(others) >= TOGETHER:
            after = middle_trial(trials)
            at = {names[b]: (e.estimate[after - 1], e.low[after - 1], e.high[after - 1]) for b, e in others.items()}
            text = f"more trials than {names[best]} for what it has after {after} (95% interval)"
            figure = _rows(at, trials - after, text, look)
        else:
            figure, axes = _panel(look)
            looks = dict(zip(found.labels, cycle(LOOKS)))
            sign = 1.0 if found.curves.maximise else -1.0
            own = own_reach(mean_curve(sign * found.curves.methods[best].incumbents))[0]
            for label, extra in others.items():
                few = min(len(found.curves.methods[of].incumbents) for of in (best, label)) < FEW_STUDIES
                _curve(axes, names[label], own, extra, looks[label], banded=not few)
            _diagonal(axes, trials)
            axes.set(xlabel=f"trials of {names[best]}", ylabel="trials for the same")
            _legend_above(figure, axes, "95% bootstrap interval")
        save(figure, paths)


def _panel(look: Look) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(look.inches, 0.5 * look.inches if look.width == "page" else 2.4), layout="constrained")
    axes = figure.add_subplot()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    return figure, axes


def _legend_above(figure: Figure, axes: Axes, title: str) -> None:
    """The methods' names above the panel, where they hide nothing."""
    handles, labels = axes.get_legend_handles_labels()
    columns = max(1, int(LETTERS_AN_INCH * figure.get_figwidth() / (max(map(len, labels), default=0) + KEY)))
    figure.legend(
        handles, labels, loc="outside upper center", frameon=False, fontsize="small", title=title,
        title_fontsize="small", ncols=min(columns, max(1, len(labels))),
    )  # fmt: skip


def _stairs(axes: Axes, label: str, survival: Survival, spent: float, look: Any, *, banded: bool) -> None:
    color, _, line = look
    x = np.concatenate([[0.0], survival.steps, [spent]])

    def held(values: Array) -> Array:
        reached = np.concatenate([[0.0], 1 - values])
        return np.append(reached, reached[-1])

    if banded:
        axes.fill_between(x, held(survival.high), held(survival.low), step="post", color=color, alpha=0.15, linewidth=0)
    axes.step(x, held(survival.not_reached), where="post", color=color, linestyle=line, label=label)


def _curve(axes: Axes, label: str, own: Array, extra: ExtraTrials, look: Any, *, banded: bool) -> None:
    """Trials of the other method against those of the best one, at the trials at which the best one's mean rose.

    The extra trials are counted from the trial at which the best one first had it, so both together are the other's.
    """
    color, _, line = look
    risen = np.flatnonzero(own == np.arange(1, len(own) + 1))
    x, edge = own[risen], _beyond(extra.trials)

    def trials(values: Array) -> Array:
        return np.where(np.isinf(values[risen]), edge, np.maximum(0.0, x + values[risen]))

    if banded and not np.isnan(extra.low).any():
        axes.fill_between(x, trials(extra.low), trials(extra.high), color=color, alpha=0.15, linewidth=0)
    axes.plot(x, trials(extra.estimate), color=color, linestyle=line, marker=".", markersize=4, label=label)
    never = np.isinf(extra.estimate[risen])
    axes.plot(x[never], np.full(never.sum(), edge), "^", color=color, markersize=4)


def _beyond(trials: int) -> float:
    """Where on the axis a number of trials lies that is larger than there were."""
    return 1.06 * trials + 0.5


def _diagonal(axes: Axes, trials: int) -> None:
    """The line of equal trials, and above all trials the part that is beyond the budget."""
    top = 1.2 * trials + 1
    axes.plot([0, trials], [0, trials], color="#888888", linewidth=0.7, linestyle=(0, (4, 3)))
    axes.axhspan(trials, top, facecolor="none", edgecolor="#bbbbbb", hatch="////", linewidth=0)
    axes.text(
        0.5 * trials, 0.995 * top, f"beyond the {trials} trials", fontsize="x-small", ha="center", va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )  # fmt: skip
    axes.set(xlim=(0, trials + 0.5), ylim=(0, top))


def _rows(values: Mapping[str, tuple[float, float, float]], most: float, text: str, look: Look) -> Figure:
    """One row per method: estimate and interval. An infinite value, above `most`, is a triangle at the edge."""
    said = wrap(f"{text}; dotted: more than {most:g}", int(LETTERS_AN_INCH * look.inches))
    height = 0.5 + 0.15 * len(said) + 0.2 * len(values)
    figure = Figure(figsize=(look.inches, height))
    # Laid out by hand: constrained layout leaves too little room for long names.
    left = min(0.5, (0.25 + 0.075 * max(map(len, values))) / look.inches)
    figure.subplots_adjust(left=left, right=0.98, bottom=(0.32 + 0.15 * len(said)) / height, top=1 - 0.08 / height)
    axes, edge = figure.add_subplot(), most + max(1.0, 0.04 * most)
    ordered = sorted(values, key=lambda label: (values[label][0], values[label][2]))
    for place, label in enumerate(ordered):
        estimate, low, high = (edge if math.isinf(v) else float(v) for v in values[label])
        if not math.isnan(low):
            axes.plot([low, high], [place, place], color=LOOKS[1][0], linewidth=1.5, alpha=0.6)
        axes.plot(estimate, place, "o" if estimate < edge else ">", color=LOOKS[1][0], markersize=4)
    axes.axvline(edge, color="#888888", linewidth=0.7, linestyle=":")
    axes.set_yticks(range(len(ordered)), ordered, fontsize="small")
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    figure.supxlabel("\n".join(said), fontsize="small", y=0.05 / height)
    ticks = MaxNLocator(integer=True, min_n_ticks=1).tick_values(*axes.get_xlim())
    axes.set_xticks([tick for tick in ticks if axes.get_xlim()[0] <= tick <= most])
    return figure
