"""What it costs to reach a target if a study that misses is followed by another: expected running time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import outer_quantiles, resample_counts
from hpsearch.statistics.coverage import FEWEST
from hpsearch.statistics.time_to_target import Times

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """How many times as long A takes as B, with an interval: infinity if A never gets there, 0 if B never does.

    NaN stands for a ratio that nobody can tell: neither gets there, or too few studies for an interval.
    """

    estimate: float
    low: float
    high: float


def expected_running_time(found: Times) -> float:
    """Cost of all studies over the number of those that reached the target; infinity if none did.

    It is the expected cost of repeating studies until one reaches it (Auger and Hansen 2005; Hansen et al. 2016, COCO),
    so that a method that often misses pays for its misses.
    """
    reached = int(found.reached.sum())
    return float(found.times.sum()) / reached if reached else math.inf


def running_time_ratio(a: Times, b: Times, *, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Ratio:
    """Expected running time of A over that of B. The bootstrap draws the studies of A and of B independently.

    A draw in which A has no study that reached the target counts as infinitely long, and one in which B has none as 0;
    draws in which neither has one say nothing and are left out.

    Args:
        a: when studies of one method reached the target.
        b: the same of the other method.
        level: nominal coverage of the interval.
        resamples: number of bootstrap samples.
        seed: seed of the draws; B's draws have the next one.
    """
    estimate = _over(np.array([expected_running_time(a)]), np.array([expected_running_time(b)]))[0]
    if min(len(a.times), len(b.times)) < FEWEST or math.isnan(estimate):
        return Ratio(float(estimate), math.nan, math.nan)
    ratios = _over(_resampled(a, resamples, seed), _resampled(b, resamples, seed + 1))
    low, high = outer_quantiles(ratios[~np.isnan(ratios)], min(len(a.times), len(b.times)), level)
    return Ratio(float(estimate), float(low), float(high))


def attained(found: list[Times], costs: Array) -> Array:
    """Share of all pairs of a study and a target that are reached by each cost: one curve over many targets.

    Args:
        found: for each target, when the studies of a method reached it.
        costs: shape (costs,).

    Returns:
        Shape (costs,), from 0 to 1, non-decreasing where `costs` is (Hansen et al. 2016).
    """
    reached = np.concatenate([times.times[times.reached] for times in found])
    pairs = sum(len(times.times) for times in found)
    return np.asarray(np.searchsorted(np.sort(reached), costs, side="right") / pairs)


def _resampled(found: Times, resamples: int, seed: int) -> Array:
    counts = resample_counts(len(found.times), resamples, seed)
    with np.errstate(divide="ignore"):
        return np.asarray((counts @ found.times) / (counts @ found.reached.astype(float)))


def _over(a: Array, b: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(a / b)
