"""How many trials a method's mean incumbent takes to reach a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import outer_quantiles, resampled_means

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TrialsToLevel:
    """Trials to the level, 1-based, with a bootstrap interval; `trials` + 1 stands for "not within them".

    Bounds are None where one method has a single study.
    """

    estimate: int
    low: int | None
    high: int | None
    trials: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self._number(self.estimate)} (too few studies for an interval)"
        return f"{self._number(self.estimate)} ({self._number(self.low)} to {self._number(self.high)})"

    @property
    def brief(self) -> str:
        """For a narrow column: "5 (2-8)", with ">25" for more than 25, and that alone where all of it is more."""
        if self.low is None or self.high is None:
            return self._number(self.estimate).replace("more than ", ">")
        if self.low > self.trials:
            return f">{self.trials}"
        estimate, low, high = (
            self._number(value).replace("more than ", ">") for value in (self.estimate, self.low, self.high)
        )
        return f"{estimate} ({low}-{high})"

    def _number(self, value: int) -> str:
        return str(value) if value <= self.trials else f"more than {self.trials}"


def first_reach(curves: Array, levels: Array) -> NDArray[np.int64]:
    """First trial at which each curve is at its level or above.

    Args:
        curves: non-decreasing along trials, shape (curves, trials).
        levels: shape (curves,).

    Returns:
        1-based trial, shape (curves,); trials + 1 where the level is never reached.
    """
    # A level that is a mean of the same numbers in another order may lie a rounding above the curve.
    reached = curves >= (levels - 1e-12 * np.maximum(1.0, np.abs(levels)))[:, None]
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), curves.shape[1])
    return np.asarray(first + 1, np.int64)


def trials_to_final_level(
    method: Array, other: Array, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> TrialsToLevel:
    """Trials until the mean incumbent of `method` is as good as that of `other` at its last trial.

    Both the curve and the level are uncertain: the studies of both methods are drawn anew, independently, by a
    percentile interval widened for few studies. A draw that never gets there counts as more than all trials; it
    is never dropped.

    Args:
        method: incumbents, larger is better, shape (studies, trials).
        other: incumbents of the other method, shape (other studies, trials).
        level: nominal coverage of the interval.
        resamples: number of bootstrap samples.
        seed: of the draws.
    """
    estimate = first_reach(method.mean(axis=0)[None], other.mean(axis=0)[-1:])[0]
    if (studies := min(len(method), len(other))) < 2:
        return TrialsToLevel(int(estimate), None, None, method.shape[1])
    curves = resampled_means(method, resamples, seed)
    levels = resampled_means(other[:, -1], resamples, seed + 1)
    low, high = outer_quantiles(first_reach(curves, levels).astype(float), studies, level)
    return TrialsToLevel(int(estimate), int(low), int(high), method.shape[1])
