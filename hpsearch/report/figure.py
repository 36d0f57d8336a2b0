"""Figure 8's form: every study's best so far as a dot, their mean as a line, a bootstrap band around it."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hpsearch.report.curves import Curves

# Okabe and Ito's colours, which colour-blind readers tell apart; darkness, line and marker differ too, for
# print in grey.
LOOKS = (
    ("#D55E00", "o", "-"),
    ("#0072B2", "^", "--"),
    ("#009E73", "s", "-."),
    ("#CC79A7", "D", ":"),
    ("#E69F00", "v", (0, (5, 1, 1, 1, 1, 1))),
    ("#56B4E9", "P", (0, (1, 1))),
    ("#000000", "X", "-"),
)
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "hpsearch",
    "pdf.fonttype": 42,
}


UNDATED: dict[str, dict[str, Any]] = {".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}
"""The same numbers draw the same file, byte for byte."""


def draw_figure(curves: Curves, path: Path) -> None:
    """Draw the trials-to-best curves into a file of the type that its name ends with."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        trials = np.arange(1, curves.trials + 1)
        count = len(curves.methods)
        drawn = list(zip(curves.methods.items(), cycle(LOOKS)))
        for number, ((_, method), (color, marker, _)) in enumerate(drawn):
            # Each method's dots stand a little aside of the trial, each study's at a place of its own.
            shift = 0.4 * ((number + 0.5) / count - 0.5)
            spread = np.linspace(-0.12, 0.12, len(method.incumbents))[:, None]
            x = np.broadcast_to(trials + shift + spread, method.incumbents.shape)
            axes.scatter(x, method.incumbents, s=5, marker=marker, color=color, alpha=0.3, linewidths=0)
        for (label, method), (color, marker, line) in drawn:
            axes.fill_between(trials, method.mean.low, method.mean.high, color=color, alpha=0.2, linewidth=0)
            every = max(1, curves.trials // 8)
            axes.plot(
                trials, method.mean.estimate, color=color, linestyle=line, linewidth=1.8, marker=marker,
                markersize=5, markevery=(0, every), label=f"{label} (n = {len(method.incumbents)})",
            )  # fmt: skip
        unit = f" ({curves.objective.unit})" if curves.objective.unit else ""
        axes.set_xlabel("trial")
        axes.set_ylabel(f"best {curves.objective.name} so far{unit}")
        axes.set_xlim(0.4, curves.trials + 0.6)
        axes.set_ylim(*_limits(curves))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        low, high = axes.get_ylim()
        values = np.concatenate([method.incumbents.ravel() for method in curves.methods.values()])
        if outside := int(((values < low) | (values > high)).sum()):
            axes.text(0.01, 0.01, f"{outside} of {values.size} dots lie outside", transform=axes.transAxes, fontsize=7)
        corner: Any = "lower right" if curves.maximise else "upper right"
        axes.legend(frameon=False, loc=corner, title="mean with 95% bootstrap band")
        figure.savefig(path, dpi=200, metadata=UNDATED.get(path.suffix))


def _limits(curves: Curves) -> tuple[float, float]:
    """From nearly the worst to the best incumbent: a few hopeless first trials must not flatten the rest."""
    values = np.concatenate([method.incumbents.ravel() for method in curves.methods.values()])
    worst, best = (
        (np.quantile(values, 0.01), values.max()) if curves.maximise else (np.quantile(values, 0.99), values.min())
    )
    margin = 0.05 * abs(best - worst) or 0.05
    low, high = min(worst, best), max(worst, best)
    return float(low - margin), float(high + margin)
