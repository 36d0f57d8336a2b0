"""Share of studies that have not reached the target yet; those that never reach it count too (Kaplan and Meier 1958).

scipy's `ecdf` has the same curve and band, but no bound if the curve falls to 0, and takes ten times as long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.coverage import FEWEST
from hpsearch.statistics.ties import Mean, rounding_of_mean

Array = NDArray[np.float64]
ROUNDING = 1e-12


@dataclass(frozen=True)
class Survival:
    """A curve that is 1 before the first of its `steps` and changes at each; arrays have shape (steps,) and no NaN.

    `not_reached`, `low` and `high` hold from their step on. The medians are costs: `math.inf` stands for
    "more than all that was spent", and the bounds are NaN if there are fewer than `FEWEST` studies. The curve is known
    up to the cost `until`: the most that a study has spent, or `math.inf` if the curve falls to 0.
    """

    steps: Array
    not_reached: Array
    low: Array
    high: Array
    median: float
    median_low: float
    median_high: float
    until: float

    def mean_until(self, end: float) -> Mean:
        """Mean cost of a study that stops at `end` whether it has reached the target or not: the area of the curve."""
        widths = np.diff(np.minimum(self.steps, end), prepend=0.0, append=end)
        area = widths @ np.concatenate([[1.0], self.not_reached])
        # Each step's share is a product of as many quotients, and the area is a sum over the steps.
        return Mean(float(area), float(rounding_of_mean(area, 3 * len(widths))))


def kaplan_meier(times: Array, reached: NDArray[np.bool_], *, first: float = 1.0, level: float = 0.95) -> Survival:
    """Probability that a study has not reached the target yet, with its log-log band and the median.

    The band is pointwise: log(-log S) plus and minus z Greenwood errors (Kalbfleisch and Prentice 2002, section 1.4),
    which stays between 0 and 1. Before the first step it is 1 to 1. Where the curve falls to 0 the error is undefined;
    there the band reaches from 0 to the exact binomial bound of the m studies still at risk, 1 - tail^(1/m), or to the
    bound before it if that is lower. The median is the first step at which the curve is at 1/2 or below; its interval
    is where the band holds 1/2 (Brookmeyer and Crowley 1982). Where no study reached the target, its lower end is
    "more than all" if the exact binomial bound excludes 1/2 (6 studies or more at 95%), and `first` otherwise.

    Args:
        times: cost at which the target was reached, or all that was spent, shape (studies,).
        reached: bool, shape (studies,); False marks a study censored at its time.
        first: the least cost at which a target can be reached: that of a study's first trial.
        level: nominal coverage.

    Returns:
        The curve at its steps, the distinct times at which a study reached the target, in order.
    """
    times, reached = np.asarray(times, float), np.asarray(reached, bool)
    if not len(times):
        raise ValueError("a Kaplan-Meier curve needs at least one study")
    tail = (1 - level) / 2
    steps, events = np.unique(times[reached], return_counts=True)
    # A study censored at a step was still at risk in it.
    at_risk = len(times) - np.searchsorted(np.sort(times), steps, side="left")
    # (1 - events / at risk would lose digits where few are left.)
    not_reached: Array = np.cumprod((at_risk - events) / at_risk, dtype=np.float64)
    low, high = _log_log_band(not_reached, events, at_risk, tail)
    median = _falls_to_half(steps, not_reached, math.inf)
    until = float(times.max()) if not len(steps) or not_reached[-1] > 0 else math.inf
    if len(times) < FEWEST:
        return Survival(steps, not_reached, low, high, median, math.nan, math.nan, until)
    none_low = first if not len(steps) and tail ** (1 / len(times)) <= 0.5 else math.inf
    median_low, median_high = _falls_to_half(steps, low, none_low), _falls_to_half(steps, high, math.inf)
    return Survival(steps, not_reached, low, high, median, median_low, median_high, until)


def _log_log_band(
    not_reached: Array, events: NDArray[np.int64], at_risk: NDArray[np.int64], tail: float
) -> tuple[Array, Array]:
    """Bounds at each step, shape (steps,). Only the last step can be at 0, since no study is at risk after it."""
    low, high = np.zeros_like(not_reached), np.ones_like(not_reached)
    inside = at_risk > events
    greenwood = np.cumsum(events[inside] / (at_risk[inside] * (at_risk[inside] - events[inside])))
    curve = not_reached[inside]
    error = NormalDist().inv_cdf(1 - tail) * np.sqrt(greenwood) / -np.log(curve)
    low[inside], high[inside] = curve ** np.exp(error), curve ** np.exp(-error)
    if len(inside) and not inside[-1]:
        before = high[-2] if len(inside) > 1 else 1.0
        high[-1] = min(before, 1 - tail ** (1 / at_risk[-1]))
    return low, high


def _falls_to_half(steps: Array, curve: Array, never: float) -> float:
    """First step at which a curve is at 1/2 or below."""
    fallen = curve <= 0.5 + ROUNDING
    return float(steps[fallen.argmax()]) if fallen.any() else never
