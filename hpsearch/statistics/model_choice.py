"""Which configuration a study would choose by a model of its own trials, instead of by the best recorded value.

A Gaussian process shares out each trial's luck among its neighbours, so that a place is chosen where several trials
were good rather than one. What that is worth is told by values that the study's own seeds have no part in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.left_out import fitted, floored, kernel

Array = NDArray[np.float64]
FEWEST = 5
"""Trials below which the best recorded one is chosen: a model of fewer knows no noise from a slope."""


def model_choice(points: Array, values: Array) -> int:
    """The 0-based trial with the best posterior mean of a Gaussian process of these trials, the first of equals.

    The model is that of `left_out`.

    Args:
        points: places of one study's configurations, (trials, columns), in about [0, 1].
        values: their results, larger is better, (trials,), finite.
    """
    standard = floored(values) - floored(values).mean()
    spread = float(standard.std())
    if len(values) < FEWEST or spread == 0:
        return int(np.argmax(values))
    standard = standard / spread
    lengthscales, variance, noise, mean = fitted(points, standard)
    places = points / lengthscales
    covariance = variance * kernel(places, places)
    return int(np.argmax(covariance @ np.linalg.solve(covariance + noise * np.eye(len(values)), standard - mean)))
