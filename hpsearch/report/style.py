"""How all figures for paper look, and how they are written to files."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, cast

import matplotlib as mpl
import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter, ScalarFormatter

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
MOST_FITS = 12
"""How often texts are shrunk at most: what is still too large then is larger than any name may be."""
MANY_PANELS = 5
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


def fit_text(figure: Figure) -> None:
    """Lay the figure out, and shrink texts that reach beyond its canvas until they lie inside."""
    canvas = figure.bbox
    for _ in range(MOST_FITS):
        # Titles of many panels that were laid out by hand are where they will be, and drawing those takes a second.
        if figure.get_layout_engine() is not None or len(figure.axes) < MANY_PANELS:
            figure.draw_without_rendering()  # lays it out
        beyond = [
            (text, share)
            for text in _written(figure)
            if (share := min(_share(text, canvas.x0, canvas.x1, 0), _share(text, canvas.y0, canvas.y1, 1))) < 1
        ]
        if not beyond:
            return
        for text, share in beyond:
            text.set_fontsize(float(text.get_fontsize()) * max(0.5, 0.94 * share))


def _written(figure: Figure) -> Iterator[Text]:
    """All texts but the numbers along axes, which matplotlib chooses to have room for."""
    ticks = {
        id(label)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
        if isinstance(axis.get_major_formatter(), ScalarFormatter | LogFormatter)
    }
    for text in figure.findobj(Text):
        if not isinstance(text, Text) or id(text) in ticks or not text.get_visible() or not text.get_text().strip():
            continue
        if text.axes is None or text.axes.get_visible():
            yield text


def _share(text: Text, low: float, high: float, dimension: int) -> float:
    """The share of its size at which a text lies between two pixels; its middle or its near end stays where it is."""
    start, end = (float(corner[dimension]) for corner in text.get_window_extent().get_points())
    if start >= low and end <= high:
        return 1.0
    middle = (start + end) / 2
    near_start, near_end = ("left", "right") if dimension == 0 else ("bottom", "top")
    aligned = text.get_horizontalalignment() if dimension == 0 else text.get_verticalalignment()
    if text.get_rotation() % 180 == 0 and aligned in (near_start, near_end):
        kept, away = (start, end) if aligned == near_start else (end, start)
        limit = high if away > kept else low
        return max(0.0, (limit - kept) / (away - kept))
    return max(0.0, 2 * min(middle - low, high - middle) / (end - start))


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
        fit_text(figure)
        if figure.get_layout_engine() is not None:
            figure.set_layout_engine("none")  # laid out once is enough, and takes longer than drawing
        for path in paths:
            figure.savefig(path, metadata=UNDATED.get(path.suffix))
