"""How often does `run --until-decided` tell equal methods apart? Simulated final values, beside looking without a rule.

    python benchmarks/sequential.py [simulations]     prints a Markdown table; 2,000 each, six minutes on one core

A simulation draws what each study of two methods ends with, and looks at 5, 10, ... up to `most` studies each, as a run
does: the same test, the same boundaries. "rule" is the share that is told apart; "no rule" is the share in which some
look has p < 0.05, as for somebody who adds five repeats until it is significant; "last" is the share of the last look
alone, p < 0.05, which shows what the test itself adds. Each has its 95% interval (Wilson). Seeds are fixed.
The last lines have methods that differ, with the studies that were needed on average: what the rule is for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from hpsearch.statistics.sequential import levels
from hpsearch.statistics.superiority import p_of_superiority

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]
EVERY, MOST = 5, 40
SIMULATIONS = 2000


def normal(generator: np.random.Generator, n: int) -> Array:
    """Final values (n,) without any skew."""
    return generator.normal(size=n)


def best_of_25(generator: np.random.Generator, n: int) -> Array:
    """The best of 25 trials that a beta distribution gives: skewed to below, as accuracies near their ceiling."""
    return generator.beta(5, 2, size=(n, 25)).max(axis=1)


def exponential(generator: np.random.Generator, n: int) -> Array:
    """A long tail to one side."""
    return generator.exponential(size=n)


def heavy(generator: np.random.Generator, n: int) -> Array:
    """Student's t with 2 degrees of freedom, whose variance is infinite."""
    return generator.standard_t(2, size=n)


def coarse(generator: np.random.Generator, n: int) -> Array:
    """Accuracies on a test set of 100 examples: many ties."""
    return np.asarray(generator.binomial(100, 0.95, size=n) / 100.0)


def failing(generator: np.random.Generator, n: int) -> Array:
    """A tenth of the studies ends at chance."""
    return np.where(generator.random(n) < 0.1, 0.1, generator.normal(0.9, 0.01, n))


def wide(generator: np.random.Generator, n: int) -> Array:
    """As good as `normal` on average and in the median, with three times its spread."""
    return 3 * generator.normal(size=n)


def better(generator: np.random.Generator, n: int) -> Array:
    """Better than `normal` by one of its standard deviations: ends better with probability 0.76."""
    return normal(generator, n) + 1.0


def little_better(generator: np.random.Generator, n: int) -> Array:
    """Better than `normal` by half of its standard deviation: ends better with probability 0.64."""
    return normal(generator, n) + 0.5


PAIRS: list[tuple[Draw, Draw]] = [
    *((draw, draw) for draw in (normal, best_of_25, exponential, heavy, coarse, failing)),
    (normal, wide),
    (better, normal),
    (little_better, normal),
]


def simulated(first: Draw, second: Draw, seed: int, looks: NDArray[np.int64]) -> Array:
    """The p value at each look, shape (looks,); 1 where all values are equal."""
    generator = np.random.default_rng(seed)
    a, b = first(generator, int(looks[-1])), second(generator, int(looks[-1]))
    return np.array([1.0 if (p := p_of_superiority(a[:n], b[:n])) is None else p for n in looks])


def share(told: NDArray[np.bool_]) -> str:
    """A share in percent with its 95% interval."""
    found = binomtest(int(told.sum()), len(told))
    low, high = found.proportion_ci(method="wilson")
    return f"{100 * told.mean():.1f}% ({100 * low:.1f} to {100 * high:.1f})"


def main(simulations: int = SIMULATIONS) -> None:
    """Print the table."""
    looks = np.arange(EVERY, MOST + 1, EVERY)
    reached = levels(list(looks / MOST))
    print("| final values of the two methods | rule | no rule | last | studies per method, by the rule |")
    print("| --- | --- | --- | --- | --- |")
    for number, (first, second) in enumerate(PAIRS):
        p = np.array([simulated(first, second, simulations * number + i, looks) for i in range(simulations)])
        stops = p <= reached
        stops[:, -1] = True
        used = looks[stops.argmax(axis=1)]
        names = first.__name__ if first is second else f"{first.__name__}, {second.__name__}"
        cells = [names, share((p <= reached).any(axis=1)), share((p < 0.05).any(axis=1)), share(p[:, -1] < 0.05)]
        print(f"| {' | '.join(cells)} | {used.mean():.1f} of {MOST} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
