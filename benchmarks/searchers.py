"""Search quality: regret after 25 trials of each searcher on each function, paired by seed.

    python benchmarks/searchers.py run RESULTS.csv [--searchers ax,botorch] [--repeats 50] [--workers 2]
    python benchmarks/searchers.py table RESULTS.csv

`run` is resumable: a line of RESULTS.csv is one finished study, and what is there is not run again (Ax alone takes
hours). Studies are searched in packs of PACK, which changes no proposal; the seconds are a proposal's share of its
pack's. "optuna-NAME" is the searcher optuna with that sampler, "NAME-parallel-4" proposes in rounds of 4, and "ax-1"
are studies by the first version of our searcher ax, which gave it values instead of positions and cannot be run any
more. `table` compares every searcher with AGAINST: the mean over repeats of the difference in regret, its 95%
bootstrap interval, and the p-value of a paired permutation test, Holm-adjusted over the functions.

Functions are maximised, scaled to a standard deviation of 1 over their space, and observed with normal noise of
standard deviation 0.25: on FSDD seeds differ by 0.0088 where latent configurations differ by 0.0336. The regret is
the function's maximum minus its true value at the configuration that the study chooses, its best observed one.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Choice, Configuration, Float, Space, Value
from hpsearch.searchers.optuna import Optuna
from hpsearch.study.kinds import SEARCHER
from hpsearch.study.registry import Registry
from hpsearch.system.cores import available_cores
from hpsearch.system.rounding import ask_for_even_rounding
from hpsearch.system.threads import pin_threads

TRIALS, INITIAL, NOISE = 25, 5, 0.25
PARALLEL = "-parallel-"
"""Between a searcher's name and the size of its rounds, in which no trial knows the results of the others."""
OPTUNA = "optuna-"
SEARCHERS = (
    "random", "sobol", "botorch", "botorch-parallel-4", "optuna-TPESampler", "optuna-GPSampler", "optuna-CmaEsSampler",
    "ax",
)  # fmt: skip
OLD, AGAINST, PACK = "ax-1", "ax-1", 20
RECORDED = Path(__file__).with_name("recorded_trials.csv")
"""1,000 trainings of `figure8-fsdd`, proposed by Ax."""
COLUMNS = ("function", "searcher", "repeat", "regret", "seconds")


def cube(dimensions: int) -> tuple[Float, ...]:
    """Numbers in [0, 1]."""
    return tuple(Float(f"x{i}", 0.0, 1.0) for i in range(dimensions))


def numbers(configuration: Configuration) -> np.ndarray:
    """The values x0, x1, ... of a configuration."""
    return np.array([v for k, v in sorted(configuration.items()) if k.startswith("x")], float)


def branin(c: Configuration) -> float:
    """Two dimensions, smooth, three equal maxima (Dixon and Szegoe 1978)."""
    x, y = 15 * float(c["x0"]) - 5, 15 * float(c["x1"])
    hill = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return -(hill + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10)


def ackley(c: Configuration) -> float:
    """Rugged: a funnel with many small hills, its top off the middle (Ackley 1987)."""
    x = 6 * (numbers(c) - 0.37)
    return 20 * math.exp(-0.2 * math.sqrt((x**2).mean())) + math.exp(np.cos(2 * np.pi * x).mean()) - 20 - math.e


A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(c: Configuration) -> float:
    """Six dimensions, smooth, six maxima of which one is highest (Hartmann 1972)."""
    x = numbers(c)
    return float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(A * (x - P) ** 2).sum(axis=1)))


def mixed(c: Configuration) -> float:
    """Four numbers and two booleans: each boolean moves the maximum, and one of the four combinations is best."""
    x = numbers(c)
    centre = np.array([0.2, 0.6, 0.4, 0.7]) + 0.25 * bool(c["a"]) * np.array([1, -1, 0, 0])
    scale = np.array([1.0, 1.0, 3.0, 0.5]) if c["b"] else np.array([2.0, 0.5, 1.0, 1.0])
    return -float((scale * (x - centre) ** 2).sum()) + 0.15 * bool(c["a"]) - 0.1 * bool(c["b"])


