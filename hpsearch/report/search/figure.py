"""The main figure, in the form of Figure 8: each study's best so far as a dot, their mean as a line with its band.

A few methods share one panel. More would hide each other, so each gets a panel of its own, with its studies as thin
lines and the means of all others in grey behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hpsearch.report.search.curves import Curves
from hpsearch.report.style import LOOKS, Look, save, told_apart, verbatim

TOGETHER = 4
"""The most methods that one panel shows."""
COLUMNS = {"page": 5, "column": 3}
MOST_LETTERS = 22
"""Most letters of a name that is written beside its line."""
MOST_IN_A_PANEL = {"page": 26, "column": 17}
"""Most letters of the title of a panel."""
FEW_STUDIES = 5
"""With fewer studies a band hides the data and says little: the studies are drawn alone."""


def draw_figure(curves: Curves, paths: Sequence[Path], look: Look) -> None:
    """Draw the best-so-far curves into files of the types that their names end with."""
    with look.context():
        save(_together(curves, look) if len(curves.methods) <= TOGETHER else _apart(curves, look), paths)


def _together(curves: Curves, look: Look) -> Figure:
    figure = Figure(figsize=(look.inches, 0.62 * look.inches if look.width == "page" else 2.6), layout="constrained")
    axes = figure.add_subplot()
    count = len(curves.methods)
    looks, names = dict(zip(curves.methods, cycle(LOOKS))), told_apart(curves.methods)
    for number, (label, (color, marker, _)) in enumerate(looks.items()):
        # Each method's dots stand a little beside the trial.
        _dots(axes, curves, label, 0.4 * ((number + 0.5) / count - 0.5), color=color, marker=marker)
    for label, of_method in looks.items():
        _mean(axes, curves, label, of_method, names[label])
    few = any(len(method.incumbents) < FEW_STUDIES for method in curves.methods.values())
    about = "mean with 95% bootstrap band" + (f"; fewer than {FEW_STUDIES} studies: each alone" if few else "")
    _frame(axes, curves)
    axes.set_xlabel("trial")
    axes.set_ylabel(_quantity(curves))
    about += _outside(axes, curves)
    if not _label_directly(axes, curves, looks, figure.get_figheight()):
        corner: Any = "lower right" if curves.maximise else "upper right"
        axes.legend(frameon=False, loc=corner, fontsize="small")
    axes.set_title(about, fontsize="small", loc="left")
    return figure


def _label_directly(axes: Axes, curves: Curves, looks: Mapping[str, tuple[str, str, Any]], height: float) -> bool:
    """Write the names beside the ends of their lines if the ends are far enough apart; returns whether they were."""
    low, high = axes.get_ylim()
    ends = sorted(float(method.mean.estimate[-1]) for method in curves.methods.values())
    room = (high - low) * 0.09 * (4.3 / height)
    names = told_apart(looks)
    if any(b - a < room for a, b in pairwise(ends)) or max(map(len, names.values())) > MOST_LETTERS:
        return False
    for label, (color, *_) in looks.items():
        method = curves.methods[label]
        axes.annotate(
            f"{names[label]}\nn = {len(method.incumbents)}", (1.0, float(method.mean.estimate[-1])),
            xycoords=axes.get_yaxis_transform(), xytext=(4, 0), textcoords="offset points", va="center",
            color=color, fontsize="small", annotation_clip=False,
        )  # fmt: skip
    return True


def _apart(curves: Curves, look: Look) -> Figure:
    columns = COLUMNS[look.width]
    rows = -(-len(curves.methods) // columns)
    height = 1.45 * rows + 0.5
    figure = Figure(figsize=(look.inches, height))
    # Laid out by hand: constrained layout takes longer than drawing twenty panels does.
    figure.subplots_adjust(
        left=0.62 / look.inches, right=1 - 0.06 / look.inches, bottom=0.62 / height, top=1 - 0.22 / height,
        wspace=0.12, hspace=0.32,
    )  # fmt: skip
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    trials = np.arange(1, curves.trials + 1)
    means = [np.column_stack([trials, method.mean.estimate]) for method in curves.methods.values()]
    color, names = LOOKS[1][0], told_apart(curves.methods, MOST_IN_A_PANEL[look.width])
    for axes, label in zip(grid.flat, curves.methods, strict=False):
        axes.add_collection(LineCollection(means, colors="#bbbbbb", linewidths=0.7))
        thin = [np.column_stack([trials, study]) for study in curves.methods[label].incumbents]
        axes.add_collection(LineCollection(thin, colors=color, linewidths=0.4, alpha=0.35))
        _mean(axes, curves, label, (color, "", "-"), names[label])
        _frame(axes, curves)
        axes.set_title(names[label], fontsize=7 if len(label) < 16 else 5.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True, min_n_ticks=1))
        axes.tick_params(labelsize=6)
    for axes in grid.flat[len(curves.methods) :]:
        axes.set_visible(False)
    for column in range(columns):  # the lowest panel of each column has the numbers, wherever the last row ends
        lowest = max((row for row in range(rows) if row * columns + column < len(curves.methods)), default=None)
        if lowest is not None:
            grid[lowest, column].tick_params(labelbottom=True)
    counts = sorted({len(method.incumbents) for method in curves.methods.values()})
    studies = f"{counts[0]} studies" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} studies"
    end = ";\n" if look.width == "column" else "; "
    about = f"{studies} per method, thin{end}thick: mean, 95% bootstrap; grey: the others"
    figure.supxlabel(f"trial ({about})", fontsize=8 if look.width == "page" else 6)
    figure.supylabel(_quantity(curves), fontsize=8)
    return figure


def _dots(axes: Axes, curves: Curves, label: str, aside: float, **look: Any) -> None:
    """Draw every study's incumbent at every trial, each study at a place of its own."""
    found = curves.methods[label].incumbents
    spread = np.linspace(-0.12, 0.12, len(found))[:, None]
    x = np.broadcast_to(np.arange(1, curves.trials + 1) + aside + spread, found.shape)
    axes.scatter(x, found, s=5, alpha=0.3, linewidths=0, **look)


