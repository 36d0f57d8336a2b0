"""Which of several methods ends best: expected ranks, and how likely each beats each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.superiority import (
    probability_interval,
    probability_of_superiority,
    variance_of_mean,
    wins,
)

Array = NDArray[np.float64]


def win_matrix(finals: Sequence[Array]) -> Array:
    """Probability that a random study of one method beats one of another; ties count half.

    Args:
        finals: the final values of each method, larger is better, shape (studies of the method,).

    Returns:
        Shape (methods, methods): P(row beats column), 0.5 on the diagonal.
    """
    matrix = np.full((len(finals), len(finals)), 0.5)
    for row, column in np.argwhere(np.tri(len(finals), k=-1)):
        matrix[row, column] = wins(finals[row], finals[column]).mean()
        matrix[column, row] = 1 - matrix[row, column]
    return matrix


def mean_ranks(finals: Sequence[Array], *, level: float = 0.95) -> Interval:
    """Expected rank of each method when one random study of each competes; 1 is best, and ties share ranks.

    A rank is 1 + the sum over the others of P(other beats it), so ranks add up to methods (methods + 1) / 2. The
    interval is that of the mean over the others of P(it beats the other): `probability_interval` takes the variance of
    all methods' placements, as if the others were one sample of all their studies. Of two methods it is that of
    `probability_of_superiority`. (A bootstrap has no width where a method always wins, and covers too little near
    there: benchmarks/intervals.py.)

    Args:
        finals: the final values of each method, larger is better, shape (studies of the method,).
        level: nominal coverage.

    Returns:
        Estimate and bounds, shape (methods,), between 1 and methods.
    """
    finals = [np.asarray(values, float) for values in finals]
    others = len(finals) - 1
    if others < 1:
        return Interval(*np.ones((3, len(finals))))
    if others == 1:
        s = probability_of_superiority(finals[0], finals[1], level)
        ends = (2 - s.estimate, 1 + s.estimate), (2 - s.high, 1 + s.low), (2 - s.low, 1 + s.high)
        return Interval(*(np.array(of_both) for of_both in ends))
    estimate, low, high = np.empty((3, len(finals)))
    for method, values in enumerate(finals):
        won = [wins(values, other) for position, other in enumerate(finals) if position != method]
        placements = np.sum([against.mean(axis=1) for against in won], axis=0)  # (studies,), 0 to others
        variance = variance_of_mean(placements) + sum(variance_of_mean(against.mean(axis=0)) for against in won)
        probability = float(placements.mean()) / others
        studies = sum(against.shape[1] for against in won)
        worse, better = probability_interval(probability, variance / others**2, len(values), studies, level)
        estimate[method], low[method], high[method] = 1 + others * (1 - np.array([probability, better, worse]))
    return Interval(estimate, low, high)
