"""How many more trials one method needs to be as good as another, after every number of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import outer_quantiles
from hpsearch.statistics.coverage import FEWEST
from hpsearch.statistics.first_reach import MeanCurves, first_reach, mean_curve, own_reach, resampled_curves

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ExtraTrials:
    """Extra trials that B needs to reach what A has after trial t = 1, 2, ..., shape (trials of A,), with intervals.

    `math.inf` stands for "more than `trials` - t": B did not get there in all its trials. A negative number says that
    B is earlier. Bounds are NaN if one method has fewer than `FEWEST` studies.
    """

    estimate: Array
    low: Array
    high: Array
    trials: int


def extra_trials(
    a: Array,
    b: Array,
    *,
    errors: tuple[Array | None, Array | None] = (None, None),
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> ExtraTrials:
    """Trials that B's mean incumbent takes to reach where A's is after t trials, less the trials that A itself took.

    A took t trials, or fewer if its mean has not risen since then. So trials that A spends on a plateau give B no
    lead, and a method needs exactly 0 extra trials to match itself. The bootstrap draws the studies of A and of B
    independently, and its percentile interval is widened for few studies. A draw that never gets there counts as
    infinitely many trials; it is never dropped.

    Args:
        a: incumbents, larger is better, shape (studies, trials).
        b: incumbents of the other method, shape (other studies, trials); it may have more or fewer trials.
        errors: of A and of B, the covariance (trials, trials) of the errors that its mean curve has whichever studies
            are drawn, or None where there are none.
        level: nominal coverage of each interval (pointwise).
        resamples: number of bootstrap samples.
        seed: seed of the draws.
    """
    estimate = _extra(mean_curve(a), mean_curve(b))[0]
    if min(len(a), len(b)) < FEWEST:
        unknown = np.full(a.shape[1], np.nan)
        return ExtraTrials(estimate, unknown, unknown, b.shape[1])
    draws = _extra(resampled_curves(a, resamples, seed + 1, errors[0]), resampled_curves(b, resamples, seed, errors[1]))
    return ExtraTrials(estimate, *outer_quantiles(draws, min(len(a), len(b)), level), b.shape[1])


def _extra(a: MeanCurves, b: MeanCurves) -> Array:
    """Trials of B less those of A, shape (curves, trials of A); infinity if B never gets there."""
    reach = first_reach(b.high, a.low)
    return np.where(reach > b.high.shape[1], np.inf, reach - own_reach(a))
