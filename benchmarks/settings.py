"""Settings of a task from a benchmark's command line."""

from __future__ import annotations

from collections.abc import Sequence


def parsed(arguments: Sequence[str]) -> dict[str, int | float | str]:
    """`setting=value` each; a value that looks like a number is one."""
    return {name: _typed(text) for name, _, text in (argument.partition("=") for argument in arguments)}


def _typed(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
