"""Averages of the studies: mean, median and interquartile mean, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import Interval, bootstrap_mean, expanded_tail, resample_counts

Array = NDArray[np.float64]


def mean(values: Array, *, level: float = 0.95) -> Interval:
    """Mean over studies with the interval of `bootstrap_mean`.

    Args:
        values: shape (studies, ...).
        level: nominal coverage.

    Returns:
        Estimate and bounds, shape (...); the bounds are NaN for one study.
    """
    return bootstrap_mean(values, level=level)


def median(values: Array, *, level: float = 0.95) -> Interval:
    """Median over studies with an exact interval from order statistics (David and Nagaraja 2003, section 7.1).

    The number of studies below the true median is binomial with probability 1/2, whatever the distribution. So the
    median lies between the k-th smallest and the k-th largest value at least as often as the level says, and more
    often for few studies (97.9% at 10, 95.9% at 20, 96.2% at 40) and with ties. A bootstrap of the median would only
    be a rougher version of the same order statistics.

    Args:
        values: shape (studies, ...).
        level: nominal coverage, kept or exceeded.

    Returns:
        Estimate (the mean of the two middle values where the number of studies is even) and bounds, shape (...).
        With fewer than 6 studies even the whole range covers less than 95%, so the bounds are NaN.
    """
    estimate = np.asarray(np.median(values, axis=0))
    k = _order(len(values), (1 - level) / 2)
    if k == 0:
        unknown = np.full_like(estimate, np.nan, dtype=float)
        return Interval(estimate, unknown, unknown)
    ordered = np.sort(values, axis=0)
    return Interval(estimate, np.asarray(ordered[k - 1]), np.asarray(ordered[-k]))


def interquartile_mean(values: Array, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Mean of the middle half of the studies (Agarwal et al. 2021), with an expanded percentile bootstrap.

    A quarter of the studies is cut from each side. Where that is not a whole number, the next study counts in part:
    of 10 studies the third smallest and the third largest count half. (scipy's `trim_mean`, and so rliable, cuts only
    the whole part; both agree where the number of studies is divisible by 4.) The bootstrap of a trimmed mean is nearly
    symmetric, so percentiles with the tails of `expanded_tail` suffice. The interval of Tukey and McLaughlin from the
    winsorised variance is wider and covers less, above all with ties (benchmarks/intervals.py).

    Args:
        values: shape (studies, ...).
        level: nominal coverage.
        resamples: number of bootstrap samples.
        seed: seed of the draws.

    Returns:
        Estimate and bounds, shape (...); the bounds are NaN for one study.
    """
    values = np.asarray(values, float)
    studies = len(values)
    ordered = np.sort(values, axis=0).reshape(studies, -1)

    def middle(counts: Array) -> Array:
        """Interquartile means (draws, columns) of samples that hold the i-th smallest value counts[:, i] times."""
        up_to = counts.cumsum(axis=1)
        kept = np.minimum(up_to, 0.75 * studies) - np.maximum(up_to - counts, 0.25 * studies)
        means = np.maximum(kept, 0) / (studies / 2) @ ordered
        # A weighted sum of equal values may differ from them by a rounding.
        return np.asarray(np.clip(means, ordered[0], ordered[-1]))

    estimate = middle(np.ones((1, studies)))[0]
    if studies < 2:
        low = high = np.full_like(estimate, np.nan)
    else:
        tail = expanded_tail(studies, level)
        # The draws do not depend on the order of the studies, so one table of counts by rank serves all columns.
        draws = middle(resample_counts(studies, resamples, seed))
        low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
        low, high = np.minimum(low, estimate), np.maximum(high, estimate)
    shape = values.shape[1:]
    return Interval(estimate.reshape(shape), low.reshape(shape), high.reshape(shape))


def _order(studies: int, tail: float) -> int:
    """Largest k with P(fewer than k of the studies below the median) <= tail; 0 where there is none."""
    from scipy.special import bdtr

    fewer_than = bdtr(np.arange(studies), studies, 0.5)  # P(fewer than k below), k = 1, 2, ..., studies
    return int(np.searchsorted(fewer_than, tail, side="right"))


STATISTICS: Mapping[str, Callable[[Array], Interval]] = MappingProxyType(
    {"mean": mean, "median": median, "interquartile mean": interquartile_mean}
)
