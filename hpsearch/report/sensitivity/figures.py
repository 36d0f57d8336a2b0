"""Results against a hyperparameter, and training curves at each of its values; mean with 95% bootstrap interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hpsearch.contracts.space import Choice
from hpsearch.report.sensitivity.results import MethodResponses, Response, Sensitivity, named, text
from hpsearch.report.style import LOOKS, Look, save, told_apart, verbatim
from hpsearch.statistics.bootstrap import Interval

LETTERS_AN_INCH, KEY = 17, 6
"""Letters of a legend that an inch has room for, and how many a sample of a line is as wide as."""
PANEL = 2.2
"""Least width of a panel in inches."""
LETTERS = 34
"""Most letters in a line of a legend below a panel of 2.3 inches."""
MEAN, ZERO = "mean", "zero"
"""What lines are: a mean, or the marks of a mean's zeros on a logarithmic axis."""
TICK = 16
"""Most letters below a tick."""


def draw_responses(found: Sensitivity, paths: Sequence[Path], look: Look) -> None:
    """Draw one column per hyperparameter, one row per quantity, and one line per method."""
    axes_of: dict[str, list[str]] = {}
    for label, method in found.methods.items():
        axes_of.setdefault(method.axis.name if method.axis else "", []).append(label)
    measures = found.measures()
    looks, names = dict(zip(found.methods, cycle(LOOKS))), told_apart(found.methods)
    with look.context():
        size = (look.inches if len(axes_of) > 1 else min(4.2, look.inches), 2.3 * (1 + len(measures)))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1 + len(measures), len(axes_of), squeeze=False, sharey="row", sharex="col")
        for column, (name, labels) in enumerate(axes_of.items()):
            for label in labels:
                objectives = [(r, found.objectives(r)) for r in found.methods[label].responses]
                _draw_response(grid[0, column], names[label], found.methods[label], objectives, looks[label])
                for row, measure in enumerate(measures, 1):
                    means = [
                        (r, found.over_epochs(r, measure))
                        for r in found.methods[label].responses
                        if len(r.curves[measure])
                    ]
                    _draw_response(grid[row, column], names[label], found.methods[label], means, looks[label])
            grid[-1, column].set_xlabel(verbatim(name) if name else "")
        unit = f" ({verbatim(found.objective.unit, 12)})" if found.objective.unit else ""
        grid[0, 0].set_ylabel(verbatim(found.objective.name, LETTERS) + unit)
        for row, measure in enumerate(measures, 1):
            grid[row, 0].set_ylabel(f"{verbatim(measure, LETTERS)},\nmean over epochs")
            _logarithmic_if_wide(grid[row])
        if len(found.methods) > 1:
            _legend_below(figure, list(grid[0]))
        save(figure, paths)


def draw_epochs(found: Sensitivity, paths: Sequence[Path], look: Look) -> None:
    """Draw one panel per method and training curve, with one line per configuration.

    Methods stand side by side, as many as the width has room for: one in a column, three on a page. Those that follow
    stand below them.
    """
    labels, titles = list(found.methods), told_apart(found.methods, LETTERS)
    across = min(len(labels), max(1, int(look.inches / PANEL)))
    blocks = [labels[k : k + across] for k in range(0, len(labels), across)]
    below = [0.085 * max(_lines_of_legend(found, label) for label in block) + 0.35 for block in blocks]
    ratios = [ratio for legend in below for ratio in (*[1.0] * len(found.curves), legend)]
    width = look.inches if len(labels) > 1 else min(look.inches, 3.3)
    with look.context():
        figure = Figure(figsize=(width, 1.7 * sum(ratios)), layout="constrained")
        grid = figure.subplots(
            len(ratios), across, squeeze=False, sharex=True, gridspec_kw={"height_ratios": ratios}
        )  # fmt: skip
        panels = {
            label: list(grid[k * (len(found.curves) + 1) : (k + 1) * (len(found.curves) + 1), column])
            for k, block in enumerate(blocks)
            for column, label in enumerate(block)
        }
        for axes in {*grid.ravel()} - {axes for column in panels.values() for axes in column}:
            axes.axis("off")
        for label, column in panels.items():
            _draw_method(found, label, titles[label], list(column))
        for row, name in enumerate(found.curves):
            first, *others = (column[row] for column in panels.values())
            for axes in others:
                axes.sharey(first)
            for block in blocks:
                panels[block[0]][row].set_ylabel(verbatim(name, LETTERS))
                for label in block[1:]:
                    panels[label][row].tick_params(labelleft=False)
            _logarithmic_if_wide([first, *others])
        save(figure, paths)


def _lines_of_legend(found: Sensitivity, label: str) -> int:
    return sum(len(_values(response)) for response in found.methods[label].responses)


def _draw_method(found: Sensitivity, label: str, title: str, column: Sequence[Axes]) -> None:
    """Draw one method's training curves below each other, and their legend below them."""
    *panels, below = column
    responses = found.methods[label].responses
    for axes, name in zip(panels, found.curves, strict=True):
        for response, shade in zip(responses, _shades(len(responses)), strict=True):
            if len(response.curves[name]):
                _draw_epochs(axes, found.by_epoch(response, name), "\n".join(_values(response)), shade)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_title(title)
    panels[-1].set_xlabel("epoch")
    panels[-1].tick_params(labelbottom=True)
    below.axis("off")
    names = ", ".join(verbatim(name, LETTERS) for name in responses[0].varied)
    lines = max(([x for x in axes.get_lines() if x.get_gid() == MEAN] for axes in panels), key=len)
    below.legend(
        handles=lines, loc="upper center", frameon=False, fontsize=6.5, title_fontsize=6.5,
        title="\n".join(wrap(names, LETTERS)) or None, borderaxespad=0.2,
    )  # fmt: skip


