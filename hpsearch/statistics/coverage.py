"""How often each 95% interval holds the truth, as simulated by benchmarks/intervals.py; a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# Statistic -> a phrase to print beside its interval. The selection gap is a mean; trials to a level are extra trials.
COVERAGE: Mapping[str, str] = MappingProxyType(
    {
        "mean": (
            "95% nominal; 95 to 96% measured at n = 20, 93% with heavy right skew, 65% where 1 study in 20 fails "
            "badly (benchmarks/intervals.py)"
        ),
        "median": "at least 95% nominal; 96% measured at n = 20, 100% with many ties (benchmarks/intervals.py)",
        "interquartile mean": "95% nominal; 96% measured at n = 20 (benchmarks/intervals.py)",
        "median trials to a target": "95% nominal; 98 to 100% measured at n = 20 (benchmarks/intervals.py)",
        "probability of superiority": "95% nominal; 95 to 97% measured at n = 20 (benchmarks/intervals.py)",
        "mean rank": (
            "95% nominal; 94 to 96% measured at n = 20, 99% for a method that nearly always wins "
            "(benchmarks/intervals.py)"
        ),
        "extra trials": (
            "95% nominal; 94 to 97% measured at n = 20, 99 to 100% near the last trial (benchmarks/intervals.py)"
        ),
        "share of the seed": (
            "95% nominal; 97% measured at n = 20 configurations, 92% where they are skewed (benchmarks/intervals.py)"
        ),
        "importance": (
            "95% nominal; 94 to 95% measured at n = 20, 100% of those without effect (benchmarks/intervals.py)"
        ),
    }
)
