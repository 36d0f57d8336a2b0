"""What a configuration is worth by the trials of other studies: a Gaussian process that has not seen its own study.

A trial that was chosen because it is the best of many is flattered by its own seed. The trials of other studies know
nothing of that seed, so their model's mean at the configuration is not flattered. What it has instead is the error of a
smooth model; benchmarks/incumbents.py measures both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FITTED_ON = 300
"""Trials, drawn at random, to which lengthscales and noise are fitted: the time grows with their cube."""
CONDITIONED_ON = 500
"""Trials, drawn at random, that predictions are computed from."""
ROOT_5 = math.sqrt(5.0)
LEAST_NOISE = 1e-4
"""Of the variance of all values: below it the matrices are singular."""


@dataclass(frozen=True)
class LeftOut:
    """What each trial's configuration is worth by the trials of other studies.

    Attributes:
        means: mean of the Gaussian process at each trial, given all trials but those of its own study, (n,).
    """

    means: Array
    _points: Array
    _known: Array
    _inverse: Array
    _variance: float
    _scale: float

    def error(self, weights: Array) -> Array:
        """Covariance of the model's errors in sums over trials: what all studies share, as their model is one.

        Args:
            weights: of each trial in each sum, (sums, n).

        Returns:
            Shape (sums, sums), in the unit of the values squared. It is that of the model given all trials.
        """
        used = np.flatnonzero(weights.any(axis=0))
        places, weights = self._points[used], weights[:, used]
        across = weights @ kernel(places, self._known)
        prior = weights @ kernel(places, places) @ weights.T
        left = self._variance * prior - self._variance**2 * across @ self._inverse @ across.T
        return np.asarray(self._scale**2 * (left + left.T) / 2)


def left_out(points: Array, values: Array, studies: NDArray[np.int64], seed: int = 0) -> LeftOut:
    """A Gaussian process at each trial, given the trials of all other studies.

    The kernel is Matern's of smoothness 5/2 with a lengthscale for each column, the mean constant, the noise normal.
    They are fitted once, to trials of all studies, at the maximum of the marginal likelihood with the priors that
    BoTorch has for lengthscales and noise (Hvarfner, Hellsten and Nardi 2024). To leave a study s out is then exact:
    with A the inverse of the covariance of all observations, that of the others o is A_oo - A_os A_ss^-1 A_so (as
    Rasmussen and Williams 2006, section 5.4.2, for single observations).

    Args:
        points: places of the configurations, (n, columns), in about [0, 1].
        values: their results, larger is better, (n,), finite; they are `floored` first.
        studies: which study each belongs to, (n,); at least two.
        seed: of the draws of trials where there are more than the model takes.
    """
    values = floored(values)
    centre, scale = float(values.mean()), float(values.std()) or 1.0
    standard = (values - centre) / scale
    random = np.random.default_rng(seed)
    some = drawn(random, len(values), CONDITIONED_ON)
    few = some[drawn(random, len(some), FITTED_ON)]
    lengthscales, variance, noise, mean = fitted(points[few], standard[few])
    places = points / lengthscales
    x, y = places[some], standard[some] - mean
    inverse = np.linalg.inv(variance * kernel(x, x) + noise * np.eye(len(some)))
    weights = inverse @ y
    found: Array = np.empty(len(values))
    for study in np.unique(studies):
        own, left = studies[some] == study, studies == study
        rest = weights[~own]
        if own.any():
            rest = rest - inverse[np.ix_(~own, own)] @ np.linalg.solve(inverse[np.ix_(own, own)], weights[own])
        found[left] = mean + variance * kernel(places[left], x[~own]) @ rest
    return LeftOut(centre + scale * found, places, x, np.asarray(inverse, np.float64), variance, scale)


def floored(values: Array) -> Array:
    """Values (n,), of which those below the median by more than the best is above it count as just so much below.

    How badly a place fails says nothing of good ones, and would be most of what a model explains.
    """
    return np.asarray(np.maximum(values, 2 * np.median(values) - values.max()))


def kernel(a: Array, b: Array) -> Array:
    """Matern's correlation of smoothness 5/2 of points (n, columns) and (m, columns), in lengthscales: (n, m)."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    r = np.sqrt(np.maximum(squares, 0.0))
    return np.asarray((1 + ROOT_5 * r + 5 / 3 * r**2) * np.exp(-ROOT_5 * r))


