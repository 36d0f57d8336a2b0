"""By how much does one method's mean exceed another's?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import LEAST_SPREAD, Interval, resample_counts

Array = NDArray[np.float64]


def difference_of_means(a: Array, b: Array, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Mean of A minus mean of B, with the outer of two intervals: the studentised bootstrap and Welch's t.

    The bootstrap draws the studies of A and of B independently and divides each difference by its own standard error
    (Efron and Tibshirani 1993, section 12.5, with the two-sample error of section 16.2; Hall 1988), so that it follows
    the skewness of the values. Welch's t (1947), with the degrees of freedom of his equation 28, allows for unequal
    spreads and does not depend on a few resamples. `bootstrap_mean` takes the outer of both for the same reasons.

    Args:
        a: values of one method's studies, shape (studies, ...).
        b: values of the other method's studies, shape (other studies, ...).
        level: nominal coverage.
        resamples: number of bootstrap samples.
        seed: seed of the draws; B's draws have the next one.

    Returns:
        Estimate and bounds, shape (...). The bounds are NaN if either method has one study, which shows no spread; they
        are the estimate where neither method's values differ.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    difference = np.asarray(a.mean(axis=0) - b.mean(axis=0))
    if min(len(a), len(b)) < 2:
        unknown = np.full_like(difference, np.nan)
        return Interval(difference, unknown, unknown)
    from scipy.special import stdtrit

    flat_a, flat_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    centred = [_centred(flat_a), _centred(flat_b)]
    # Divide by the largest deviation of both first, so that no square underflows.
    largest = np.maximum(*(np.abs(values).max(axis=0) for values in centred))
    errors, variances = np.zeros((resamples, len(largest))), np.zeros((resamples, len(largest)))
    squares, freedom = np.zeros(len(largest)), np.zeros(len(largest))
    for offset, values in enumerate(centred):
        studies = len(values)
        scaled = values / np.where(largest == 0, 1.0, largest)
        square = (scaled**2).mean(axis=0) / (studies - 1)  # squared standard error of this mean
        counts = resample_counts(studies, resamples, seed + offset)
        error = counts @ scaled / studies
        variances += (counts @ scaled**2 / studies - error**2) / (studies - 1)
        errors += error if offset == 0 else -error
        squares += square
        freedom += square**2 / (studies - 1)
    standard = np.sqrt(squares)
    degrees = np.where(freedom == 0, 1.0, squares**2 / np.where(freedom == 0, 1.0, freedom))
    floor = np.where(squares == 0, 1.0, LEAST_SPREAD**2 * squares)
    tail = (1 - level) / 2
    below, above = np.quantile(errors / np.sqrt(np.maximum(variances, floor)), [tail, 1 - tail], axis=0)
    welch = stdtrit(degrees, 1 - tail)
    reach = standard * largest
    low = difference - (np.maximum(above, welch) * reach).reshape(difference.shape)
    high = difference + (np.maximum(-below, welch) * reach).reshape(difference.shape)
    return Interval(difference, low, high)


def _centred(values: Array) -> Array:
    """Deviations from the mean over studies; exactly 0 where all values are equal."""
    return np.where(np.ptp(values, axis=0) == 0, 0.0, values - values.mean(axis=0))
