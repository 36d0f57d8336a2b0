"""Bootstrap over studies: the studies are the sample, everything inside one belongs together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate with its two-sided interval; arrays of one shape."""

    estimate: Array
    low: Array
    high: Array


def resampled_means(values: Array, resamples: int, seed: int) -> Array:
    """Means over studies drawn with replacement.

    Args:
        values: shape (studies, ...).
        resamples: number of bootstrap samples.
        seed: of the draws; equal seeds give equal draws for equal numbers of studies.

    Returns:
        Shape (resamples, ...).
    """
    studies = len(values)
    drawn = np.random.default_rng(seed).integers(studies, size=(resamples, studies))
    # How often each study was drawn, times the studies: one matrix product in place of a large gather.
    counts = np.stack([np.bincount(row, minlength=studies) for row in drawn])
    means = counts @ values.reshape(studies, -1) / studies
    return np.asarray(means.reshape(resamples, *values.shape[1:]))


def bootstrap_mean(values: Array, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Mean over studies with a percentile bootstrap interval (Efron and Tibshirani 1993, section 13.3).

    Args:
        values: shape (studies, ...).
        level: nominal coverage. At 20 studies the percentile interval covers slightly less than it says.
        resamples: number of bootstrap samples.
        seed: of the draws.

    Returns:
        Estimate and bounds, shape (...). With one study there is no spread to learn: the bounds are NaN.
    """
    mean = values.mean(axis=0)
    if len(values) < 2:
        unknown = np.full_like(mean, np.nan)
        return Interval(mean, unknown, unknown)
    tail = (1 - level) / 2
    low, high = np.quantile(resampled_means(values, resamples, seed), [tail, 1 - tail], axis=0)
    return Interval(mean, low, high)
