"""Do the chosen configurations crowd at an end of a range? Then the range was too narrow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIGNIFICANT = 0.01


@dataclass(frozen=True)
class Incidence:
    """How many of the studies chose a position within `margin` of the low and of the high end of a range."""

    low: int
    high: int
    studies: int
    margin: float = 0.025

    @property
    def too_narrow(self) -> bool:
        """More than a quarter at one end, and more than a uniform choice would put there (exact binomial, p < 0.01)."""
        most = max(self.low, self.high)
        return 4 * most > self.studies and at_least(most, self.studies, self.margin) < SIGNIFICANT


def boundary_incidence(positions: Array, margin: float = 0.025) -> Incidence:
    """Count the studies at each end of one hyperparameter's range.

    Args:
        positions: of the chosen configurations in the unit interval, shape (studies,). Of a continuous
            hyperparameter: one with few values has its positions at the ends by nature.
        margin: width of an end, so also the share that a uniform choice puts there.
    """
    low, high = positions <= margin + 1e-12, positions >= 1 - margin - 1e-12
    return Incidence(int(low.sum()), int(high.sum()), len(positions), margin)


def at_least(count: int, studies: int, probability: float) -> float:
    """Binomial probability of `count` or more of the studies."""
    return math.fsum(
        math.comb(studies, k) * probability**k * (1 - probability) ** (studies - k) for k in range(count, studies + 1)
    )
