"""What is an incumbent's value worth? Bias, coverage and false verdicts of recorded and modelled values, simulated.

    python benchmarks/incumbents.py run benchmarks/incumbents.csv 40           goes on with what the file holds
    python benchmarks/incumbents.py run benchmarks/incumbents.csv 200 flat-2   more comparisons of one function
    python benchmarks/incumbents.py table benchmarks/incumbents.csv            print as a Markdown table

A comparison is two methods, 20 studies of 25 trials each, on functions whose true values are known, observed with
normal noise (the training's seed). Studies search at random, or "greedily": five random trials, then near the best so
far with probability 0.7, as a Bayesian searcher would once it knows something; the noise draws it to lucky places, too.
Kinds of values: "recorded" are the best observed so far, "model" those of hpsearch/statistics/left_out.py, "fresh" are
means of five new observations of each incumbent, and "true" are what all of them try to tell.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import bootstrap_mean
from hpsearch.statistics.extra_trials import extra_trials
from hpsearch.statistics.incumbents import incumbent_trials
from hpsearch.statistics.left_out import left_out

Array = NDArray[np.float64]
STUDIES, TRIALS, INITIAL = 20, 25, 5
RESAMPLES = 1_000
SEEDS = 5
NOISE = (0.006, 0.011)
"""Deviations between seeds: those of latent and filter in reports/figure8-fsdd-confirm."""
KINDS = ("recorded", "model", "fresh", "true")


@dataclass(frozen=True)
class Function:
    """A function of points (n, columns) in the unit cube, with values as accuracies have them."""

    columns: int
    of: Callable[[Array], Array]


def _flat(x: Array) -> Array:
    return np.full(len(x), 0.9)


def _bowl(x: Array) -> Array:
    """Its columns matter less and less; the best value, 0.92, lies aside from the middle."""
    weights = 0.5 ** np.arange(x.shape[1])
    return np.asarray(0.92 - 0.15 * ((x - 0.3) ** 2) @ weights / weights.sum())


def _wavy(x: Array) -> Array:
    """Several hills of unequal height, narrower than the space by far."""
    return np.asarray(_bowl(x) + 0.01 * np.sin(9 * x[:, 0]) * np.cos(7 * x[:, 1]))


def _cliff(x: Array) -> Array:
    """A fifth of the space fails, and the best places lie near its edge."""
    return np.where(x[:, 0] > 0.8, 0.3, 0.92 - 0.06 * (0.8 - x[:, 0]) - 0.03 * (x[:, 1] - 0.5) ** 2)


FUNCTIONS = {
    "flat-2": Function(2, _flat),
    "bowl-6": Function(6, _bowl),
    "wavy-6": Function(6, _wavy),
    "cliff-2": Function(2, _cliff),
}
SEARCHES = ("random", "greedy")
WORSE = {"equal": 0.0, "B worse by 0.005": 0.005}


@dataclass(frozen=True)
class Row:
    """What one comparison said about one kind of values; A is the method with more noise.

    `extra` is how many trials A needs to reach what B ends with, less those that B itself took, with its interval.
    """

    function: str
    search: str
    methods: str
    comparison: int
    kind: str
    a: float
    a_low: float
    a_high: float
    b: float
    b_low: float
    b_high: float
    true_a: float
    true_b: float
    extra: float
    extra_low: float
    extra_high: float


def searched(
    function: Function, worse: float, noise: float, search: str, random: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Points (studies, trials, columns), observations and true values (studies, trials)."""
    points = random.random((STUDIES, TRIALS, function.columns))
    observed, true = np.empty((STUDIES, TRIALS)), np.empty((STUDIES, TRIALS))
    for t in range(TRIALS):
        if search == "greedy" and t >= INITIAL:
            best = points[np.arange(STUDIES), observed[:, :t].argmax(axis=1)]
            near = np.clip(best + 0.1 * random.standard_normal(best.shape), 0.0, 1.0)
            points[:, t] = np.where(random.random((STUDIES, 1)) < 0.7, near, points[:, t])
        true[:, t] = function.of(points[:, t]) - worse
        observed[:, t] = true[:, t] + noise * random.standard_normal(STUDIES)
    return points, observed, true


def values(
    points: Array, observed: Array, true: Array, noise: float, random: np.random.Generator
) -> tuple[dict[str, tuple[Array, Array | None]], Array]:
    """Kind -> values of the incumbents (studies, trials) and the error they share, (trials, trials); the true ones."""
    chosen = incumbent_trials(observed)
    model = left_out(points.reshape(-1, points.shape[-1]), observed.ravel(), np.arange(STUDIES).repeat(TRIALS))
    take = lambda of: np.take_along_axis(of, chosen, axis=1)  # noqa: E731
    fresh = true + noise / np.sqrt(SEEDS) * random.standard_normal(true.shape)
    return {
        "recorded": (take(observed), None),
        "model": (take(model.means.reshape(observed.shape)), model.error(mean_weights(chosen))),
        "fresh": (take(fresh), None),
        "true": (take(true), None),
    }, take(true)