def _legend_below(figure: Figure, row: Sequence[Axes]) -> None:
    """One legend for all columns, below them, where it hides nothing and is as wide as the figure."""
    handles: dict[str, Any] = {}
    for axes in row:
        drawn, keys = axes.get_legend_handles_labels()
        handles |= dict(zip(keys, drawn, strict=True))
    columns = max(1, int(LETTERS_AN_INCH * figure.get_figwidth() / (max(map(len, handles)) + KEY)))
    rows = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + 0.14 * rows + 0.1)
    figure.legend(
        handles.values(), handles, loc="outside lower center", frameon=False, fontsize=7, ncols=columns,
    )  # fmt: skip


def _draw_response(
    axes: Axes, label: str, method: MethodResponses, means: Sequence[tuple[Response, Interval]], look: Any
) -> None:
    color, marker, line = look
    for others, points in _lines(means).items():
        x = [_position(method, response) for response, _ in points]
        middle = np.array([float(m.estimate) for _, m in points])
        spread = np.array([[float(m.estimate - m.low), float(m.high - m.estimate)] for _, m in points]).T
        key = ", ".join([f"{label} (n = {_fewest(points)})", *map(verbatim, others)])
        axes.errorbar(
            x, middle, yerr=spread, color=color, marker=marker, linestyle=line, markersize=4, linewidth=1.3,
            capsize=2, elinewidth=0.9, label=key,
        ).lines[0].set_gid(MEAN)  # fmt: skip
    if method.axis is None:
        axes.set_xticks([])
    elif isinstance(method.axis, Choice):
        axes.set_xticks(range(len(method.axis.values)), [verbatim(str(value), TICK) for value in method.axis.values])
    elif method.axis.log:
        axes.set_xscale("log")


def _lines(
    means: Sequence[tuple[Response, Interval]],
) -> Mapping[tuple[str, ...], Sequence[tuple[Response, Interval]]]:
    """One line per combination of the other varied hyperparameters, or a single one if they only follow the axis."""
    lines: dict[tuple[str, ...], list[tuple[Response, Interval]]] = {}
    for response, mean in means:
        others = tuple(named(name, value) for name, value in list(response.varied.items())[1:])
        lines.setdefault(others, []).append((response, mean))
    return {(): means} if means and all(len(line) == 1 for line in lines.values()) else lines


def _position(method: MethodResponses, response: Response) -> float:
    if method.axis is None:
        return 0.0
    value = response.varied[method.axis.name]
    return float(method.axis.values.index(value) if isinstance(method.axis, Choice) else value)


def _fewest(points: Sequence[tuple[Response, Interval]]) -> int:
    return min(len(response.objectives) for response, _ in points)


def _draw_epochs(axes: Axes, mean: Interval, key: str, look: tuple[Any, Any]) -> None:
    color, line = look
    epochs = np.arange(1, len(mean.estimate) + 1)
    axes.fill_between(epochs, mean.low, mean.high, color=color, alpha=0.2, linewidth=0)
    axes.plot(epochs, mean.estimate, color=color, linestyle=line, linewidth=1.3, label=key, gid=MEAN)


def _values(response: Response) -> list[str]:
    """Values of the varied hyperparameters, with n, in lines that fit below a panel."""
    values = ", ".join(verbatim(text(value), LETTERS) for value in response.varied.values())
    return wrap(f"{values or 'the one configuration'} (n = {len(response.objectives)})", LETTERS)


def _logarithmic_if_wide(row: Iterable[Axes]) -> None:
    """Make the axis logarithmic if values span more than two decades, as flip ratios do.

    Its floor is below the smallest positive value. Bands and bars whose lower ends are 0 or less end at the floor, and
    a value of 0 is a hollow triangle there, with no line to it. Near the ends of the floating-point numbers a
    logarithmic axis has no ticks, and the axis stays linear.
    """
    axes = list(row)
    means = [line for a in axes for line in a.get_lines() if line.get_gid() == MEAN]
    drawn = np.concatenate([np.asarray(line.get_ydata(), np.float64) for line in means]) if means else np.empty(0)
    positive = drawn[drawn > 0]
    if not positive.size or positive.min() < 1e-200 or positive.max() > 1e200:
        return
    if not (drawn[np.isfinite(drawn)] >= 0).all() or positive.max() <= 100 * positive.min():
        return
    floor = positive.min() / 2
    axes[0].set_yscale("log", nonpositive="clip")
    axes[0].set_ylim(floor, positive.max() * 2)
    for panel, line in [(a, line) for a in axes for line in a.get_lines() if line in means]:
        y = np.asarray(line.get_ydata(), np.float64)
        if (zero := y == 0).any():
            x = np.asarray(line.get_xdata())[zero]
            panel.plot(
                x, np.full(len(x), floor), "v", markersize=5, markerfacecolor="none", color=line.get_color(),
                clip_on=False, gid=ZERO,
            )  # fmt: skip
            line.set_ydata(np.where(zero, np.nan, y))
    if any(line.get_gid() == ZERO for a in axes for line in a.get_lines()):
        axes[0].annotate(
            "hollow: 0", (0, 0), xycoords="axes fraction", xytext=(3, 3), textcoords="offset points", fontsize=6
        )


def _shades(count: int) -> list[tuple[Any, Any]]:
    """Colours from dark to light in the order of the values, each with one of the alternating kinds of line."""
    shades = mpl.colormaps["viridis"](np.linspace(0.0, 0.85, count)) if count > 1 else [mpl.colormaps["viridis"](0.3)]
    return list(zip(shades, cycle(("-", "--", "-.", ":")), strict=False))