def fitted(points: Array, values: Array) -> tuple[Array, float, float, float]:
    """Lengthscales (columns,), variance, noise and mean where the posterior density is largest.

    Lengthscales are lognormal around sqrt(columns) e^sqrt(2) with a deviation of sqrt(3), the noise around e^-4 and the
    variance around 1 with a deviation of 1.

    Args:
        points: (n, columns).
        values: standardised, (n,).
    """
    from scipy.linalg import LinAlgError
    from scipy.linalg.lapack import dpotrf, dpotri, dpotrs
    from scipy.optimize import minimize

    n, columns = points.shape
    # Matrices are symmetric: what is done to each number is done to one triangle only, that below the diagonal.
    rows, others = np.tril_indices(n, -1)
    apart = np.ascontiguousarray(((points[rows] - points[others]) ** 2).T)  # (columns, pairs)
    below, diagonal = rows + n * others, np.arange(n) * (n + 1)  # where they are in Fortran's order
    targets = np.column_stack([values, np.ones(n)])
    centres = np.array([math.sqrt(2) + math.log(columns) / 2] * columns + [0.0, -4.0])
    widths = np.array([math.sqrt(3)] * columns + [1.0, 1.0])

    def at(theta: Array) -> tuple[float, Array, float]:
        """Minus the logarithm of the density, its gradient, and the mean; `theta` holds logarithms."""
        scales, variance, noise = np.exp(theta[:columns]), math.exp(theta[-2]), math.exp(theta[-1])
        r = np.sqrt(scales**-2 @ apart)  # (pairs,)
        decay = np.exp(-ROOT_5 * r)
        correlation = (1 + ROOT_5 * r + 5 / 3 * r**2) * decay
        covariance: Array = np.zeros(n * n)
        covariance[below], covariance[diagonal] = variance * correlation, variance + noise
        factor, fault = dpotrf(covariance.reshape(n, n, order="F"), lower=1, clean=0, overwrite_a=1)
        if fault:
            raise LinAlgError("the covariance of the observations is not positive definite")
        of_values, of_ones = dpotrs(factor, targets, lower=1)[0].T  # the inverse times each
        mean = float(of_values.sum() / of_ones.sum())
        weights = of_values - mean * of_ones
        away = (theta - centres) / widths
        determinant = np.log(np.diag(factor)).sum()
        density = 0.5 * (values - mean) @ weights + determinant + 0.5 * away @ away
        inverse = dpotri(factor, lower=1, overwrite_c=1)[0].ravel(order="F")
        outer, own = weights[rows] * weights[others] - inverse[below], weights**2 - inverse[diagonal]
        steep = variance * 5 / 3 * (1 + ROOT_5 * r) * decay * outer
        gradient = np.concatenate(
            [
                2 * (apart @ steep) / scales**2,
                [variance * (2 * outer @ correlation + own.sum()), noise * own.sum()],
            ]
        )
        return float(density), away / widths - gradient / 2, mean

    start = np.array([math.log(0.5) + math.log(columns) / 2] * columns + [0.0, math.log(0.1)])
    bounds = [*[(math.log(0.02), math.log(100.0))] * columns, (-5.0, 5.0), (math.log(LEAST_NOISE), 2.0)]
    theta = minimize(lambda theta: at(theta)[:2], start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.exp(theta[:columns]), math.exp(theta[-2]), math.exp(theta[-1]), at(theta)[2]


def drawn(random: np.random.Generator, n: int, most: int) -> NDArray[np.int64]:
    """Places of all n trials, or of as many as the most, drawn at random, in rising order."""
    return np.arange(n) if n <= most else np.sort(random.choice(n, most, replace=False))
