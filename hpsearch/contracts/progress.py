"""Progress: how everything that takes longer than two seconds says how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""A function that is called as progress(what, done, total)."""


def silent(what: str, done: int, total: int) -> None:
    """Show nothing."""
