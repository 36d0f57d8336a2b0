"""The first trial at which a non-decreasing curve is at a level: every statistic here counts trials in this way.

Two means count as equal if they are within their roundings of each other (statistics/ties.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import resampled_means
from hpsearch.statistics.ties import rounding_of_mean

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanCurves:
    """Mean incumbents, each as two numbers between which it lies whatever its rounding.

    Attributes:
        low: shape (curves, trials), non-decreasing along trials.
        high: the same shape and order.
    """

    low: Array
    high: Array

    @classmethod
    def of(cls, means: Array, sizes: Array, studies: int) -> MeanCurves:
        """Mean curves (curves, trials), where `sizes` are the means of the absolute values that were averaged."""
        rounding = rounding_of_mean(sizes, studies)
        return cls(*(np.maximum.accumulate(bound, axis=1) for bound in (means - rounding, means + rounding)))


def mean_curve(incumbents: Array) -> MeanCurves:
    """The one curve of the mean over studies of incumbents (studies, trials)."""
    return MeanCurves.of(incumbents.mean(axis=0)[None], np.abs(incumbents).mean(axis=0)[None], len(incumbents))


def resampled_curves(incumbents: Array, resamples: int, seed: int) -> MeanCurves:
    """The curve of the mean of each bootstrap sample of the studies; incumbents have shape (studies, trials)."""
    means = resampled_means(incumbents, resamples, seed)
    one_sign = incumbents.min() >= 0 or incumbents.max() <= 0  # as accuracies and losses have
    sizes = np.abs(means) if one_sign else resampled_means(np.abs(incumbents), resamples, seed)
    return MeanCurves.of(means, sizes, len(incumbents))


def first_reach(curves: Array, levels: Array) -> NDArray[np.int64]:
    """First trial at which each curve is at or above its level, or each of its levels.

    Args:
        curves: non-decreasing along trials, shape (curves, trials).
        levels: one for each curve, shape (curves,), or several, shape (curves, levels).

    Returns:
        1-based trials, with the shape of `levels`; trials + 1 if the level is never reached.
    """
    trials = curves.shape[1]
    if levels.ndim == 1:
        there = curves >= levels[:, None]
        return np.asarray(np.where(there.any(axis=1), there.argmax(axis=1), trials) + 1, np.int64)
    reach = np.empty(levels.shape, np.int64)
    for row, (curve, level) in enumerate(zip(curves, levels, strict=True)):
        reach[row] = curve.searchsorted(level)
    reach += 1
    return reach


def own_reach(curves: MeanCurves) -> NDArray[np.int64]:
    """First trial at which each curve had its value of each trial: `first_reach(curves.high, curves.low)`, faster.


    Args:
        curves: of shape (curves, trials).

    Returns:
        1-based trials, shape (curves, trials).
    """
    risen = curves.high[:, :-1] < curves.low[:, 1:]
    first = np.ones(curves.low.shape, np.int64)
    np.multiply(risen, np.arange(2, curves.low.shape[1] + 1), out=first[:, 1:])
    np.maximum.accumulate(first, axis=1, out=first)
    # A curve may also creep up, at no trial by more than a rounding.
    crept = (np.take_along_axis(curves.high, first - 1, axis=1) < curves.low).any(axis=1)
    first[crept] = first_reach(curves.high[crept], curves.low[crept])
    return first
