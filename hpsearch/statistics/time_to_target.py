"""When each study reached a target, and which studies never did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.first_reach import first_reach
from hpsearch.statistics.ties import EPSILON

Array = NDArray[np.float64]
ROUNDING = 4 * EPSILON


@dataclass(frozen=True)
class Times:
    """Cost at which each study reached the target, shape (studies,); if it never did, all that it spent."""

    times: Array
    reached: NDArray[np.bool_]


def times_to_target(incumbents: Array, costs: Array, target: float) -> Times:
    """Cost of each study until its incumbent is at the target or better.

    Args:
        incumbents: best objective so far, larger is better, shape (studies, trials), non-decreasing along trials.
        costs: cumulative cost at the end of each trial (trials, epochs, seconds), shape (studies, trials).
        target: objective to reach, in the objective's unit.

    Returns:
        The cost at the end of the first trial that reached it; if none did, the study's whole cost, censored.
    """
    studies, trials = incumbents.shape
    # A target that somebody computed, or wrote in decimals, may be a rounding above the result that it means.
    first = first_reach(incumbents, np.full(studies, target - ROUNDING * abs(target)))
    times = costs[np.arange(studies), np.minimum(first, trials) - 1]
    return Times(times.astype(float), first <= trials)
