"""How many trials a method's mean incumbent takes to reach a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import outer_quantiles
from hpsearch.statistics.coverage import FEWEST
from hpsearch.statistics.first_reach import first_reach, mean_curve, resampled_curves

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TrialsToLevel:
    """Trials to the level, 1-based, with a bootstrap interval; `trials` + 1 stands for "not within `trials`".

    Bounds are None if one method has fewer than `FEWEST` studies.
    """

    estimate: int
    low: int | None
    high: int | None
    trials: int

    def at(self, numbers: NDArray[np.int64]) -> TrialsToLevel:
        """The same where the curve was known after the trials with these numbers only, (trials,), in rising order."""

        def number(place: int) -> int:
            return int(numbers[-1]) + 1 if place > len(numbers) else int(numbers[place - 1])

        low, high = (None if end is None else number(end) for end in (self.low, self.high))
        return TrialsToLevel(number(self.estimate), low, high, int(numbers[-1]))

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self._number(self.estimate)} (too few studies for an interval)"
        return f"{self._number(self.estimate)} ({self._number(self.low)} to {self._number(self.high)})"

    @property
    def brief(self) -> str:
        """Text for a narrow column: "5 (2-8)", with ">25" for a number above 25, and only ">25" if all are above."""
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


def trials_to_final_level(
    method: Array,
    other: Array,
    *,
    errors: tuple[Array | None, Array | None] = (None, None),
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> TrialsToLevel:
    """Trials until the mean incumbent of `method` is as good as the mean incumbent of `other` at its last trial.

    Both the curve and the level are uncertain: the bootstrap draws the studies of the two methods independently, and
    its percentile interval is widened for few studies. A draw that never gets there counts as more than all trials; it
    is never dropped.

    Args:
        method: incumbents, larger is better, shape (studies, trials).
        other: incumbents of the other method, shape (other studies, trials).
        errors: for each of the two, the covariance (trials, trials) of the errors that its mean curve has whichever
            studies are drawn, or None where there are none.
        level: nominal coverage of the interval.
        resamples: number of bootstrap samples.
        seed: seed of the draws.
    """
    estimate = first_reach(mean_curve(method).high, mean_curve(other[:, -1:]).low[:, 0])[0]
    if (studies := min(len(method), len(other))) < FEWEST:
        return TrialsToLevel(int(estimate), None, None, method.shape[1])
    curves = resampled_curves(method, resamples, seed, errors[0])
    levels = resampled_curves(other[:, -1:], resamples, seed + 1, None if errors[1] is None else errors[1][-1:, -1:])
    low, high = outer_quantiles(first_reach(curves.high, levels.low[:, 0]).astype(float), studies, level)
    return TrialsToLevel(int(estimate), int(low), int(high), method.shape[1])
