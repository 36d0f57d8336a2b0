"""The first trial from which on a curve is at a level: every statistic here counts trials in this way.

The best so far never falls, so that a curve of it stays where it arrives. What incumbents are truly worth may fall: a
study that goes over to a luckier configuration has lost by it. A level that a curve touches and leaves again is not
reached.

Two means count as equal if they are within their roundings of each other (statistics/ties.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import resampled_means
from hpsearch.statistics.ties import rounding_of_mean

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanCurves:
    """Mean incumbents, each as two numbers between which it lies whatever its rounding.

    Where a mean falls later, its lowest value from then on stands in its place.

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
        return cls(*(_from_then_on(bound) for bound in (means - rounding, means + rounding)))


def _from_then_on(means: Array) -> Array:
    """The lowest value that each curve has from each trial on, (curves, trials)."""
    return np.asarray(np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1])


def mean_curve(incumbents: Array) -> MeanCurves:
    """The one curve of the mean over studies of incumbents (studies, trials)."""
    return MeanCurves.of(incumbents.mean(axis=0)[None], np.abs(incumbents).mean(axis=0)[None], len(incumbents))


def resampled_curves(incumbents: Array, resamples: int, seed: int, error: Array | None = None) -> MeanCurves:
    """The curve of the mean of each bootstrap sample of the studies.

    Args:
        incumbents: shape (studies, trials).
        resamples: number of bootstrap samples.
        seed: seed of the draws.
        error: covariance of the errors that the mean curve has whichever studies are drawn, (trials, trials); a normal
            draw of them is added to each sample.

    Returns:
        `resamples` curves, which are read-only.
    """
    incumbents = np.ascontiguousarray(incumbents, np.float64)
    errors = None if error is None else np.ascontiguousarray(error, np.float64).tobytes()
    return _resampled_curves(incumbents.tobytes(), incumbents.shape, resamples, seed, errors)


@lru_cache(maxsize=4)
def _resampled_curves(
    contents: bytes, shape: tuple[int, ...], resamples: int, seed: int, errors: bytes | None
) -> MeanCurves:
    """The same of arrays by their bytes: kept, since the best method is compared with each of the others."""
    incumbents = np.frombuffer(contents).reshape(shape)
    means = resampled_means(incumbents, resamples, seed)
    if errors is not None:
        means = means + normal_draws(np.frombuffer(errors).reshape(shape[1], shape[1]), resamples, seed)
    one_sign = incumbents.min() >= 0 or incumbents.max() <= 0  # as accuracies and losses have
    sizes = np.abs(means) if one_sign else resampled_means(np.abs(incumbents), resamples, seed)
    curves = MeanCurves.of(means, sizes, len(incumbents))
    for bound in (curves.low, curves.high):
        bound.setflags(write=False)
    return curves


def normal_draws(covariance: Array, draws: int, seed: int) -> Array:
    """Normal draws of mean 0, (draws, n); the covariance (n, n) may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    standard = np.random.default_rng([seed, 1]).standard_normal((draws, len(values)))
    return np.asarray(standard * np.sqrt(np.maximum(values, 0.0)) @ vectors.T)


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
