"""How often does `run --until-decided` tell equal methods apart? Simulated final values, beside looking without a rule.

    python benchmarks/sequential.py [simulations]     prints a Markdown table; 20,000 each, four minutes on one core

A simulation draws what each study of two methods ends with, and looks at 5, 10, ... up to `MOST` studies each, as a run
does: the same test, the same boundaries. "rule" is the share that is told apart. "one p value" is the same with Brunner
and Munzel's alone, in the place of the larger of two; it is of the first fifth of the simulations, as it is slow. "no
rule" is the share in which some look has p < 0.05 (Mann and Whitney's), as for somebody who adds five repeats until it
is significant. Each has its 95% interval (Wilson). Seeds are fixed. The last two lines have methods that differ, with
the studies that were needed on average: what the rule is for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu

from hpsearch.statistics.sequential import levels, p_of_look
from hpsearch.statistics.superiority import p_of_superiority

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]
EVERY, MOST = 5, 40
SIMULATIONS = 20_000


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


def reaching(a: Array, b: Array, level: float) -> NDArray[np.bool_]:
    """Which of the simulations, the rows of `a` and `b`, have a p value of their look at the level or below.

    It is asked for only where the part of it that is quick to compute, many at once, is so low.
    """
    found = mannwhitneyu(a, b, axis=1, method="asymptotic").pvalue <= level
    for row in np.flatnonzero(found):
        p = p_of_look(a[row], b[row])
        found[row] = p is not None and p <= level
    return np.asarray(found)


def one_reaching(a: Array, b: Array, level: float) -> NDArray[np.bool_]:
    """The same for Brunner and Munzel's p value alone."""
    found = [p_of_superiority(x, y) for x, y in zip(a, b, strict=True)]
    return np.array([p is not None and p <= level for p in found])


def share(told: NDArray[np.bool_]) -> str:
    """A share in percent with its 95% interval."""
    found = binomtest(int(told.sum()), len(told))
    low, high = found.proportion_ci(method="wilson")
    return f"{100 * told.mean():.1f}% ({100 * low:.1f} to {100 * high:.1f})"


def main(simulations: int = SIMULATIONS) -> None:
    """Print the table."""
    looks = np.arange(EVERY, MOST + 1, EVERY)
    print("| final values of the two methods | rule | one p value | no rule | studies per method, by the rule |")
    print("| --- | --- | --- | --- | --- |")
    for number, (first, second) in enumerate(PAIRS):
        generator = np.random.default_rng(number)
        a, b = (draw(generator, simulations * MOST).reshape(simulations, MOST) for draw in (first, second))
        rule, one, none = (np.zeros((simulations, len(looks)), bool) for _ in range(3))
        for look, (n, level) in enumerate(zip(looks, levels(list(looks / MOST)), strict=True)):
            few = slice(simulations // 5)
            rule[:, look] = reaching(a[:, :n], b[:, :n], level)
            one[few, look] = one_reaching(a[few, :n], b[few, :n], level)
            none[:, look] = mannwhitneyu(a[:, :n], b[:, :n], axis=1, method="asymptotic").pvalue < 0.05
        told = [rule.any(axis=1), one[few].any(axis=1), none.any(axis=1)]
        rule[:, -1] = True  # where it ends in any case
        names = first.__name__ if first is second else f"{first.__name__}, {second.__name__}"
        print(
            f"| {' | '.join([names, *map(share, told)])} | {looks[rule.argmax(axis=1)].mean():.1f} of {MOST} |",
            flush=True,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
