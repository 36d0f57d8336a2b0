"""How surely do so many studies tell two methods apart, and how many more would?

The studies that are there stand for those to come: both answers draw from them with replacement. So they hold if the
difference is as large as it looks now, which is too hopeful where a comparison was looked at because it looked large.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Test = Callable[[Indices, Indices], float | None]
"""The p value of two methods' studies, given by their indices among those observed; None if there is none."""

DRAWS = 400
"""Draws of studies; a power of 80% is then known to within 4 points."""
ENOUGH = 0.8
"""The power that is usually asked for (Cohen 1988)."""
MOST_TIMES = 10
"""How many times the studies that are there are looked at, at most."""


def power(test: Test, n: int, m: int, *, alpha: float = 0.05, draws: int = DRAWS, seed: int = 0) -> float:
    """Probability that a new comparison with as many studies is significant (bootstrap; Efron and Tibshirani 1993, 25).

    Args:
        test: the test.
        n: studies of the first method.
        m: studies of the second.
        alpha: p values below it are significant.
        draws: how many comparisons are simulated.
        seed: of these draws.
    """
    generator = np.random.default_rng(seed)
    first, second = (generator.integers(size, size=(draws, size)) for size in (n, m))
    return _share(test, first, second, alpha)


def conditional_power(
    test: Test, n: int, m: int, more: int, *, alpha: float = 0.05, draws: int = DRAWS, seed: int = 0
) -> float:
    """Probability that the comparison is significant when it has `more` studies of each method beside those it has.

    Args:
        test: the test.
        n: studies of the first method that there are.
        m: studies of the second that there are.
        more: further studies of each.
        alpha: p values below it are significant.
        draws: how often the further studies are drawn.
        seed: of these draws; fewer of them are the first ones of more.
    """
    first, second = (
        np.hstack([np.tile(np.arange(size), (draws, 1)), _further(size, more, draws, seed, which)])
        for which, size in enumerate((n, m))
    )
    return _share(test, first, second, alpha)


def more_to_decide(
    test: Test, n: int, m: int, *, enough: float = ENOUGH, alpha: float = 0.05, draws: int = DRAWS, seed: int = 0
) -> int | None:
    """The fewest further studies of each method with which the comparison is significant with probability `enough`.

    None if even `MOST_TIMES` as many studies as the smaller method has are too few. The arguments are those of
    `conditional_power`, which is taken to grow with the studies.
    """

    def decides(more: int) -> bool:
        return conditional_power(test, n, m, more, alpha=alpha, draws=draws, seed=seed) >= enough

    few, many = -1, MOST_TIMES * min(n, m)
    if not decides(many):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if decides(middle) else (middle, many)
    return many


def _further(size: int, more: int, draws: int, seed: int, which: int) -> Indices:
    """Indices of further studies, (draws, more), drawn one after the other: more of them begin with the same ones."""
    return np.random.default_rng([seed, which]).integers(size, size=(more, draws)).T


def _share(test: Test, first: Indices, second: Indices, alpha: float) -> float:
    """Share of the draws, which are the rows, that are significant."""
    p_values = [test(a, b) for a, b in zip(first, second, strict=True)]
    return float(np.mean([p is not None and p < alpha for p in p_values]))
