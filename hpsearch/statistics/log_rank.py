"""Do two methods reach a target equally fast? Log-rank test of the studies' times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpsearch.statistics.time_to_target import Times


@dataclass(frozen=True)
class LogRank:
    """Two-sided p value; if there is none, it is None and `reason` says why."""

    p: float | None
    reason: str = ""


def log_rank(a: Times, b: Times) -> LogRank:
    """Two-sided log-rank test (Mantel 1966; Peto and Peto 1972) with its chi-squared approximation.

    Args:
        a: times of one method's studies, shape (studies,).
        b: times of the other method's studies, shape (other studies,).
    """
    if not len(a.times) or not len(b.times):
        return LogRank(None, "cannot be tested: a method has no studies")
    if not a.reached.any() and not b.reached.any():
        return LogRank(None, "cannot be tested: no study of either method reached the target")
    from scipy.special import ndtr

    every, reached = np.concatenate([a.times, b.times]), np.concatenate([a.reached, b.reached])
    moments, events = np.unique(every[reached], return_counts=True)  # when studies reached it, and how many did
    # A study is at risk as long as it has neither reached the target nor ended.
    at_risk, of_a = (len(times) - np.searchsorted(np.sort(times), moments, side="left") for times in (every, a.times))
    expected = float((of_a * (events / at_risk)).sum())
    several = at_risk > 1
    spread = (of_a * (at_risk - of_a) * events * (at_risk - events))[several] / (at_risk**2 * (at_risk - 1))[several]
    # The variance is 0 if all events come at once, or if only one method's studies are at risk.
    if (variance := float(spread.sum())) == 0:
        return LogRank(None, "cannot be tested: the order in which the studies reached the target tells nothing")
    p = float(2 * ndtr(-abs((int(a.reached.sum()) - expected) / np.sqrt(variance))))
    return LogRank(p)
