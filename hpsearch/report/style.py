"""How all figures look, and how they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

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
KINDS = ("png", "svg", "pdf")
UNDATED: dict[str, dict[str, Any]] = {".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}


def save(figure: Figure, path: Path) -> None:
    """Write a figure as the type that the name ends with. The same numbers draw the same file, byte for byte."""
    figure.savefig(path, dpi=200, metadata=UNDATED.get(path.suffix))
