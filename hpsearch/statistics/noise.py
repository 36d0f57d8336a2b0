"""How much of a result is due to the configuration, and how much to the training's seed?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A share between 0 and 1 with its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Components:
    """Standard deviations between configurations and within them, in the objective's unit, and the seed's share.

    The share is that of the variance: within / (within + between).
    """

    between: float
    within: float
    seed_share: Share


def variance_components(groups: Sequence[Array], level: float = 0.95) -> Components:
    """One-way random effects by analysis of variance (Searle, Casella and McCulloch 1992, chapter 3).

    The variance within is the pooled one. The variance between is (mean square between - within) / n0 with
    n0 = (N - sum n^2 / N) / (groups - 1), or 0 where this is negative. The interval of the share is the outer of two.
    One inverts Wald's F statistic (1940): it is exact for normal values and any group sizes, and is the usual F
    interval when the sizes are equal, but it covers too little for skewed configurations. The other is Student's
    t of the jackknife of log F over configurations (Arvesen 1969), which does not assume normality
    (benchmarks/intervals.py).

    Args:
        groups: values of each configuration, shape (repeats of the configuration,); sizes may differ.
        level: nominal coverage of the interval.
    """
    groups = [np.asarray(group, float) for group in groups if len(group)]
    sizes = np.array([len(group) for group in groups])
    if not (sizes > 1).any():
        raise ValueError("the share of the seed needs a configuration that was trained at least twice")
    if len(groups) < 2:
        raise ValueError("the share of the seed needs at least two configurations")
    values = np.concatenate(groups)
    if values.min() == values.max():
        raise ValueError("the share of the seed is undefined: all values are equal")
    # By a power of two, which rounds nothing, so that no square overflows or vanishes.
    exponent = math.frexp(float(np.abs(values).max()))[1]
    groups = [np.ldexp(group, -exponent) for group in groups]
    free, free_within = len(groups) - 1, len(values) - len(groups)
    n0 = float(len(values) - (sizes**2).sum() / len(values)) / free
    means = np.array([group.mean() for group in groups])
    squares = np.array([((group - group.mean()) ** 2).sum() for group in groups])
    within = float(squares.sum()) / free_within
    between = max(0.0, (_between(means, sizes.astype(float)) / free - within) / n0)
    deviations = math.ldexp(math.sqrt(between), exponent), math.ldexp(math.sqrt(within), exponent)
    if within == 0:
        return Components(*deviations, Share(0.0, 0.0, 0.0))
    from scipy.special import fdtri

    def statistic(share: float) -> float:
        """Wald's statistic, which is F distributed where `share` is the true one; it rises with the share, from 0."""
        return share * _between(means, sizes / (share + sizes * (1 - share))) / free / within

    tail = (1 - level) / 2
    share = within / (within + between)
    low, high = (_share_at(statistic, float(fdtri(free, free_within, p))) for p in (tail, 1 - tail))
    log_f = _jackknife(means, sizes, squares, tail)
    if log_f is not None:
        # A large F speaks for a large variance between the configurations, so for a small share.
        most, least = (1 / (1 + max(0.0, (math.exp(min(end, 700.0)) - 1) / n0)) for end in log_f)
        low, high = min(low, least), max(high, most)
    return Components(*deviations, Share(share, min(low, share), max(high, share)))


def _between(means: Array, weights: Array) -> float:
    """Weighted sum of squares about the weighted mean."""
    return float(weights @ (means - weights @ means / weights.sum()) ** 2)


def _jackknife(means: Array, sizes: NDArray[np.int64], squares: Array, tail: float) -> tuple[float, float] | None:
    """Interval of log F from the jackknife over configurations; None if one of its parts has no F."""

    def log_f(left: NDArray[np.bool_]) -> float:
        free, free_within = int(left.sum()) - 1, int((sizes[left] - 1).sum())
        between, within = _between(means[left], sizes[left].astype(float)), float(squares[left].sum())
        if not free or not free_within or not between or not within:
            return math.nan
        return math.log(between / free * free_within / within)

    count = len(means)
    whole = log_f(np.ones(count, bool))
    parts = np.array([log_f(np.arange(count) != position) for position in range(count)])
    pseudo = count * whole - (count - 1) * parts
    if not np.isfinite(pseudo).all():
        return None
    from scipy.special import stdtrit

    reach = float(stdtrit(count - 1, 1 - tail) * pseudo.std(ddof=1)) / math.sqrt(count)
    return float(pseudo.mean()) - reach, float(pseudo.mean()) + reach


def _share_at(statistic: Callable[[float], float], quantile: float) -> float:
    """The share at which a statistic that rises from 0 is at the quantile; 1 if it never is."""
    from scipy.optimize import brentq

    if statistic(1.0) <= quantile:
        return 1.0
    return float(brentq(lambda share: statistic(share) - quantile, 0.0, 1.0, xtol=1e-15))
