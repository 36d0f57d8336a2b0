"""How good random configurations of a method are: quantiles, and the expected best within a budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class NotIndependent(ValueError):  # noqa: N818 - says what is wrong with the trials
    """The trials were not drawn independently of each other, as the statistic needs."""


def objective_quantiles(objectives: Array, probabilities: Sequence[float], *, independent: bool) -> Array:
    """Quantiles of the objective over the method's space, median-unbiased (Hyndman and Fan 1996, definition 8).

    Args:
        objectives: values of independent random configurations, shape (trials,).
        probabilities: shape (probabilities,).
        independent: whether the trials were drawn independently of each other.

    Returns:
        Shape (probabilities,), in the objective's unit.

    Raises:
        NotIndependent: if the trials were not drawn independently.
    """
    _require(independent)
    return np.asarray(np.quantile(objectives, probabilities, method="median_unbiased"))


def expected_best(objectives: Array, budgets: Sequence[int], *, independent: bool) -> Array:
    """Expected best of a budget of random configurations: the mean over all subsets of that size.

    It is unbiased (Tang et al. 2020); the best of draws with replacement (Dodge et al. 2019) is too low. The
    i-th smallest of n is the best of C(i - 1, k - 1) of the C(n, k) subsets of size k.

    Args:
        objectives: values of independent random configurations, larger is better, shape (trials,).
        budgets: numbers of trials, 1 to trials.
        independent: whether the trials were drawn independently of each other.

    Returns:
        Shape (budgets,), in the objective's unit.

    Raises:
        NotIndependent: if the trials were not drawn independently.
        ValueError: if a budget is below 1 or above the number of trials.
    """
    from scipy.special import gammaln, softmax

    _require(independent)
    trials = len(objectives)
    for budget in budgets:
        if not 1 <= budget <= trials:
            raise ValueError(
                f"the best of {budget} trials cannot be told from {trials}: the budget must be 1 to {trials}"
            )
    ordered = np.sort(objectives)
    # C(i - 1, k - 1) up to a factor, in logarithms, since binomials overflow from a thousand trials on.
    log_factorial = gammaln(np.arange(1, trials + 1))
    best = np.empty(len(budgets))
    for position, k in enumerate(budgets):
        below = np.arange(k - 1, trials)  # i - 1
        best[position] = softmax(log_factorial[below] - log_factorial[below - (k - 1)]) @ ordered[k - 1 :]
    return best


def _require(independent: bool) -> None:
    if not independent:
        raise NotIndependent(
            "these trials were not drawn independently of each other (a Bayesian searcher chooses each after those "
            "before, Sobol points keep apart), so they say nothing about random configurations: use the searcher random"
        )
