"""How often does `run --until-decided` tell equal methods apart? Simulated final values, beside looking without a rule.

    python benchmarks/sequential.py [simulations]     prints a Markdown table; 4,000 each, eight minutes on one core

A simulation draws what each study of two methods ends with, and looks at 5, 10, ... up to `most` studies each, as a run
does: the same test, the same boundaries. "rule" is the share that is told apart; "its first p" is the same with Brunner
and Munzel's p value alone, in the place of the larger of two; "no rule" is the share in which some look has that
p < 0.05, as for somebody who adds five repeats until it is significant. Each has its 95% interval (Wilson). Seeds are
fixed. The last two lines have methods that differ, with the studies that were needed on average: what the rule is for.
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

from hpsearch.statistics.sequential import levels, p_of_look
from hpsearch.statistics.superiority import p_of_superiority

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]
EVERY, MOST = 5, 40
SIMULATIONS = 4000


def normal(generator: np.random.Generator, n: int) -> Array:
    """Final values (n,) without any skew."""
    return generator.normal(size=n)


def best_of_25(generator: np.random.Generator, n: int) -> Array:
    """The best of 25 trials that a beta distribution gives: skewed to below, as accuracies near their ceiling."""
    return generator.beta(5, 2, size=(n, 25)).max(axis=1)


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
    *((draw, draw) for draw in (normal, best_of_25, coarse, failing)),
    (normal, wide),
    (better, normal),
    (little_better, normal),
]


def simulated(first: Draw, second: Draw, seed: int, looks: NDArray[np.int64]) -> Array:
    """The p values at each look, (2, looks): the rule's, and Brunner and Munzel's alone; 1 where all values are equal."""
    generator = np.random.default_rng(seed)
    a, b = first(generator, int(looks[-1])), second(generator, int(looks[-1]))
    found = [[p_of_look(a[:n], b[:n]) for n in looks], [p_of_superiority(a[:n], b[:n]) for n in looks]]
    return np.array([[1.0 if p is None else p for p in of_test] for of_test in found])


def share(told: NDArray[np.bool_]) -> str:
    """A share in percent with its 95% interval."""
    found = binomtest(int(told.sum()), len(told))
    low, high = found.proportion_ci(method="wilson")
    return f"{100 * told.mean():.1f}% ({100 * low:.1f} to {100 * high:.1f})"


def main(simulations: int = SIMULATIONS) -> None:
    """Print the table."""
    looks = np.arange(EVERY, MOST + 1, EVERY)
    reached = levels(list(looks / MOST))
    print("| final values of the two methods | rule | its first p | no rule | studies per method, by the rule |")
    print("| --- | --- | --- | --- | --- |")
    for number, (first, second) in enumerate(PAIRS):
        all_p = [simulated(first, second, simulations * number + i, looks) for i in range(simulations)]
        p, alone = np.stack(all_p, axis=1)  # (simulations, looks) each
        stops = p <= reached
        stops[:, -1] = True
        used = looks[stops.argmax(axis=1)]
        names = first.__name__ if first is second else f"{first.__name__}, {second.__name__}"
        told = [(p <= reached), (alone <= reached), (alone < 0.05)]
        cells = [names, *(share(each.any(axis=1)) for each in told)]
        print(f"| {' | '.join(cells)} | {used.mean():.1f} of {MOST} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
