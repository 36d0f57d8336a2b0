"""How often does the interval of a difference hold the truth of other studies and other examples? Simulated.

    python benchmarks/examples.py benchmarks/examples.csv 400    comparisons of each case

A comparison is two methods of 20 studies each, on one set of examples that both share. Whether a network is right about
an example is drawn with a probability whose logit is the sum of the method's level, the study's luck, how hard the
example is, and how hard it is for this method alone. The truth is the mean difference over all studies and examples.
Intervals: "studies" is hpsearch/statistics/difference.py, which knows of no other examples; "examples too" is
hpsearch/statistics/examples.py; "pigeonhole" is the bootstrap that draws studies and examples together (Owen 2007).
"""

from __future__ import annotations

import csv
import os
import sys
from dataclasses import astuple, dataclass, fields
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from hpsearch.statistics.bootstrap import resample_counts
from hpsearch.statistics.difference import difference_of_means
from hpsearch.statistics.examples import difference_with_examples

Array = NDArray[np.float64]
STUDIES, RESAMPLES = 20, 2_000
LEVELS = (2.9, 2.7)
"""Logits of the methods: about 90% of examples are right."""
HARD = 1.5
"""Deviation of how hard an example is for both methods, in logits."""
CASES = {
    # name: (examples, tries of each, deviation of a study's luck, deviation of what is hard for one method alone)
    "300 examples": (300, 1, 0.1, 0.5),
    "300 examples, 4 tries": (300, 4, 0.1, 0.5),
    "3,000 examples": (3_000, 1, 0.1, 0.5),
    "300 examples, hard for both alike": (300, 1, 0.1, 0.0),
    "300 examples, studies differ much": (300, 1, 0.5, 0.5),
}


@dataclass(frozen=True)
class Row:
    """Of all comparisons of a case: the share of intervals that hold the truth, and how wide they are on average."""

    case: str
    interval: str
    comparisons: int
    coverage: float
    width: float


def drawn(case: str, random: np.random.Generator) -> list[Array]:
    """Shares of each method, (studies, examples), on the same examples."""
    examples, tries, luck, own = CASES[case]
    hard = HARD * random.standard_normal(examples)
    found = []
    for level in LEVELS:
        logits = level + hard + own * random.standard_normal(examples)
        logits = logits + luck * random.standard_normal((STUDIES, 1))
        found.append(random.binomial(tries, expit(logits)) / tries)
    return found


def truth(case: str) -> float:
    """The mean difference over all studies and examples: logits are normal, so that quadrature has it."""
    _, _, luck, own = CASES[case]
    points, weights = np.polynomial.hermite_e.hermegauss(101)
    means = [
        float((weights * expit(level + np.sqrt(HARD**2 + luck**2 + own**2) * points)).sum() / weights.sum())
        for level in LEVELS
    ]
    return means[0] - means[1]


def pigeonhole(a: Array, b: Array, seed: int) -> tuple[float, float]:
    """Percentile interval over draws of A's studies, of B's, and of the examples."""
    examples = resample_counts(a.shape[1], RESAMPLES, seed) / a.shape[1]
    means = [
        ((resample_counts(len(of), RESAMPLES, seed + 1 + i) / len(of) @ of) * examples).sum(axis=1)
        for i, of in enumerate((a, b))
    ]
    low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
    return float(low), float(high)


def simulated(case: str, comparisons: int) -> list[Row]:
    """One row for each kind of interval."""
    true, spans = truth(case), []
    for number in range(comparisons):
        a, b = drawn(case, np.random.default_rng([number, len(case)]))
        over_studies, both = difference_of_means(a.mean(axis=1), b.mean(axis=1)), difference_with_examples(a, b)
        spans.append(
            [*((float(of.low), float(of.high)) for of in (over_studies, both)), pigeonhole(a, b, 10 * (number % 2))]
        )
    low, high = np.moveaxis(np.array(spans), -1, 0)
    holds, width = ((low <= true) & (true <= high)).mean(axis=0), (high - low).mean(axis=0)
    kinds = ("studies", "examples too", "pigeonhole")
    return [Row(case, k, comparisons, float(h), float(w)) for k, h, w in zip(kinds, holds, width, strict=True)]


if __name__ == "__main__":
    rows = [row for case in CASES for row in simulated(case, int(sys.argv[2]))]
    with Path(sys.argv[1]).open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows([*astuple(row)[:3], f"{row.coverage:.4g}", f"{row.width:.4g}"] for row in rows)
    for row in rows:
        print(f"| {row.case} | {row.interval} | {row.coverage:.1%} | {100 * row.width:.2f} points |")