@lru_cache
def table(method: str) -> tuple[Space, Callable[[Configuration], float]]:
    """Recorded trials of a Figure 8, smoothed by a forest of trees: rugged where the trainings were."""
    from sklearn.ensemble import ExtraTreesRegressor

    from hpsearch.contracts.space import Fixed
    from hpsearch.study.plan import read_plan
    from hpsearch.study.shipped import find_study

    space = read_plan(find_study("figure8-fsdd")).spaces[method]
    assert not any(isinstance(parameter, Fixed) for parameter in space)
    with RECORDED.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == method]

    def value(name: str, text: str) -> Value:
        return text == "True" if isinstance(space[name], Choice) else float(text)

    x = [space.encode({name: value(name, row[name]) for name in space.names}) for row in rows]
    trees = ExtraTreesRegressor(100, min_samples_leaf=3, random_state=0).fit(x, [float(r["objective"]) for r in rows])
    return space, lambda c: float(trees.predict([space.encode(c)])[0])


FUNCTIONS: dict[str, Callable[[], tuple[Space, Callable[[Configuration], float]]]] = {
    "branin-2": lambda: (Space(cube(2)), branin),
    "ackley-2": lambda: (Space(cube(2)), ackley),
    "filter-table-2": lambda: table("filter"),
    "hartmann-6": lambda: (Space(cube(6)), hartmann),
    "ackley-6": lambda: (Space(cube(6)), ackley),
    "mixed-4+2": lambda: (Space((*cube(4), Choice("a", (False, True)), Choice("b", (False, True)))), mixed),
    "latent-table-4+2": lambda: table("latent"),
}


@lru_cache
def scaled(name: str) -> tuple[Space, Callable[[Configuration], float], float]:
    """A function divided by its standard deviation over the space, and its maximum."""
    space, function = FUNCTIONS[name]()
    random = np.random.default_rng(0)
    configurations = [space.decode(random.random(len(space.searched)).tolist()) for _ in range(5000)]
    values = np.array([function(c) for c in configurations])
    best = space.encode(configurations[int(values.argmax())])
    highest = values.max()
    for width in (0.1, 0.03, 0.01, 0.003, 0.001):  # climb from the best, which is enough for a difference of regrets
        for _ in range(400):
            point = np.clip(best + width * random.standard_normal(len(best)), 0, 1).tolist()
            if (value := function(space.decode(point))) > highest:
                best, highest = tuple(point), value
    deviation = values.std()
    return space, lambda c: function(c) / deviation, highest / deviation


def studies(function: str, searcher: str, repeats: Sequence[int]) -> list[tuple[float, float]]:
    """Some studies of a function: the regret of each, and the seconds of a proposal after the initial ones."""
    space, value, highest = scaled(function)
    name, _, parallel = searcher.partition(PARALLEL)
    tuner, size = _searcher(name), int(parallel or 1)
    seeds = [derived_seed(2023, function, repeat) for repeat in repeats]
    noise = [NOISE * np.random.default_rng(derived_seed(seed, "noise")).standard_normal(TRIALS) for seed in seeds]
    configurations: list[list[Configuration]] = [[] for _ in seeds]
    observed: list[list[float]] = [[] for _ in seeds]
    seconds = 0.0
    for trial in range(TRIALS):
        known = trial // size * size
        histories = [
            History(tuple(tried[:known]), tuple(values[:known]), tuple(tried[known:]))
            for tried, values in zip(configurations, observed, strict=True)
        ]
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            proposed = tuner.propose(space, histories, seeds)
        seconds += (time.perf_counter() - started) * (trial >= INITIAL)
        for place, configuration in enumerate(proposed):
            configurations[place].append(configuration)
            observed[place].append(value(configuration) + float(noise[place][trial]))
    each = seconds / (TRIALS - INITIAL) / len(seeds)
    found = zip(configurations, observed, strict=True)
    return [(highest - value(tried[int(np.argmax(values))]), each) for tried, values in found]


def _searcher(name: str) -> Searcher:
    if name.startswith(OPTUNA):
        return Optuna(sampler=name.removeprefix(OPTUNA))
    return Registry().find(SEARCHER, name)


