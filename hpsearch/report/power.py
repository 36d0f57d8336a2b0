"""How surely a comparison tells two methods apart, and how many more repeats would: by final values, and by a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.progress import Progress, silent
from hpsearch.report.search.curves import Curves, compute_curves
from hpsearch.report.search.findings import ALL_PAIRS, SHOWN
from hpsearch.statistics.log_rank import log_rank
from hpsearch.statistics.power import MOST_TIMES, Indices, Test, more_to_decide, power
from hpsearch.statistics.superiority import p_of_superiority
from hpsearch.statistics.time_to_target import Times, times_to_target
from hpsearch.store.tables import Tables

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Power:
    """How surely studies like those of two methods tell them apart.

    Attributes:
        a: one method.
        b: the other.
        what: what is compared.
        studies: of either method.
        p: of these studies, two-sided; None if they cannot be tested, or before the comparison's end.
        power: probability that p is below 5% in a new comparison with as many studies.
        more: further studies of each method with which p is below 5% with probability 80%; None if `most` are too few.
        most: how many further studies were looked at.
    """

    a: str
    b: str
    what: str
    studies: tuple[int, int]
    p: float | None
    power: float
    more: int | None
    most: int


def powers(tables: Tables, target: float | None = None, progress: Progress = silent) -> list[Power]:
    """Power of each pair of methods; with many methods of the one that ends best against each other one.

    Args:
        tables: a comparison's.
        target: the level to reach, in the objective's unit; that of 90% of all results if None, as on the page.
        progress: told about each test.

    Raises DatabaseError if a method has no study that has begun.
    """
    curves = compute_curves(tables)
    sign = 1.0 if curves.maximise else -1.0
    oriented = {label: sign * method.incumbents for label, method in curves.methods.items()}
    level = sign * target if target is not None else _usual_level(curves, sign)
    pairs = list(combinations(oriented, 2))
    if len(oriented) > ALL_PAIRS:
        best = max(oriented, key=lambda label: float(oriented[label][:, -1].mean()))
        pairs = [(best, other) for other in oriented if other != best]
    found = []
    for number, (a, b) in enumerate(pairs):
        progress("power", number, len(pairs))
        sizes = len(oriented[a]), len(oriented[b])
        # A study that has spent its budget has no trials after its last.
        spent = [np.isfinite(curves.methods[label].objectives).cumsum(axis=1).astype(float) for label in (a, b)]
        for what, test in _tests(oriented[a], oriented[b], (spent[0], spent[1]), level, sign):
            p = test(*map(np.arange, sizes)) if curves.is_finished else None
            found.append(
                Power(a, b, what, sizes, p, power(test, *sizes), more_to_decide(test, *sizes), MOST_TIMES * min(sizes))
            )
    progress("power", len(pairs), len(pairs))
    return found


def _usual_level(curves: Curves, sign: float) -> float:
    results = sign * np.concatenate([m.objectives[np.isfinite(m.objectives)] for m in curves.methods.values()])
    return float(np.quantile(results, SHOWN, method="inverted_cdf"))


def _tests(a: Array, b: Array, costs: tuple[Array, Array], level: float, sign: float) -> Sequence[tuple[str, Test]]:
    """What is tested, and how, from both methods' incumbents (studies, trials), larger is better, and their costs."""
    first, second = (times_to_target(x, spent, level) for x, spent in zip((a, b), costs, strict=True))

    def ends(of_a: Indices, of_b: Indices) -> float | None:
        return p_of_superiority(a[of_a, -1], b[of_b, -1])

    def reaches(of_a: Indices, of_b: Indices) -> float | None:
        return log_rank(_some(first, of_a), _some(second, of_b)).p

    return ("final value", ends), (f"trials to {sign * level:.4g}", reaches)


def _some(times: Times, which: Indices) -> Times:
    return Times(times.times[which], times.reached[which])
