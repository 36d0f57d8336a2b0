"""Figure 8's form: every study's best so far as a dot, their mean as a line, a bootstrap band around it.

A few methods share one panel. More than that would hide each other: each then has a panel of its own, with the
means of all others in grey behind it.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hpsearch.report.curves import Curves
from hpsearch.report.style import LOOKS, STYLE, save

TOGETHER = 4
"""The most methods that one panel shows."""
COLUMNS = 5


def draw_figure(curves: Curves, path: Path) -> None:
    """Draw the trials-to-best curves into a file of the type that its name ends with."""
    with mpl.rc_context(STYLE):
        figure = _together(curves) if len(curves.methods) <= TOGETHER else _apart(curves)
        save(figure, path)


def _together(curves: Curves) -> Figure:
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    count = len(curves.methods)
    looks = dict(zip(curves.methods, cycle(LOOKS)))
    for number, (label, (color, marker, _)) in enumerate(looks.items()):
        # Each method's dots stand a little aside of the trial.
        _dots(axes, curves, label, 0.4 * ((number + 0.5) / count - 0.5), color=color, marker=marker)
    for label, look in looks.items():
        _mean(axes, curves, label, look)
    _frame(axes, curves)
    axes.set_xlabel("trial")
    axes.set_ylabel(_quantity(curves))
    _say_outside(axes, curves, list(curves.methods))
    corner: Any = "lower right" if curves.maximise else "upper right"
    axes.legend(frameon=False, loc=corner, title="mean with 95% bootstrap band")
    return figure


def _apart(curves: Curves) -> Figure:
    rows = -(-len(curves.methods) // COLUMNS)
    figure = Figure(figsize=(7.2, 1.5 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    trials = np.arange(1, curves.trials + 1)
    color, marker, _ = LOOKS[1]
    for axes, label in zip(grid.flat, curves.methods, strict=False):
        for other in curves.methods.values():
            axes.plot(trials, other.mean.estimate, color="#bbbbbb", linewidth=0.7)
        _dots(axes, curves, label, 0.0, color=color, marker=marker)
        _mean(axes, curves, label, (color, "", "-"))
        _frame(axes, curves)
        axes.set_title(label, fontsize=7)
        axes.tick_params(labelsize=6)
        _say_outside(axes, curves, [label])
    for axes in grid.flat[len(curves.methods) :]:
        axes.set_visible(False)
    for column in range(COLUMNS):  # the lowest panel of each column has the numbers, wherever the last row ends
        lowest = max((row for row in range(rows) if row * COLUMNS + column < len(curves.methods)), default=None)
        if lowest is not None:
            grid[lowest, column].tick_params(labelbottom=True)
    counts = sorted({len(method.incumbents) for method in curves.methods.values()})
    studies = f"{counts[0]} studies" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} studies"
    figure.supxlabel(f"trial ({studies} a method; line and band: mean, 95% bootstrap; grey: the others)", fontsize=8)
    figure.supylabel(_quantity(curves), fontsize=8)
    return figure


def _dots(axes: Axes, curves: Curves, label: str, aside: float, **look: Any) -> None:
    """Every study's incumbent at every trial, each study at a place of its own."""
    found = curves.methods[label].incumbents
    spread = np.linspace(-0.12, 0.12, len(found))[:, None]
    x = np.broadcast_to(np.arange(1, curves.trials + 1) + aside + spread, found.shape)
    axes.scatter(x, found, s=5, alpha=0.3, linewidths=0, **look)


def _mean(axes: Axes, curves: Curves, label: str, look: tuple[str, str, Any]) -> None:
    color, marker, line = look
    method, trials = curves.methods[label], np.arange(1, curves.trials + 1)
    axes.fill_between(trials, method.mean.low, method.mean.high, color=color, alpha=0.2, linewidth=0)
    every = max(1, curves.trials // 8)
    axes.plot(
        trials, method.mean.estimate, color=color, linestyle=line, linewidth=1.8, marker=marker, markersize=5,
        markevery=(0, every), label=f"{label} (n = {len(method.incumbents)})",
    )  # fmt: skip


def _frame(axes: Axes, curves: Curves) -> None:
    axes.set_xlim(0.4, curves.trials + 0.6)
    axes.set_ylim(*_limits(curves))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _quantity(curves: Curves) -> str:
    unit = f" ({curves.objective.unit})" if curves.objective.unit else ""
    return f"best {curves.objective.name} so far{unit}"


def _say_outside(axes: Axes, curves: Curves, labels: list[str]) -> None:
    low, high = axes.get_ylim()
    values = np.concatenate([curves.methods[label].incumbents.ravel() for label in labels])
    if outside := int(((values < low) | (values > high)).sum()):
        text = f"{outside} of {values.size} dots lie outside"
        axes.text(0.01, 0.01, text, transform=axes.transAxes, fontsize=7 if len(labels) > 1 else 5.5)


def _limits(curves: Curves) -> tuple[float, float]:
    """From nearly the worst to the best incumbent: a few hopeless first trials must not flatten the rest."""
    values = np.concatenate([method.incumbents.ravel() for method in curves.methods.values()])
    worst, best = (
        (np.quantile(values, 0.01), values.max()) if curves.maximise else (np.quantile(values, 0.99), values.min())
    )
    margin = 0.05 * abs(best - worst) or 0.05
    low, high = min(worst, best), max(worst, best)
    return float(low - margin), float(high + margin)