def _mean(axes: Axes, curves: Curves, label: str, look: tuple[str, str, Any], name: str) -> None:
    color, marker, line = look
    method, trials = curves.methods[label], np.arange(1, curves.trials + 1)
    name = f"{name} (n = {len(method.incumbents)})"
    if len(method.incumbents) < FEW_STUDIES:
        axes.plot(trials, method.incumbents.T, color=color, linestyle=line, linewidth=1.0)
        axes.plot([], [], color=color, linestyle=line, linewidth=1.0, label=name)
        return
    axes.fill_between(trials, method.mean.low, method.mean.high, color=color, alpha=0.2, linewidth=0)
    every = max(1, curves.trials // 8)
    axes.plot(
        trials, method.mean.estimate, color=color, linestyle=line, linewidth=1.8, marker=marker, markersize=5,
        markevery=(0, every), label=name,
    )  # fmt: skip


def _frame(axes: Axes, curves: Curves) -> None:
    axes.set_xlim(0.4, curves.trials + 0.6)
    axes.set_ylim(*_limits(curves))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _quantity(curves: Curves) -> str:
    unit = f" ({verbatim(curves.objective.unit, 12)})" if curves.objective.unit else ""
    return f"best {verbatim(curves.objective.name)} so far{unit}"


def _outside(axes: Axes, curves: Curves) -> str:
    """How many incumbents lie outside of the axes, as the end of a sentence; nothing if none does."""
    low, high = axes.get_ylim()
    values = np.concatenate([method.incumbents.ravel() for method in curves.methods.values()])
    outside = int(((values < low) | (values > high)).sum())
    return f"; {outside} of {values.size} dots lie outside" if outside else ""


def _limits(curves: Curves) -> tuple[float, float]:
    """Limits of the axis, from nearly the worst to the best incumbent: a few bad first trials must not flatten all."""
    values = np.concatenate([method.incumbents.ravel() for method in curves.methods.values()])
    worst, best = (
        (np.quantile(values, 0.01), values.max()) if curves.maximise else (np.quantile(values, 0.99), values.min())
    )
    margin = 0.05 * abs(best - worst) or 0.05 * abs(best) or 0.05
    # With few studies the last interval of a method may reach beyond every study.
    banded = [method.mean for method in curves.methods.values() if len(method.incumbents) >= FEW_STUDIES]
    bounds = [end[-1] for mean in banded for end in (mean.low, mean.high)]
    ends = [float(end) for end in bounds if np.isfinite(end)]
    low, high = min(worst, best, *ends), max(worst, best, *ends)
    return float(low - margin), float(high + margin)