def run(path: Path, searchers: Sequence[str], repeats: int, workers: int) -> None:
    """Run what is missing, pack by pack so that what is there is nearly balanced; append each as it ends."""
    done = {(row["function"], row["searcher"], int(row["repeat"])) for row in _rows(path)}
    left: list[tuple[str, str, list[int]]] = []
    for first in range(1, repeats + 1, PACK):
        numbers = range(first, min(first + PACK, repeats + 1))
        for function, searcher in product(FUNCTIONS, searchers):
            if missing := [number for number in numbers if (function, searcher, number) not in done]:
                # Ax searches one study after the other: whoever stops it loses one.
                left += (
                    [(function, searcher, [n]) for n in missing]
                    if searcher == "ax"
                    else [(function, searcher, missing)]
                )
    started, finished = time.monotonic(), 0
    if not path.exists():
        path.write_text(",".join(COLUMNS) + "\n")
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool, path.open("a") as file:
        futures = {pool.submit(studies, *unit): unit for unit in left}
        for future in as_completed(futures):
            function, searcher, numbers_of = futures[future]
            for number, (regret, seconds) in zip(numbers_of, future.result(), strict=True):
                file.write(f"{function},{searcher},{number},{regret:.6f},{seconds:.4f}\n")
            file.flush()
            finished += 1
            rate = (time.monotonic() - started) / finished
            print(f"{finished} of {len(left)} packs, {rate * (len(left) - finished) / 60:.0f} min left", flush=True)


def _begin() -> None:
    """Set up a process as a driver is."""
    pin_threads()
    ask_for_even_rounding()


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["seconds"]]


def compare(path: Path) -> None:
    """Print the tables."""
    rows = _rows(path)
    regrets: dict[tuple[str, str], dict[int, float]] = {}
    seconds: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        key = row["function"], row["searcher"]
        regrets.setdefault(key, {})[int(row["repeat"])] = float(row["regret"])
        seconds.setdefault(key, []).append(float(row["seconds"]))
    random = np.random.default_rng(0)
    names = (*SEARCHERS, OLD)
    print("| function | " + " | ".join(names) + " |\n|" + " --- |" * (len(names) + 1))
    for function in FUNCTIONS:
        cells = []
        for searcher in names:
            values = np.array(list(regrets.get((function, searcher), {}).values()))
            cells.append(f"{values.mean():.3f} (n = {len(values)})" if len(values) else "-")
        print(f"| {function} | " + " | ".join(cells) + " |")
    print(
        f"\n| searcher - {AGAINST} | function | n | mean difference (95% interval) | p, Holm-adjusted |\n|"
        + " --- |" * 5
    )
    for searcher in SEARCHERS:
        lines, p_values = [], []
        for function in FUNCTIONS:
            ours, theirs = regrets.get((function, searcher), {}), regrets.get((function, AGAINST), {})
            shared = sorted(ours.keys() & theirs.keys())
            if len(shared) < 2:
                continue
            difference = np.array([ours[r] - theirs[r] for r in shared])
            draws = difference[random.integers(len(shared), size=(10_000, len(shared)))].mean(axis=1)
            signs = random.choice([-1.0, 1.0], size=(10_000, len(shared)))
            extreme = np.abs((signs * difference).mean(axis=1)) >= abs(difference.mean()) - 1e-12
            p_values.append((1 + extreme.sum()) / 10_001)
            low, high = np.quantile(draws, [0.025, 0.975])
            lines.append(f"| {function} | {len(shared)} | {difference.mean():+.3f} ({low:+.3f} to {high:+.3f}) |")
        for line, p in zip(lines, _holm(p_values), strict=True):
            print(f"| {searcher} {line} {p:.3f} |")
    print("\n| ms a proposal | " + " | ".join(SEARCHERS) + " |\n|" + " --- |" * (len(SEARCHERS) + 1))
    for function in FUNCTIONS:
        cells = [f"{1000 * np.median(seconds.get((function, s), [np.nan])):.3g}" for s in SEARCHERS]
        print(f"| {function} | " + " | ".join(cells) + " |")


def _holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjustment."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(np.argsort(p_values)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = highest
    return adjusted


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table"))
    parser.add_argument("results", type=Path)
    parser.add_argument("--searchers", default=",".join(SEARCHERS))
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--workers", type=int, default=available_cores())
    arguments = parser.parse_args()
    if arguments.what == "run":
        run(arguments.results, arguments.searchers.split(","), arguments.repeats, arguments.workers)
    compare(arguments.results)


if __name__ == "__main__":
    _begin()
    main()
