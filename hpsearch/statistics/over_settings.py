"""What holds over several settings of one comparison: mean difference, mean ranks, share of settings, profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import Interval, expanded_tail, resample_counts
from hpsearch.statistics.coverage import FEWEST

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OverSettings:
    """A mean over settings, with an interval for these settings and one for settings like these.

    Attributes:
        these: only the studies are a sample: what other seeds would give under the same settings.
        such: the settings are a sample too, as far as they can be one; None of fewer than `FEWEST` settings.
    """

    these: Interval
    such: Interval | None


def mean_over_settings(
    values: Sequence[Array],
    others: Sequence[Array],
    *,
    joint: bool,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> OverSettings:
    """Mean over settings of the difference of two methods' means.

    A two-level bootstrap (Davison and Hinkley 1997, section 3.8): settings are drawn with replacement, and in each the
    studies of each method. It errs on the wide side, since the studies' scatter is in the settings' differences too.

    Args:
        values: of each setting the final values of one method, (studies,), larger is better.
        others: the same of the other method.
        joint: whether a study has the same seeds in all settings, so that their values go up and down together: then
            the same studies are drawn in all of them.
        level: nominal coverage.
        resamples: number of bootstrap samples.
        seed: seed of the draws.
    """
    differences = _means(values, joint, resamples, seed) - _means(others, joint, resamples, seed + 1)
    estimate = float(np.mean([a.mean() - b.mean() for a, b in zip(values, others, strict=True)]))
    studies = min(len(of) for of in (*values, *others))
    return _both(estimate, differences[:, :, None], studies, level, resamples, seed + 2, shape=())


def mean_ranks_over_settings(
    finals: Sequence[Sequence[Array]], *, joint: bool, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> OverSettings:
    """Each method's rank by its mean, averaged over settings; 1 is best, and equal means share ranks.

    Args:
        finals: for each method, of each setting the final values, (studies,), larger is better.
        joint: whether a study has the same seeds in all settings.
        level: nominal coverage.
        resamples: number of bootstrap samples.
        seed: seed of the draws.

    Returns:
        Shape (methods,).
    """
    from scipy.stats import rankdata

    drawn = np.stack([_means(of, joint, resamples, seed + n) for n, of in enumerate(finals)], axis=-1)
    means = np.array([[values.mean() for values in of] for of in finals]).T  # (settings, methods)
    estimate = rankdata(-means, axis=1).mean(axis=0)
    studies = min(len(values) for of in finals for values in of)
    return _both(
        estimate, rankdata(-drawn, axis=2), studies, level, resamples, seed + len(finals), shape=(len(finals),)
    )


def share_of_settings(supporting: int, settings: int, *, level: float = 0.95) -> Interval:
    """Share of settings that support a claim, with the exact interval of Clopper and Pearson (1934).

    It takes settings for independent draws, which those of a suite are not: they differ in what somebody chose to vary.
    """
    from scipy.stats import binomtest

    found = binomtest(supporting, settings).proportion_ci(level, method="exact")
    return Interval(np.array(supporting / settings), np.array(found.low), np.array(found.high))


def performance_ratios(costs: Array) -> Array:
    """Each method's cost over the least cost of its setting (Dolan and More 2002).

    Args:
        costs: shape (settings, methods), positive, infinity where a method never gets there.

    Returns:
        Shape (settings, methods), 1 for the cheapest; infinity where the cost is infinite, even if all are.
    """
    costs = np.asarray(costs, float)
    ratios = np.full_like(costs, np.inf)
    finite = np.isfinite(costs)
    least = np.broadcast_to(costs.min(axis=1, keepdims=True), costs.shape)
    ratios[finite] = costs[finite] / least[finite]
    return ratios


def profile(ratios: Array, factors: Array) -> Array:
    """Share of settings in which a method costs at most so many times the least (Dolan and More 2002).

    Args:
        ratios: of one method, shape (settings,).
        factors: shape (factors,), at least 1.

    Returns:
        Shape (factors,), non-decreasing where `factors` is.
    """
    return np.asarray((ratios[:, None] <= factors[None]).mean(axis=0))


def _means(values: Sequence[Array], joint: bool, resamples: int, seed: int) -> Array:
    """Bootstrap draws of each setting's mean, (resamples, settings)."""
    drawn = [
        resample_counts(len(of), resamples, seed if joint else seed + 1000 * (n + 1)) @ of / len(of)
        for n, of in enumerate(values)
    ]
    return np.stack(drawn, axis=1)


def _both(
    estimate: float | Array,
    drawn: Array,
    studies: int,
    level: float,
    resamples: int,
    seed: int,
    shape: tuple[int, ...],
) -> OverSettings:
    """Intervals from draws of (resamples, settings, quantities)."""
    settings = drawn.shape[1]

    def interval(means: Array, sample: int) -> Interval:
        tail = expanded_tail(sample, level)
        low, high = np.quantile(means, [tail, 1 - tail], axis=0)
        return Interval(np.reshape(estimate, shape), np.reshape(low, shape), np.reshape(high, shape))

    if studies < 2:
        unknown = np.full(shape, np.nan)
        return OverSettings(Interval(np.reshape(estimate, shape), unknown, unknown), None)
    these = interval(drawn.mean(axis=1), studies)
    if settings < FEWEST:
        return OverSettings(these, None)
    counts = resample_counts(settings, resamples, seed)
    return OverSettings(these, interval(np.einsum("rs,rsq->rq", counts, drawn) / settings, settings))
