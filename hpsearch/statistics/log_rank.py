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
    from scipy.stats import CensoredData, logrank

    first, second = (CensoredData(uncensored=t.times[t.reached], right=t.times[~t.reached]) for t in (a, b))
    # The variance is 0 if all events come at once, or if only one method's studies are at risk.
    with np.errstate(divide="ignore", invalid="ignore"):
        p = float(logrank(first, second).pvalue)
    if not np.isfinite(p):
        return LogRank(None, "cannot be tested: the order in which the studies reached the target tells nothing")
    return LogRank(p)
