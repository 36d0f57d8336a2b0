"""How likely is a study of one method to end better than one of another?

Interval and p value say the same: the interval leaves out 1/2 exactly where p is below 1 - level.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Of fewer studies the normal approximations may promise more than any sample of that size can show.
ENOUGH = 10


@dataclass(frozen=True)
class Superiority:
    """P(A beats B) with ties counted half, its interval, and the two-sided p value of 1/2, None if undefined.

    `at_floor` says that one method always wins: so many studies cannot give a smaller p, which is then only a bound.
    """

    estimate: float
    low: float
    high: float
    p: float | None

    @property
    def at_floor(self) -> bool:
        """Whether p is the smallest that so many studies can give."""
        return self.estimate in (0.0, 1.0)


def probability_of_superiority(a: Array, b: Array, level: float = 0.95) -> Superiority:
    """Probability that a random study of A beats a random one of B (Vargha and Delaney 2000).

    `probability_interval` gives the interval, and the p value inverts it: it is 1 minus the highest level at which the
    interval leaves out 1/2. With fewer than 10 studies of either method p is exact, from all permutations of the ranks,
    ties included (Wilcoxon 1945), and nothing is claimed on which the two disagree at the level: where only the exact
    test keeps 1/2, the interval is extended to it; where only the interval does, p is that which inverts it.

    Args:
        a: values of one method's studies, larger is better, shape (studies,).
        b: values of the other method's studies, shape (other studies,).
        level: nominal coverage.

    Returns:
        Numbers between 0 and 1, none of them NaN. p is None where all values are equal; it is never 0.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if not len(a) or not len(b):
        raise ValueError("a probability of superiority needs at least one study of each method")
    estimate, variance = _estimate(a, b)
    low, high = probability_interval(estimate, variance, len(a), len(b), level)
    p = p_of_superiority(a, b, level)
    if p is not None and 1 - p <= level:
        low, high = min(low, 0.5), max(high, 0.5)
    return Superiority(estimate, low, high, p)


def p_of_superiority(a: Array, b: Array, level: float = 0.95) -> float | None:
    """The p value of `probability_of_superiority` alone, with the same arguments."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if np.ptp(np.concatenate([a, b])) == 0:
        return None
    p = probability_p(*_estimate(a, b), len(a), len(b))
    if min(len(a), len(b)) < ENOUGH:
        exact = permutation_p(a, b)
        p = exact if 1 - p > level else max(p, exact)
    return p


def _estimate(a: Array, b: Array) -> tuple[float, float]:
    """The probability, and its variance from the placements (DeLong et al. 1988)."""
    won = wins(a, b)
    return float(won.mean()), variance_of_mean(won.mean(axis=1)) + variance_of_mean(won.mean(axis=0))


def wins(a: Array, b: Array) -> Array:
    """1 where a study of A beats a study of B, 1/2 where they tie, 0 where it loses; shape (studies, other studies)."""
    return np.asarray((np.sign(a[:, None] - b) + 1) / 2)


def variance_of_mean(values: Array) -> float:
    """Squared standard error of the mean of values (studies,); infinite for a single study, which shows no spread."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else math.inf


