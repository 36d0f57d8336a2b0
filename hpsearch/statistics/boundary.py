"""Do the chosen configurations crowd at an end of a range? Then the range was too narrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIGNIFICANT = 0.01


@dataclass(frozen=True)
class Incidence:
    """How many studies chose a position within `margin` of the low end of a range, and of the high end."""

    low: int
    high: int
    studies: int
    margin: float = 0.025

    @property
    def too_narrow(self) -> bool:
        """Whether over a quarter chose one end, and more than uniform choices would put there (binomial, p < 0.01)."""
        most = max(self.low, self.high)
        return 4 * most > self.studies and at_least(most, self.studies, self.margin) < SIGNIFICANT


def boundary_incidence(positions: Array, margin: float = 0.025) -> Incidence:
    """Count the studies at each end of one hyperparameter's range.

    Args:
        positions: where the chosen configurations lie in the unit interval, shape (studies,). The hyperparameter must
            be continuous: one with few values has positions at the ends anyway.
        margin: width of an end, which is also the share that a uniform choice puts there.
    """
    low, high = positions <= margin + 1e-12, positions >= 1 - margin - 1e-12
    return Incidence(int(low.sum()), int(high.sum()), len(positions), margin)


def at_least(count: int, studies: int, probability: float) -> float:
    """Probability of `count` or more successes in as many independent tries as there are studies (binomial)."""
    from scipy.special import bdtrc

    return float(bdtrc(count - 1, studies, probability))
