"""How many more trials one method needs to be as good as another, after every number of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import resampled_means

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ExtraTrials:
    """Extra trials of B after trial t = 1, 2, ... of A, shape (trials of A,), with bootstrap intervals.

    `math.inf` stands for "more than `trials` - t": B did not get there in all its trials. Negative: B is earlier.
    """

    estimate: Array
    low: Array
    high: Array
    trials: int


def extra_trials(a: Array, b: Array, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> ExtraTrials:
    """Trials B's mean incumbent takes to reach A's mean incumbent after t trials, less t.

    The studies of both are drawn anew, independently. A draw that never gets there counts as infinitely many
    trials; it is never dropped. After A's last trial this is B's `trials_to_final_level` of A, less those trials.
    A bound on it is a bound on the difference of two means, read along the trials: B's first reach is at most s
    exactly where its mean after s is no less than A's after t.

    Args:
        a: incumbents, larger is better, shape (studies, trials).
        b: incumbents of the other method, shape (other studies, trials); it may have more or fewer trials.
        level: nominal coverage of each interval (pointwise).
        resamples: number of bootstrap samples.
        seed: of the draws.
    """
    after = np.arange(1, a.shape[1] + 1)
    estimate = _first_reach(b.mean(axis=0)[None], a.mean(axis=0)[None])[0]
    reach = _first_reach(resampled_means(b, resamples, seed), resampled_means(a, resamples, seed + 1))
    tail = (1 - level) / 2
    # The outer of the two neighbouring draws: a count of trials is not interpolated.
    lower, upper = int(np.floor(tail * (resamples - 1))), int(np.ceil((1 - tail) * (resamples - 1)))
    reach.partition([lower, upper], axis=0)
    return ExtraTrials(estimate - after, reach[lower] - after, reach[upper] - after, b.shape[1])


def _first_reach(curves: Array, levels: Array) -> Array:
    """First trial at which each curve is at each of its levels or above.

    Args:
        curves: non-decreasing along trials, shape (draws, trials of B).
        levels: shape (draws, trials of A).

    Returns:
        1-based trials, shape (draws, trials of A); infinity where the level is never reached.
    """
    # Equal numbers summed in another order may differ by a rounding, and break the order along trials.
    rising = np.maximum.accumulate(curves, axis=1)
    lowered = levels - 1e-12 * np.maximum(1.0, np.abs(levels))
    reach = np.empty(levels.shape)
    for draw, (curve, level) in enumerate(zip(rising, lowered, strict=True)):
        reach[draw] = curve.searchsorted(level)
    return np.where(reach < curves.shape[1], reach + 1, np.inf)
