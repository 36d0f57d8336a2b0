"""Which configuration a study would choose by a model of its own trials, instead of by the best recorded value.

A Gaussian process shares out each trial's luck among its neighbours, so that a place is chosen where several trials were
good rather than one. What that is worth is told by values that the study's own seeds have no part in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.incumbents import incumbent_trials
from hpsearch.statistics.left_out import fitted, floored, kernel

Array = NDArray[np.float64]
FEWEST = 5
"""Trials below which the best recorded one is chosen: a model of fewer knows no noise from a slope."""
EVERY = 5
"""After how many trials lengthscales and noise are fitted anew."""


def model_choices(points: Array, values: Array) -> NDArray[np.int64]:
    """The 0-based trial with the best posterior mean among the trials so far, after each trial.

    The model is that of `left_out`, conditioned on the study's trials up to then.

    Args:
        points: places of one study's configurations, (trials, columns), in about [0, 1].
        values: their results, larger is better, (trials,), finite.

    Returns:
        Shape (trials,).
    """
    chosen: NDArray[np.int64] = incumbent_trials(values[None])[0].copy()
    known: tuple[Array, float, float, float] | None = None
    for trial in range(FEWEST, len(values) + 1):
        so_far = floored(values[:trial])
        spread = float(so_far.std())
        if spread == 0:
            continue
        standard = (so_far - so_far.mean()) / spread
        if known is None or trial % EVERY == 0:
            known = fitted(points[:trial], standard)
        lengthscales, variance, noise, mean = known
        places = points[:trial] / lengthscales
        covariance = variance * kernel(places, places)
        means = covariance @ np.linalg.solve(covariance + noise * np.eye(trial), standard - mean)
        chosen[trial - 1] = int(np.argmax(means))
    return chosen
