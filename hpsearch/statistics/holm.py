"""P values adjusted for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Step-down adjusted p values (Holm 1979): all findings below 0.05 are true together with probability 95%.

    Args:
        p: p values in any order; None stands for a test that could not be made, and does not count as one.

    Returns:
        Adjusted p values in the same order, at most 1; None stays None.
    """
    made = sorted((value, position) for position, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, position) in enumerate(made):
        largest = max(largest, min(1.0, (len(made) - rank) * value))
        adjusted[position] = largest
    return adjusted
