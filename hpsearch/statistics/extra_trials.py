"""How many more trials one method needs to be as good as another, after every number of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import outer_quantiles, resampled_means

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ExtraTrials:
    """Extra trials of B for what A has after trial t = 1, 2, ..., shape (trials of A,), with bootstrap intervals.

    `math.inf` stands for "more than `trials` - t": B did not get there in all its trials. Negative: B is earlier.
    Bounds are NaN where one method has a single study.
    """

    estimate: Array
    low: Array
    high: Array
    trials: int


def extra_trials(a: Array, b: Array, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> ExtraTrials:
    """Trials B's mean incumbent takes to reach A's mean incumbent after t trials, less those that A itself took to it.

    A took t, or fewer where its mean had not risen since: trials spent on a plateau are no lead of B's, and a method
    needs exactly none to match itself. The studies of both are drawn anew, independently, by a percentile interval
    widened for few studies. A draw that never gets there counts as infinitely many trials; it is never dropped.

    Args:
        a: incumbents, larger is better, shape (studies, trials).
        b: incumbents of the other method, shape (other studies, trials); it may have more or fewer trials.
        level: nominal coverage of each interval (pointwise).
        resamples: number of bootstrap samples.
        seed: of the draws.
    """
    mean = a.mean(axis=0)[None]
    estimate = (_first_reach(b.mean(axis=0)[None], mean) - _own_reach(mean))[0]
    if min(len(a), len(b)) < 2:
        unknown = np.full(a.shape[1], np.nan)
        return ExtraTrials(estimate, unknown, unknown, b.shape[1])
    levels = resampled_means(a, resamples, seed + 1)
    draws = _first_reach(resampled_means(b, resamples, seed), levels) - _own_reach(levels)
    return ExtraTrials(estimate, *outer_quantiles(draws, min(len(a), len(b)), level), b.shape[1])


def _own_reach(curves: Array) -> Array:
    """First trial at which each curve is where it is after each trial, 1-based, of the shape of `curves`."""
    # Sums of equal numbers in another order differ by a rounding, which is no rise.
    risen = curves[:, 1:] - curves[:, :-1] > 1e-12 * max(1.0, float(np.abs(curves).max()))
    first = np.ones(curves.shape, np.int32)
    np.multiply(risen, np.arange(2, curves.shape[1] + 1), out=first[:, 1:])
    return np.maximum.accumulate(first, axis=1).astype(np.float64)


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
