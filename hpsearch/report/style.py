"""How all figures for paper look, and how they are written to files."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, cast

import matplotlib as mpl
import matplotlib.style
from matplotlib.figure import Figure

from hpsearch.contracts.errors import UsageError
from hpsearch.contracts.json import Json
from hpsearch.report.fonts import give_fonts
from hpsearch.report.text import on_one_line, shortened

# Okabe and Ito's colours, which colour-blind readers tell apart; darkness, line and marker differ too, for
# print in grey. The interactive page has a palette of its own, in page/page.css and page/looks.js.
LOOKS = (
    ("#D55E00", "o", "-"),
    ("#0072B2", "^", "--"),
    ("#009E73", "s", "-."),
    ("#CC79A7", "D", ":"),
    ("#E69F00", "v", (0, (5, 1, 1, 1, 1, 1))),
    ("#56B4E9", "P", (0, (1, 1))),
    ("#000000", "X", "-"),
)
KINDS = ("png", "svg", "pdf")
UNDATED: dict[str, dict[str, None]] = {".svg": {"Date": None, "Creator": None}, ".pdf": {"CreationDate": None}}
INCHES = {"column": 3.3, "page": 6.9}
"""Widths of a column and of a page of text in two-column journals."""


@dataclass(frozen=True)
class Look:
    """What a user may change in figures: a matplotlib style file on top of paper.mplstyle, and the width on paper."""

    style: Path | None = None
    width: Literal["column", "page"] = "page"

    @property
    def inches(self) -> float:
        """Width of a figure in inches."""
        return INCHES[self.width]

    def context(self) -> AbstractContextManager[None]:
        """A context in which matplotlib draws in this look. Raises UsageError if the style file cannot be read."""
        with as_file(files("hpsearch.report") / "paper.mplstyle") as paper:
            settings = dict(cast(Json, mpl.rc_params_from_file(paper, use_default_template=False)))
        if self.style is not None:
            try:
                settings |= cast(Json, mpl.rc_params_from_file(self.style, use_default_template=False))
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{self.style}: cannot be read as a matplotlib style file: {error}") from error
        # Start from matplotlib's own defaults: a user's matplotlibrc is for the user's own figures.
        return mpl.style.context(["default", settings])


def verbatim(name: str, letters: int = 40) -> str:
    """A name that matplotlib draws letter by letter, on one line of at most `letters`, its middle left out if longer.

    A dollar starts no formula, and a first underscore hides nothing.
    """
    text = shortened(on_one_line(name), letters) or "(blank)"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def told_apart(labels: Iterable[str], letters: int = 40) -> dict[str, str]:
    """Label -> text to draw, as `verbatim` gives it; texts that would look the same are numbered."""
    texts: dict[str, str] = {}
    for label in labels:
        text = verbatim(label, letters)
        alike = sum(verbatim(other, letters) == text for other in texts)
        texts[label] = f"{text} ({alike + 1})" if alike else text
    return texts


def save(figure: Figure, paths: Sequence[Path]) -> None:
    """Write a figure to files of the types that their names end with. Equal numbers give equal files, byte for byte.

    Letters that no installed font has are told in a warning.
    """
    if without := give_fonts(figure):
        warnings.warn(
            f"no font here has {' '.join(without)}, which figures show as boxes; install a font that has them (for "
            "Chinese, Japanese and Korean: Noto Sans CJK) and write the report again",
            stacklevel=2,
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the warning above says it
        if figure.get_layout_engine() is not None:
            figure.draw_without_rendering()  # lays it out
            figure.set_layout_engine("none")  # once is enough, and takes longer than drawing
        for path in paths:
            figure.savefig(path, metadata=UNDATED.get(path.suffix))
