"""Bootstrap over studies: each draw takes whole studies, since the trials inside one depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# A resample that draws nearly always the same study has next to no spread, and would stretch the interval
# without limit. At 20 studies this floor leaves the coverage as it is (benchmarks/intervals.py).
LEAST_SPREAD = 0.3


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided interval, as three arrays of the same shape."""

    estimate: Array
    low: Array
    high: Array

    def within(self, bounds: tuple[float, float]) -> Interval:
        """This interval without what lies beyond the least and the largest value that the quantity can have."""
        low, high = np.clip(self.low, *bounds), np.clip(self.high, *bounds)
        return Interval(self.estimate, np.minimum(low, self.estimate), np.maximum(high, self.estimate))


@lru_cache(maxsize=8)
def resample_counts(studies: int, resamples: int, seed: int) -> Array:
    """Draw studies with replacement, and count how often each is drawn.

    The counts are kept and read-only, since a report asks for the same ones a thousand times.

    Args:
        studies: number of studies, which is also the number of draws in a sample.
        resamples: number of bootstrap samples.
        seed: seed of the draws; equal seeds give equal draws for equal numbers of studies.

    Returns:
        Whole numbers, shape (resamples, studies).
    """
    drawn = np.random.default_rng(seed).integers(studies, size=(resamples, studies))
    cells = drawn + studies * np.arange(resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=resamples * studies).reshape(resamples, studies).astype(float)
    counts.setflags(write=False)
    return counts


def resampled_means(values: Array, resamples: int, seed: int) -> Array:
    """Means over studies drawn with replacement.

    Args:
        values: shape (studies, ...).
        resamples: number of bootstrap samples.
        seed: seed of the draws; equal seeds give equal draws for equal numbers of studies.

    Returns:
        Shape (resamples, ...); kept and read-only, since a method is compared with many others.
    """
    values = np.ascontiguousarray(values, np.float64)
    return _resampled(values.tobytes(), values.shape, resamples, seed)


@lru_cache(maxsize=4)
def _resampled(contents: bytes, shape: tuple[int, ...], resamples: int, seed: int) -> Array:
    values, studies = np.frombuffer(contents).reshape(shape), shape[0]
    # One matrix product of counts and values is faster than gathering the studies of every draw.
    means = resample_counts(studies, resamples, seed) @ values.reshape(studies, -1) / studies
    means = means.reshape(resamples, *shape[1:])
    means.setflags(write=False)
    return means


def expanded_tail(studies: int, level: float) -> float:
    """Tail of a percentile interval that makes up for few studies (Hesterberg 2015).

    A percentile interval of a mean is a normal interval with divisor n; this tail makes it a t interval with
    divisor n - 1. At 20 studies and 95% it is 0.016 instead of 0.025.

    Args:
        studies: number of studies, at least 2.
        level: nominal coverage.
    """
    from scipy.special import ndtr, stdtrit

    return float(ndtr(stdtrit(studies - 1, (1 - level) / 2) * np.sqrt(studies / (studies - 1))))


def outer_quantiles(draws: Array, studies: int, level: float) -> tuple[Array, Array]:
    """Bounds of a percentile interval of whole numbers, widened for few studies and never interpolated.

    Args:
        draws: the statistic in each bootstrap sample, shape (resamples, ...); reordered in place.
        studies: number of studies in the smaller of the samples, at least 2.
        level: nominal coverage.
    """
    tail = expanded_tail(studies, level)
    lower, upper = int(np.floor(tail * (len(draws) - 1))), int(np.ceil((1 - tail) * (len(draws) - 1)))
    draws.partition([lower, upper], axis=0)
    return draws[lower], draws[upper]


def bootstrap_mean(values: Array, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Mean over studies, with the outer of two intervals: the studentised bootstrap and Student's t.

    The studentised bootstrap (Efron and Tibshirani 1993, section 12.5; Hall 1988) follows the skewness of the
    values; percentile, BCa and t intervals of skewed values all cover too little. Student's t does not depend on a few
    resamples where tails are heavy or studies few. At 20 studies the outer of both covers 95 to 96% (a lognormal:
    93%; benchmarks/intervals.py), and is 5% wider than t for normal values. No interval can know of a rare failure
    that none of the studies had.

    Args:
        values: shape (studies, ...).
        level: nominal coverage.
        resamples: number of bootstrap samples.
        seed: seed of the draws.

    Returns:
        Estimate and bounds, shape (...). Equal values give an interval without width. One study shows no spread, so
        its bounds are NaN.
    """
    values = np.asarray(values, float)
    mean = values.mean(axis=0)
    studies = len(values)
    if studies < 2:
        unknown = np.full_like(mean, np.nan)
        return Interval(mean, unknown, unknown)
    from scipy.special import stdtrit

    flat = values.reshape(studies, -1)
    centred = np.where(np.ptp(flat, axis=0) == 0, 0.0, flat - flat.mean(axis=0))
    # Divide by the largest deviation first, so that no square underflows, then by the standard deviation.
    largest = np.abs(centred).max(axis=0)
    standard = centred / np.where(largest == 0, 1.0, largest)
    spread = standard.std(axis=0)
    standard /= np.where(spread == 0, 1.0, spread)
    spread *= largest
    counts = resample_counts(studies, resamples, seed)
    errors = counts @ standard / studies
    variances = counts @ standard**2 / studies - errors**2
    errors /= np.sqrt(np.maximum(variances, LEAST_SPREAD**2))
    tail = (1 - level) / 2
    below, above = np.quantile(errors, [tail, 1 - tail], axis=0)
    # Student's t in the unit of `errors`: the mean's error over the standard deviation with divisor n, without root n.
    student = float(stdtrit(studies - 1, 1 - tail)) / np.sqrt(studies - 1)
    low = mean - (np.maximum(above, student) * spread).reshape(mean.shape)
    high = mean + (np.maximum(-below, student) * spread).reshape(mean.shape)
    return Interval(mean, low, high)


def widened(found: Interval, variance: Array, *, level: float = 0.95) -> Interval:
    """An interval with a further, normal error that does not depend on which studies were drawn.

    Both reaches and the further one are added in squares, as independent errors are.

    Args:
        found: interval of the mean over studies, of any shape.
        variance: of the further error, of that shape.
        level: nominal coverage of the interval.
    """
    from scipy.special import ndtri

    further = float(ndtri((1 + level) / 2)) ** 2 * np.maximum(variance, 0.0)
    low, high = (np.sqrt((found.estimate - end) ** 2 + further) for end in (found.low, found.high))
    return Interval(found.estimate, found.estimate - low, found.estimate + high)
