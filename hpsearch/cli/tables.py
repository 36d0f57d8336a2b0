"""Tables for a terminal: numbers to the right, words whole, and nothing cut, however narrow the terminal is."""

from __future__ import annotations

import math
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    import pandas as pd

GAP = "  "
ENDLESS = 10**6
"""The width of a file or a pipe, whose lines are as long as they need to be."""
DECADES = 1e3
"""A column whose numbers differ by more than this factor has significant digits in place of common decimals."""


def terminal_width() -> int:
    """Letters in a line of the terminal, which COLUMNS may say; `ENDLESS` where the output goes elsewhere."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return ENDLESS


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]], keys: int, width: int) -> list[str]:
    """The lines of a table.

    Args:
        head: names of the columns.
        rows: cells; a column whose cells are all numbers, or empty, stands to the right.
        keys: how many columns from the left say what a row is. Where the table is too wide, the other columns go on
            below, beside these again.
        width: letters in a line. Only a line of the keys and a single other column may be longer.
    """
    columns = [_column(name, [row[i] for row in rows]) for i, name in enumerate(head)]
    lines: list[str] = []
    for block in _blocks([cell_len(column[0]) for column in columns], keys, width):
        lines += [""] if lines else []
        lines += [GAP.join(parts).rstrip() for parts in zip(*(columns[i] for i in block), strict=True)]
    return lines


def frame_lines(frame: pd.DataFrame, keys: int, width: int) -> list[str]:
    """The lines of a table of trials, shape (trials, columns): each number with the decimals of its column."""
    cells = [column_text(frame.iloc[:, i].tolist()) for i in range(frame.shape[1])]
    return table_lines([printable(str(name)) for name in frame.columns], list(zip(*cells, strict=True)), keys, width)


def column_text(values: Sequence[object]) -> list[str]:
    """The cells of a column: numbers with the same decimals, unless they span too many decades for that.

    They are as many as show four digits of the largest number and three of the smallest.
    """
    sizes = [abs(value) for value in values if isinstance(value, float) and math.isfinite(value) and value]
    form = ".4g"
    if sizes and max(sizes) <= DECADES * min(sizes) and 1e-3 <= max(sizes) < 1e6:
        large, small = (math.floor(math.log10(size)) for size in (max(sizes), min(sizes)))
        form = f".{max(0, 3 - large, 2 - small)}f"
    return [_cell(value, form) for value in values]


def _cell(value: object, form: str) -> str:
    if value is None or value != value:  # NaN: this method has no such hyperparameter
        return ""
    return f"{value:{form}}" if isinstance(value, float) else printable(str(value))


def broken(text: str, indent: str = "") -> str:
    """A sentence in lines as wide as the terminal, broken between words only; those after the first are indented."""
    width = terminal_width()
    if width == ENDLESS:
        return text
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def printable(name: str) -> str:
    """A name as a terminal may show it: without characters that move the cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _column(name: str, cells: Sequence[str]) -> list[str]:
    """The head and the cells of a column, all as wide as the widest."""
    wide = max(map(cell_len, (name, *cells)))
    to_the_right = any(cells) and all(_is_number(cell) for cell in cells if cell)
    spaces = [" " * (wide - cell_len(cell)) for cell in (name, *cells)]
    return [space + cell if to_the_right else cell + space for cell, space in zip((name, *cells), spaces, strict=True)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "-"  # no number where the others are
    return True


def _blocks(sizes: Sequence[int], keys: int, width: int) -> list[list[int]]:
    """The columns of each part of a table: the keys, and as many others as there is room for, at least one."""
    first = list(range(min(keys, len(sizes))))
    blocks = [first[:]]
    used = start = sum(sizes[i] + len(GAP) for i in first)
    for i in range(len(first), len(sizes)):
        if len(blocks[-1]) > len(first) and used + sizes[i] > width:
            blocks.append(first[:])
            used = start
        blocks[-1].append(i)
        used += sizes[i] + len(GAP)
    return blocks
