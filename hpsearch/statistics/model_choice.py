"""Which configuration a study would choose by a model of its own trials, instead of by the best recorded value.

A Gaussian process shares out each trial's luck among its neighbours, so that a place is chosen where several trials
were good rather than one. What that is worth is told by values that the study's own seeds have no part in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.left_out import CONDITIONED_ON, FITTED_ON, drawn, fitted, floored, kernel

Array = NDArray[np.float64]
FEWEST = 5
"""Trials below which there is no model: one of fewer knows no noise from a slope."""


def posterior_means(points: Array, values: Array, seed: int = 0) -> Array:
    """Posterior mean of a Gaussian process of these trials at each of them; the values themselves if there is none.

    The model is that of `left_out`. There is none of fewer than 5 trials, of equal values, or of values whose squares
    are no numbers.

    Args:
        points: places of one study's configurations, (trials, columns), in about [0, 1].
        values: their results, larger is better, (trials,), finite.
        seed: of the draws of trials where there are more than the model takes.

    Returns:
        Shape (trials,), in the unit of the values.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        standard = floored(values)
        centre, spread = float(standard.mean()), float(standard.std())
    if len(values) < FEWEST or spread == 0 or not np.isfinite(spread) or not points.size:
        return values
    standard = (standard - centre) / spread
    random = np.random.default_rng(seed)
    some = drawn(random, len(values), CONDITIONED_ON)
    few = some[drawn(random, len(some), FITTED_ON)]
    lengthscales, variance, noise, mean = fitted(points[few], standard[few])
    places = points / lengthscales
    known = variance * kernel(places[some], places[some]) + noise * np.eye(len(some))
    found = variance * kernel(places, places[some]) @ np.linalg.solve(known, standard[some] - mean)
    return np.asarray(centre + spread * (mean + found))
