"""Pieces of a page in Markdown: tables, plain text, intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hpsearch.contracts.objective import Objective
from hpsearch.statistics.bootstrap import Interval


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table; the first row is its head, and cells are Markdown already."""
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])


def plain(value: object) -> str:
    """A value as plain text in Markdown: names in a study file must not become markup."""
    text = str(value).replace("\\", "\\\\").replace("<", "&lt;")
    for mark in "|*`[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def interval(found: Interval) -> str:
    """An estimate with its interval, for people to read."""
    if not np.isfinite(found.low):
        return f"{Objective.text(float(found.estimate))} (too few studies for an interval)"
    estimate, low, high = (Objective.text(float(v)) for v in (found.estimate, found.low, found.high))
    return f"{estimate} ({low} to {high})"
