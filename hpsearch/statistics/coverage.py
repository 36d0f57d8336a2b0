"""How often each 95% interval holds the truth, as benchmarks/intervals.py simulated it; a test compares the two."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

FEWEST = 5
"""Fewest studies for which an interval of a count of trials is given: it was simulated for no fewer."""

# Statistic -> number of studies -> lowest and highest percentage over the simulated distributions. The selection gap is
# a mean, and trials to a level are extra trials. Far above 95% are intervals of counts, and of chances near 0 or 1.
COVERAGE: Mapping[str, Mapping[int, tuple[int, int]]] = MappingProxyType(
    {
        "mean": {5: (89, 97), 10: (91, 97), 20: (93, 96), 40: (94, 96)},
        "difference of means": {5: (95, 97), 10: (92, 96), 20: (93, 96), 40: (93, 96)},
        "interquartile mean": {5: (90, 94), 10: (96, 97), 20: (96, 96), 40: (95, 96)},
        "median": {10: (98, 100), 20: (96, 100), 40: (96, 100)},
        "median trials to a target": {5: (98, 100), 10: (95, 99), 20: (98, 100), 40: (94, 100)},
        "probability of superiority": {5: (97, 99), 10: (97, 98), 20: (95, 97), 40: (94, 97)},
        "mean rank": {5: (94, 98), 10: (94, 98), 20: (94, 99), 40: (94, 99)},
        "share of the seed": {5: (98, 99), 10: (95, 98), 20: (92, 97), 40: (92, 96)},
        "importance": {5: (96, 100), 20: (94, 100)},
        "extra trials": {5: (87, 100), 10: (90, 100), 20: (91, 100), 40: (90, 100)},
    }
)
SIMULATED_ON: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            ("mean", "difference of means", "interquartile mean", "median"),
            "normal, skewed, heavy-tailed, bounded and tied values",
        ),
        "median trials to a target": "geometric and exponential times",
        "probability of superiority": "normal, exponential and tied values",
        "mean rank": "normal values of 4 and 8 methods",
        "share of the seed": "normal and exponential configurations with normal seeds",
        "importance": "uniform trials of an additive function",
        "extra trials": "random search of Beta distributed objectives",
    }
)
"""Statistic -> the families of distributions that were simulated; nobody's training is among them."""
RARE_FAILURE: Mapping[int, int] = MappingProxyType({5: 23, 10: 40, 20: 65, 40: 87})
"""Coverage of the mean by number of studies, where one study in twenty fails badly: a sample may have none of these."""

_FEWEST = {"median": 6, "median trials to a target": FEWEST, "extra trials": FEWEST}


def coverage(statistic: str, studies: int) -> str:
    """A phrase to print beside an interval: the coverage simulated at the nearest number of studies, and on what."""
    fewest = _FEWEST.get(statistic, 2)
    if studies < fewest:
        return f"no interval of fewer than {fewest} studies"
    of_statistic = COVERAGE[statistic]
    nearest = min(of_statistic, key=lambda n: abs(math.log(n / studies)))
    low, high = of_statistic[nearest]
    found = f"{low} to {high}%" if low < high else f"{low}%"
    rare = f"; {RARE_FAILURE[nearest]}% where 1 study in 20 fails badly" if statistic == "mean" else ""
    return f"nominal 95%, simulated {found} at n = {nearest} on {SIMULATED_ON[statistic]}{rare}"
