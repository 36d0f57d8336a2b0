"""When each study reached a target, and which never did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Times:
    """Cost at which each study reached the target, shape (studies,); where not `reached`, all that it spent."""

    times: Array
    reached: NDArray[np.bool_]


def times_to_target(incumbents: Array, costs: Array, target: float) -> Times:
    """Cost of each study until its incumbent is at the target or better.

    Args:
        incumbents: best objective so far, larger is better, shape (studies, trials), non-decreasing along trials.
        costs: cumulative cost at the end of each trial (trials, epochs, seconds), shape (studies, trials).
        target: level, in the objective's unit.

    Returns:
        The cost at the end of the first trial that reached it; where none did, the study's whole cost, censored.
    """
    # A target that is a mean of the same numbers in another order may lie a rounding above them.
    at_target = incumbents >= target - 1e-12 * max(1.0, abs(target))
    reached = np.asarray(at_target.any(axis=1))
    trial = np.where(reached, at_target.argmax(axis=1), incumbents.shape[1] - 1)
    return Times(np.take_along_axis(costs, trial[:, None], axis=1)[:, 0].astype(float), reached)
