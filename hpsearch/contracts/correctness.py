"""Which examples a trained network classifies correctly, so that reports can tell what other examples would change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Part = Literal["validation", "test"]
"""The examples of the objective, or those of the metric that measures the same on test data."""
PARTS: tuple[Part, ...] = get_args(Part)
MOST_TRIES = 2**16 - 1
"""A database keeps counts in two bytes."""


@dataclass(frozen=True)
class Correctness:
    """How often each example of a data set was classified correctly. The mean of `counts` / `of` is the accuracy.

    An example is drawn independently of others, such as a recording: its noisy versions are tries, not examples.

    Attributes:
        counts: times that each example was classified correctly, (examples,), in an order that all trials on the same
            split of the data share.
        of: how often each was tried, at least once: its versions, of all seeds of the trial.
    """

    counts: Sequence[int]
    of: int = 1

    def faults(self) -> Iterator[str]:
        """What is wrong with it, if anything."""
        if not 1 <= self.of <= MOST_TRIES:
            yield f"of must be 1 to {MOST_TRIES} tries, got {self.of}"
        elif not len(self.counts):
            yield "counts must have one number per example, got none"
        elif not (min(self.counts) >= 0 and max(self.counts) <= self.of):
            yield f"counts must be 0 to {self.of}, got {min(self.counts)} to {max(self.counts)}"


def summed(parts: Sequence[Correctness]) -> Correctness | None:
    """That of several trainings together: tries add up. None if they are not of the same number of examples."""
    of = sum(part.of for part in parts)
    if len({len(part.counts) for part in parts}) != 1 or of > MOST_TRIES:
        return None
    return Correctness([sum(counts) for counts in zip(*(part.counts for part in parts), strict=True)], of)
