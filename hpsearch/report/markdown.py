"""Pieces of a page in Markdown: tables, plain text, intervals, extra trials."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from hpsearch.contracts.objective import Objective
from hpsearch.report.text import on_one_line
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.extra_trials import ExtraTrials


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table; the first row is its head, and cells are Markdown already."""
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])


MARK = re.compile(
    r"[\\|*`\[\]$]"  # code, emphasis, links, formulas, the cells of a table
    r"|(?<!\w)_|_(?!\w)|~(?=~)|(?<=~)~"  # emphasis at the ends of a word, and what is struck out
    r"|^(?:#{1,6}|[-+])(?= |$)|(?<=^\d)[.)](?= |$)"  # headings and lists
)
"""Characters that are markup unless a backslash stands before them."""


def plain(value: object) -> str:
    """A value as plain text in Markdown: names in a study file must not become markup."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", on_one_line(value)).replace("<", "&lt;")
    text = re.sub("^>", "&gt;", text)
    return MARK.sub(lambda mark: f"\\{mark[0]}", text)


def interval(found: Interval) -> str:
    """An estimate with its interval, for people to read."""
    if np.isnan(found.estimate):
        return "not measured in all"
    if not np.isfinite(found.low):
        return f"{Objective.text(float(found.estimate))} (too few studies for an interval)"
    estimate, low, high = (Objective.text(float(v)) for v in (found.estimate, found.low, found.high))
    return f"{estimate} ({low} to {high})"


def p_number(p: float, at_floor: bool = False) -> str:
    """A p value in a table; the smallest that so many studies can give is a bound, and reads as one."""
    if p < 1e-4:
        return "< 0.0001"
    return f"<= {p:.2g}" if at_floor and p < 1 else f"{p:.2g}"


def extra_text(extra: ExtraTrials, after: int, mark: str = "") -> str:
    """Extra trials after trial `after`, with their interval; `mark` stands around each number."""
    estimate, low, high = (
        f"{mark}>{extra.trials - after}{mark}"
        if math.isinf(values[after - 1])
        else f"{mark}{values[after - 1]:.0f}{mark}"
        for values in (extra.estimate, extra.low, extra.high)
    )
    return f"{estimate} ({low} to {high})" if not math.isnan(extra.low[after - 1]) else estimate