def probability_interval(estimate: float, variance: float, n: int, m: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a probability of superiority: normal on the logit scale (Brunner and Munzel 2000; Newcombe 2006).

    Within 2 / studies of 0 or 1 the variance says little, and at 0 or 1 nothing. There, and where it is 0 or unknown,
    the interval is extended to Newcombe's method 5, a score interval whose variance depends on the probability alone.
    Each by itself covers too little somewhere: the logit interval near the ends, the score interval where spreads
    differ (benchmarks/intervals.py).

    Args:
        estimate: probability, 0 to 1.
        variance: squared standard error of the estimate from the placements (DeLong et al. 1988), or infinity.
        n: number of studies of one method.
        m: number of studies of the other.
        level: nominal coverage.

    Returns:
        Low and high, 0 <= low <= estimate <= high <= 1.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    score = score_interval(estimate, n, m, z)
    if not _has_spread(estimate, variance):
        return score
    from scipy.special import expit, logit

    centre, reach = logit(estimate), z * math.sqrt(variance) / (estimate * (1 - estimate))
    low, high = float(expit(centre - reach)), float(expit(centre + reach))
    if _is_near_an_end(estimate, n, m):
        return min(low, score[0]), max(high, score[1])
    return low, high


def probability_p(estimate: float, variance: float, n: int, m: int) -> float:
    """Two-sided p value of a probability of 1/2: 1 - the level at which an end of `probability_interval` is at 1/2.

    Args:
        estimate: probability, 0 to 1.
        variance: squared standard error of the estimate from the placements, or infinity.
        n: number of studies of one method.
        m: number of studies of the other.

    Returns:
        A number above 0, at most 1.
    """
    z = score = abs(estimate - 0.5) / _score_error(0.5, n, m)
    if _has_spread(estimate, variance):
        from scipy.special import logit

        z = abs(float(logit(estimate))) * estimate * (1 - estimate) / math.sqrt(variance)
        if _is_near_an_end(estimate, n, m):
            z = min(z, score)
    return max(math.erfc(z / math.sqrt(2)), sys.float_info.min)


def _has_spread(estimate: float, variance: float) -> bool:
    """Whether the logit scale can be used: it has no place for 0 and 1."""
    return 0 < estimate < 1 and 0 < variance < math.inf


def _is_near_an_end(estimate: float, n: int, m: int) -> bool:
    return min(estimate, 1 - estimate) < 2 / min(n, m)


def _score_error(theta: float, n: int, m: int) -> float:
    """Standard error of the estimate if `theta` is the true probability (Hanley and McNeil; Newcombe's method 5)."""
    spread = 1 + ((n + m) / 2 - 1) * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    return math.sqrt(theta * (1 - theta) * spread / (n * m))


def score_interval(estimate: float, n: int, m: int, z: float) -> tuple[float, float]:
    """Newcombe's method 5 (2006, part 2): Hanley and McNeil's variance at the bound, with the mean of both sizes.

    Args:
        estimate: probability of superiority, 0 to 1.
        n: number of studies of one method.
        m: number of studies of the other.
        z: normal quantile.

    Returns:
        The two theta on either side of the estimate with |theta - estimate| = z standard errors at theta.
    """
    from scipy.optimize import brentq

    def beyond(theta: float) -> float:
        return abs(theta - estimate) - z * _score_error(theta, n, m)

    # The error is 0 at 0 and at 1, so a search from an estimate there would end at once.
    inside = min(max(estimate, sys.float_info.epsilon), 1 - sys.float_info.epsilon)
    return float(brentq(beyond, 0.0, inside, xtol=1e-15)), float(brentq(beyond, inside, 1.0, xtol=1e-15))


def permutation_p(a: Array, b: Array) -> float:
    """Share of all ways to choose the smaller group that put its rank sum as far from the mean, ties included.

    It is the exact two-sided p value of "both methods' studies are alike"; where one method always wins it is 2 divided
    by the number of ways to share out the studies.

    (scipy's exact Mann-Whitney test knows no ties, and its permutation test goes through all ways one by one.)
    """
    from scipy.stats import rankdata

    few, many = sorted((a, b), key=len)
    pooled = np.concatenate([few, many])
    doubled = (2 * rankdata(pooled)).astype(int)  # whole, with ties too
    chosen, total = len(few), int(np.sort(doubled)[-len(few) :].sum())
    # ways[k, s]: ways to choose k of the studies seen so far with doubled rank sum s.
    ways = np.zeros((chosen + 1, total + 1))
    ways[0, 0] = 1
    for rank in doubled:
        ways[1:, rank:] += ways[:-1, : total + 1 - rank].copy()
    centre = chosen * (len(pooled) + 1)
    far = np.abs(np.arange(total + 1) - centre) >= abs(int(doubled[:chosen].sum()) - centre)
    return float(ways[chosen, far].sum() / ways[chosen].sum())
