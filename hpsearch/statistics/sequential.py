"""When may one stop early? Boundaries of a test that is done again and again while studies come in.

Who tests at 5% after every few studies, and stops at the first p below it, finds a difference between equal methods far
more often than 5% of the time. A group-sequential test spends its 5% over the looks instead, hardly any of it early.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.superiority import p_of_superiority

Array = NDArray[np.float64]

NODES = 400
"""Points of the numerical integration over what the statistic may be at a look."""
FAR = 9.0
"""Standard deviations beyond which a normal density counts as nothing."""
LEAST = 1e-12
"""An error that is smaller is not spent at a look but kept for the next one: no p value is that exact."""


def spent(fraction: float, alpha: float = 0.05) -> float:
    """How much of a two-sided error may be spent when this fraction of the studies is there.

    The spending function of O'Brien and Fleming's type (Lan and DeMets 1983, their alpha_1*), half of `alpha` on each
    side: 2 (2 - 2 Phi(z / sqrt(fraction))) with Phi(z) = 1 - alpha / 4.

    Args:
        fraction: studies that there are, of the most that there may be; above 0, 1 at most.
        alpha: the error that is spent at fraction 1.
    """
    from scipy.special import ndtr, ndtri

    if not 0 < fraction <= 1:
        raise ValueError(f"a fraction of the studies is above 0 and at most 1, got {fraction}")
    return float(4 * ndtr(ndtri(alpha / 4) / math.sqrt(fraction)))


def boundaries(fractions: Sequence[float], alpha: float = 0.05) -> Array:
    """Values that |z| has to reach at each look, so that equal methods reach one of them with probability `alpha`.

    z is standard normal at each look, with covariance sqrt(earlier fraction / later fraction) between two looks. A
    boundary depends on its own look and earlier ones only, so looks to come need not be known (Lan and DeMets 1983).
    The density of z sqrt(fraction), of those that go on, is carried from look to look by numerical integration
    (Armitage, McPherson and Rowe 1969; Reboussin, DeMets, Kim and Lan 2000), here by Gauss-Legendre.

    Args:
        fractions: studies that there are at each look, of the most that there may be; increasing, above 0, 1 at most.
        alpha: two-sided error of all looks together, once the last one is at fraction 1.

    Returns:
        Shape (looks,); infinite at a look at which there is next to nothing to spend.
    """
    from scipy.optimize import brentq

    if list(fractions) != sorted({*fractions}):
        raise ValueError("the fractions of the studies increase from look to look")
    found = np.empty(len(fractions))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    # Points and probabilities of those that go on: before the first look all are at 0.
    points, going_on, before, used = np.zeros(1), np.ones(1), 0.0, 0.0
    for look, fraction in enumerate(fractions):
        step, scale, left = math.sqrt(fraction - before), math.sqrt(fraction), spent(fraction, alpha) - used
        beyond = partial(_beyond, points=points / step, going_on=going_on)
        end = math.inf if left < LEAST else step * float(brentq(_less, 0.0, 40 * scale / step, (beyond, left)))
        found[look] = end / scale
        used += beyond(end / step)
        new = min(end, FAR * scale) * nodes
        density = np.exp(-0.5 * ((new[:, None] - points) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        points, going_on, before = new, min(end, FAR * scale) * weights * (density @ going_on), fraction
    return found


def _beyond(end: float, points: Array, going_on: Array) -> float:
    """Probability that a normal step of sd 1 from one of the points, taken with these probabilities, leads beyond end.

    `points` and `going_on` are (points,), and beyond is on either side of 0.
    """
    from scipy.special import ndtr

    return float(going_on @ (ndtr(-end - points) + ndtr(points - end)))


def _less(end: float, beyond: Callable[[float], float], left: float) -> float:
    return beyond(end) - left


def p_of_look(a: Array, b: Array) -> float | None:
    """Two-sided p value of one look at the final values of two methods, (studies,) each; None if all are equal.

    The larger of two. Brunner and Munzel's allows for unequal spreads, but its t distribution makes the small p values
    too small that early looks ask for: with it alone equal methods are told apart in more than 5%
    (benchmarks/sequential.py). Mann and Whitney's, with its normal distribution corrected for continuity and ties, does
    not, but takes the methods' distributions to be the same.
    """
    from scipy.stats import mannwhitneyu

    if (p := p_of_superiority(a, b)) is None:
        return None
    return max(p, float(mannwhitneyu(a, b, method="asymptotic").pvalue))


def levels(fractions: Sequence[float], alpha: float = 0.05) -> Array:
    """Two-sided p values that have to be reached at each look, shape (looks,); see `boundaries`."""
    from scipy.special import ndtr

    return np.asarray(2 * ndtr(-boundaries(fractions, alpha)))