def mean_weights(chosen: NDArray[np.int64]) -> Array:
    """Weight of each trial in the mean over studies of the incumbents' values, (trials, studies trials)."""
    studies, trials = chosen.shape
    weights = np.zeros((trials, studies, trials))
    at = np.arange(trials)
    for study in range(studies):
        weights[at, study, chosen[study]] = 1 / studies
    return weights.reshape(trials, -1)


def mean_of(of: Array, error: Array | None) -> tuple[float, float, float]:
    """Mean over studies at the last trial and its interval, with the error that all studies share."""
    found = bootstrap_mean(of[:, -1], resamples=RESAMPLES)
    mean, low, high = float(found.estimate), float(found.low), float(found.high)
    if error is not None:
        shared = (1.96**2) * float(error[-1, -1])
        low, high = mean - np.sqrt((mean - low) ** 2 + shared), mean + np.sqrt((high - mean) ** 2 + shared)
    return mean, low, high


def compared(name: str, search: str, methods: str, comparison: int) -> list[Row]:
    """One comparison of two methods."""
    function = FUNCTIONS[name]
    random = np.random.default_rng([comparison, *name.encode(), *search.encode(), *methods.encode()])
    found = []
    for noise, worse in zip(NOISE[::-1], (0.0, WORSE[methods]), strict=True):
        points, observed, true = searched(function, worse, noise, search, random)
        found.append(values(points, observed, true, noise, random))
    (a, true_a), (b, true_b) = found
    rows = []
    for kind in KINDS:
        (of_a, error_a), (of_b, error_b) = a[kind], b[kind]
        more = extra_trials(of_b, of_a, errors=(error_b, error_a), resamples=RESAMPLES)
        ends = (
            *mean_of(of_a, error_a),
            *mean_of(of_b, error_b),
            float(true_a[:, -1].mean()),
            float(true_b[:, -1].mean()),
        )
        at_end = (float(part[-1]) for part in (more.estimate, more.low, more.high))
        rows.append(Row(name, search, methods, comparison, kind, *ends, *at_end))
    return rows


def run(path: Path, comparisons: int, functions: list[str]) -> None:
    """Simulate what the file lacks of so many comparisons of these functions, or of all."""
    names = [field.name for field in fields(Row)]
    known = set()
    if path.exists():
        with path.open(newline="") as file:
            known = {(r["function"], r["search"], r["methods"], int(r["comparison"])) for r in csv.DictReader(file)}
    else:
        path.write_text(",".join(names) + "\n")
    wanted = [
        (name, search, methods, i)
        for i in range(comparisons) for name in functions or FUNCTIONS for search in SEARCHES for methods in WORSE
    ]  # fmt: skip
    begun = time.monotonic()
    for at, key in enumerate(wanted):
        if key not in known:
            with path.open("a", newline="") as file:
                csv.writer(file).writerows(
                    [f"{v:.6g}" if isinstance(v, float) else v for v in astuple(row)] for row in compared(*key)
                )
        if at % 24 == 23:
            print(f"{at + 1} of {len(wanted)}, {time.monotonic() - begun:.0f} s", flush=True)


def table(path: Path) -> None:
    """Print bias and coverage of final means, and how often one method is said to be sooner."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    print("| function, search, methods | value | bias of A | bias of B | held, % | A sooner, % | B sooner, % | n |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    groups: dict[tuple[str, str, str, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["function"], row["search"], row["methods"], row["kind"]), []).append(row)
    for (function, search, methods, kind), of in groups.items():
        column = lambda name, of=of: np.array([float(row[name]) for row in of])  # noqa: E731
        # What an interval is to hold is the mean over all studies that there could be.
        aims = {side: column(f"true_{side}").mean() for side in "ab"}
        within = [
            (column(f"{side}_low") <= aim + 1e-12) & (aim - 1e-12 <= column(f"{side}_high"))
            for side, aim in aims.items()
        ]
        held = np.concatenate(within)
        biases = " | ".join(f"{(column(side) - column(f'true_{side}')).mean():+.4f}" for side in "ab")
        sooner, later = column("extra_high") < 0, column("extra_low") > 0
        said = " | ".join(f"{100 * share.mean():.0f}" for share in (held, sooner, later))
        print(f"| {function}, {search}, {methods} | {kind} | {biases} | {said} | {len(of)} |")


if __name__ == "__main__":
    what, file, *words = sys.argv[1:]
    if what == "run":
        run(Path(file), int(words[0]), words[1:])
    else:
        table(Path(file))
