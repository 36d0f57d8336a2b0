"""Study files and source text with a line changed: a change that finds nothing to change is a fault of the test."""

from __future__ import annotations


def edited(text: str, old: str, new: str, times: int = 1) -> str:
    """`text` with `new` in place of `old`, which occurs in it so many times."""
    assert text.count(old) == times, f"{old!r} occurs {text.count(old)} times, not {times}, in:\n{text}"
    return text.replace(old, new)
