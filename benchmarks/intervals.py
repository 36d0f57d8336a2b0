"""How often do the 95% intervals of hpsearch/statistics cover the truth? Simulated, beside other methods.

    python benchmarks/intervals.py run benchmarks/intervals.csv             simulate, write, print
    python benchmarks/intervals.py run benchmarks/intervals.csv extra ranks  only these functions' rows anew
    python benchmarks/intervals.py table benchmarks/intervals.csv           print as a Markdown table

A row is a statistic, a distribution, a number of studies and a method of the interval; "hpsearch" is what the
reports use. `coverage` is the share of repetitions whose interval held the truth, with its own 95% interval
(Wilson); of "p of superiority" and "p of log-rank" it is the share of p >= 0.05 where neither method is better.
`mean_width` has costs and trials without limit counted as the last one. Seeds are fixed. One process, seven minutes of
an AMD EPYC.

Bootstraps take 1,000 resamples here (10,000 in reports), 200 for the importance as in reports. Repetitions of mean
and interquartile mean share their draws by 500, so their coverage is a little less certain than it says.
"""

from __future__ import annotations

import csv
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from hpsearch.statistics.bootstrap import LEAST_SPREAD, bootstrap_mean, resample_counts
from hpsearch.statistics.difference import difference_of_means
from hpsearch.statistics.extra_trials import extra_trials
from hpsearch.statistics.importance import importance
from hpsearch.statistics.kaplan_meier import kaplan_meier
from hpsearch.statistics.location import interquartile_mean, median
from hpsearch.statistics.log_rank import log_rank
from hpsearch.statistics.noise import variance_components
from hpsearch.statistics.ranks import mean_ranks
from hpsearch.statistics.superiority import (
    probability_interval,
    probability_of_superiority,
    score_interval,
    variance_of_mean,
    wins,
)
from hpsearch.statistics.time_to_target import Times

Array = NDArray[np.float64]
Bounds = tuple[Array, Array]
OURS = "hpsearch"
STUDIES = (5, 10, 20, 40)
RESAMPLES = 1000
REPETITIONS, CHEAP_REPETITIONS = 2000, 10_000
TRIALS = 25
Z = 1.959964


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    statistic: str
    distribution: str
    n: int
    method: str
    coverage: float
    low95: float
    high95: float
    mean_width: float
    repetitions: int


class Tally:
    """Counts how often intervals held the truth, by method."""

    def __init__(self) -> None:
        self.held: dict[str, list[NDArray[np.bool_]]] = {}
        self.widths: dict[str, list[Array]] = {}

    def add(self, method: str, truth: float, low: object, high: object, end: float = math.inf) -> None:
        """Count intervals (any shape); `end` stands for infinity in the widths. A NaN bound is no interval at all."""
        low, high = np.atleast_1d(np.asarray(low, float)), np.atleast_1d(np.asarray(high, float))
        rounding = 1e-12 * max(1.0, abs(truth)) if math.isfinite(truth) else 0.0
        self.held.setdefault(method, []).append((low - rounding <= truth) & (truth <= high + rounding))
        self.widths.setdefault(method, []).append(np.minimum(high, end) - np.minimum(low, end))

    def rows(self, statistic: str, distribution: str, n: int) -> Iterator[Row]:
        """One row per method; none if no interval exists."""
        for method, held in self.held.items():
            holds, width = np.concatenate(held), np.concatenate(self.widths[method])
            if np.isnan(width).all():
                continue
            share, repetitions = holds.mean(), len(holds)
            centre = (share + Z**2 / (2 * repetitions)) / (1 + Z**2 / repetitions)
            reach = Z * math.sqrt(share * (1 - share) / repetitions + Z**2 / (4 * repetitions**2))
            reach /= 1 + Z**2 / repetitions
            numbers = (round(float(x), 4) for x in (share, centre - reach, centre + reach, width.mean()))
            yield Row(statistic, distribution, n, method, *numbers, repetitions)


# Quantile functions of the studies' values, with their means.
DISTRIBUTIONS: dict[str, tuple[Callable[[Array], Array], float]] = {
    "normal": (special.ndtri, 0.0),
    "exponential": (lambda u: -np.log1p(-u), 1.0),
    "lognormal, sigma 1": (lambda u: np.exp(special.ndtri(u)), math.exp(0.5)),
    "accuracy, 1 - 0.1 Beta(2, 5)": (lambda u: 1 - 0.1 * special.betaincinv(2, 5, 1 - u), 1 - 0.1 * 2 / 7),
    "Gumbel to the left": (lambda u: np.log(-np.log1p(-u)), -np.euler_gamma),
    "ties, Binomial(10, 0.8)": (lambda u: stats.binom.ppf(u, 10, 0.8), 8.0),
    "heavy tails, t with 3": (lambda u: special.stdtrit(3, u), 0.0),
    "1 in 20 fails": (
        lambda u: np.where(u < 0.05, 0.1, 0.9 + 0.01 * special.ndtri(np.clip((u - 0.05) / 0.95, 1e-12, 1 - 1e-12))),
        0.05 * 0.1 + 0.95 * 0.9,
    ),
}


def means(values: Array, seed: int) -> dict[str, Bounds]:
    """Intervals of the mean: ours and the ones not taken; values (studies, repetitions)."""
    n = len(values)
    ours = bootstrap_mean(values, resamples=RESAMPLES, seed=seed)
    centre = ours.estimate
    scale = np.maximum(values.std(axis=0), 1e-12)
    z = (values - centre) / scale
    counts = resample_counts(n, RESAMPLES, seed)
    errors = counts @ z / n
    unfloored = np.sqrt(np.maximum(counts @ z**2 / n - errors**2, 0.0))
    spread = np.maximum(unfloored, LEAST_SPREAD)
    percentile = np.quantile(errors, [0.025, 0.975], axis=0)
    studentised = np.quantile(errors / spread, [0.025, 0.975], axis=0)
    without_floor = np.quantile(errors / np.maximum(unfloored, 1e-3), [0.025, 0.975], axis=0)
    student = stats.t.ppf(0.975, n - 1) / math.sqrt(n - 1) * scale
    # BCa (Efron and Tibshirani 1993, eq. 14.9 to 14.15); of a mean the acceleration is skewness / (6 sqrt(n)).
    below = (errors < 0).mean(axis=0) + (errors == 0).mean(axis=0) / 2
    shift = special.ndtri(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    acceleration = (z**3).mean(axis=0) / (6 * math.sqrt(n))
    ordered = np.sort(errors, axis=0)
    bca = []
    for quantile in (-Z, Z):
        adjusted = special.ndtr(shift + (shift + quantile) / (1 - acceleration * (shift + quantile)))
        at = np.clip(np.round(adjusted * (RESAMPLES - 1)).astype(int), 0, RESAMPLES - 1)
        bca.append(centre + scale * np.take_along_axis(ordered, at[None], axis=0)[0])
    return {
        OURS: (ours.low, ours.high),
        "percentile bootstrap": (centre + scale * percentile[0], centre + scale * percentile[1]),
        "BCa bootstrap": (bca[0], bca[1]),
        "studentised bootstrap": (centre - scale * studentised[1], centre - scale * studentised[0]),
        "the same without floor": (centre - scale * without_floor[1], centre - scale * without_floor[0]),
        "Student's t": (centre - student, centre + student),
    }


def interquartile_means(values: Array, seed: int) -> dict[str, Bounds]:
    """Intervals of the interquartile mean; values (studies, repetitions)."""
    n, cut = len(values), len(values) // 4
    ours = interquartile_mean(values, resamples=RESAMPLES, seed=seed)
    # A level whose expanded tail is 2.5%: the plain percentile interval.
    level = 1 - 2 * float(special.stdtr(n - 1, -Z * math.sqrt((n - 1) / n)))
    plain = interquartile_mean(values, level=level, resamples=RESAMPLES, seed=seed)
    ordered = np.sort(values, axis=0)
    winsorised = np.clip(ordered, ordered[cut], ordered[n - 1 - cut])
    error = winsorised.std(axis=0, ddof=1) / ((1 - 2 * cut / n) * math.sqrt(n))
    reach = stats.t.ppf(0.975, n - 2 * cut - 1) * error
    return {
        OURS: (ours.low, ours.high),
        "percentile bootstrap": (plain.low, plain.high),
        "Tukey and McLaughlin": (ours.estimate - reach, ours.estimate + reach),
    }


def location(random: np.random.Generator) -> Iterator[Row]:
    """Mean, median and interquartile mean."""
    grid = (np.arange(200_000) + 0.5) / 200_000
    for name, (quantile, mean) in DISTRIBUTIONS.items():
        middle = float(quantile(np.array([0.5]))[0])
        interquartile = float(quantile(0.25 + grid / 2).mean())
        for n in STUDIES:
            of_mean, of_median, of_middle = Tally(), Tally(), Tally()
            for part in range(CHEAP_REPETITIONS // 500):
                values = quantile(random.random((n, 500)))
                for method, (low, high) in means(values, part).items():
                    of_mean.add(method, mean, low, high)
                found = median(values)
                of_median.add(OURS, middle, found.low, found.high)
                for method, (low, high) in interquartile_means(values, part).items():
                    of_middle.add(method, interquartile, low, high)
            yield from of_mean.rows("mean", name, n)
            yield from of_median.rows("median", name, n)
            yield from of_middle.rows("interquartile mean", name, n)


def median_times(random: np.random.Generator) -> Iterator[Row]:
    """Kaplan-Meier median of the trials to a target, where each trial reaches it with the same chance."""
    for name, chance, noisy in (
        ("median 5 of 25 trials", 0.14, False),
        ("median 20 of 25 trials", 0.035, False),
        ("median 20 of 25, in seconds", 0.035, True),
        ("median beyond 25 trials", 0.02, False),
    ):
        trials = math.ceil(math.log(0.5) / math.log1p(-chance))
        rate = -math.log1p(-chance)
        truth = math.log(2) / rate if noisy else float(trials)
        truth = truth if truth <= TRIALS else math.inf
        for n in STUDIES:
            tally = Tally()
            for _ in range(REPETITIONS):
                times = random.exponential(1 / rate, n) if noisy else random.geometric(chance, n).astype(float)
                found = kaplan_meier(np.minimum(times, TRIALS), times <= TRIALS)
                tally.add(OURS, truth, found.median_low, found.median_high, TRIALS)
            yield from tally.rows("median trials to a target", name, n)


def superiority(random: np.random.Generator) -> Iterator[Row]:
    """Probability of superiority of two methods with equally many studies."""
    ten = np.arange(11)
    mass = stats.binom.pmf(ten, 10, 0.8)[:, None] * stats.binom.pmf(ten, 10, 0.7)
    cases: dict[str, tuple[Callable[[int], tuple[Array, Array]], float]] = {
        "normal, equal": (lambda n: (random.normal(size=n), random.normal(size=n)), 0.5),
        "normal, half a deviation apart": (
            lambda n: (random.normal(0.5, size=n), random.normal(size=n)),
            float(special.ndtr(0.5 / math.sqrt(2))),
        ),
        "normal, 2.5 deviations apart": (
            lambda n: (random.normal(2.5, size=n), random.normal(size=n)),
            float(special.ndtr(2.5 / math.sqrt(2))),
        ),
        "normal, one three times as wide": (
            lambda n: (random.normal(2.5, size=n), random.normal(size=n) * 3),
            float(special.ndtr(2.5 / math.sqrt(10))),
        ),
        "exponential, scales 3 and 1": (lambda n: (random.exponential(3, n), random.exponential(1, n)), 0.75),
        "ties, Binomial(10, 0.8 and 0.7)": (
            lambda n: (random.binomial(10, 0.8, n).astype(float), random.binomial(10, 0.7, n).astype(float)),
            float((mass * (np.sign(ten[:, None] - ten) + 1) / 2).sum()),
        ),
    }
    for name, (draw, truth) in cases.items():
        for n in STUDIES:
            tally = Tally()
            for _ in range(REPETITIONS):
                a, b = draw(n)
                won = wins(a, b)
                variance = variance_of_mean(won.mean(axis=1)) + variance_of_mean(won.mean(axis=0))
                estimate = float(won.mean())
                tally.add(OURS, truth, *probability_interval(estimate, variance, n, n))
                tally.add("Newcombe's method 5", truth, *score_interval(estimate, n, n, Z))
                inside = min(max(estimate, 0.5 / n**2), 1 - 0.5 / n**2)
                reach = Z * math.sqrt(variance) / (inside * (1 - inside))
                ends = special.expit(special.logit(inside) + np.array([-reach, reach]))
                tally.add("Brunner-Munzel, logit", truth, *ends)
            yield from tally.rows("probability of superiority", name, n)


def false_findings(random: np.random.Generator) -> Iterator[Row]:
    """P values of the same comparison: `coverage` is the share of p >= 0.05 where both methods are equally good."""
    for name, scale in (("normal, equal", 1.0), ("normal, one three times as wide", 3.0)):
        for n in STUDIES:
            tally = Tally()
            for _ in range(REPETITIONS):
                p = probability_of_superiority(random.normal(size=n), scale * random.normal(size=n)).p
                kept = float(p is None or p >= 0.05)
                tally.add(OURS, 1.0, kept, kept)
            yield from tally.rows("p of superiority", name, n)


def false_log_rank(random: np.random.Generator) -> Iterator[Row]:
    """P values of equal chances to reach a target, most of it or hardly ever within the trials, as `false_findings`."""
    for name, chance in (("median 5 of 25 trials", 0.14), ("median 20 of 25 trials", 0.035)):
        for n in STUDIES:
            tally = Tally()
            for _ in range(REPETITIONS):
                times = [random.geometric(chance, n).astype(float) for _ in range(2)]
                a, b = (Times(np.minimum(of, TRIALS), of <= TRIALS) for of in times)
                p = log_rank(a, b).p
                kept = float(p is None or p >= 0.05)
                tally.add(OURS, 1.0, kept, kept)
            yield from tally.rows("p of log-rank", name, n)


def ranks(random: np.random.Generator) -> Iterator[Row]:
    """Expected ranks of one of several methods with normal values."""
    for shifts, watched in (
        ((0.0, 0.5, 1.0, 1.5), {"best of 4, half a deviation apart": 3, "second of the same 4": 2}),
        ((0.0, 0.0, 0.0, 3.2), {"best of 4 by 3.2 deviations": 3, "one of the 3 others": 0}),
        ((0.0, 0.0, 0.3, 0.6, 0.9, 1.0, 1.2, 2.0), {"best of 8, 0 to 2 deviations": 7, "fourth of the same 8": 4}),
    ):
        apart = np.subtract.outer(np.array(shifts), np.array(shifts))
        truth = 0.5 + special.ndtr(-apart / math.sqrt(2)).sum(axis=1)
        for n in STUDIES:
            tallies = {name: Tally() for name in watched}
            counts = [resample_counts(n, 500, seed) / n for seed in range(len(shifts))]
            for _ in range(REPETITIONS):
                finals = [random.normal(shift, size=n) for shift in shifts]
                ours = mean_ranks(finals)
                for name, method in watched.items():
                    tallies[name].add(OURS, truth[method], ours.low[method], ours.high[method])
                    lost = sum(
                        ((counts[other] @ wins(finals[other], finals[method])) * counts[method]).sum(axis=1)
                        for other in range(len(shifts))
                        if other != method
                    )
                    ends = np.quantile(1 + lost, [0.025, 0.975])
                    tallies[name].add("percentile bootstrap", truth[method], *ends)
            for name, tally in tallies.items():
                yield from tally.rows("mean rank", name, n)


def extra(random: np.random.Generator) -> Iterator[Row]:
    """Extra trials of B after 5, 12 and 25 trials of A: random search on two spaces, and studies that differ.

    In the last case all studies come to the best that there is, a third of all configurations, and stay there.
    """

    def studies(n: int, shift: float, end: float) -> Array:
        best = np.maximum.accumulate(special.betaincinv(5, 2, random.random((n, TRIALS))), axis=1)
        apart = 0.03 * random.exponential(size=(n, 1)) if end == 1 else 0.0
        return np.asarray(np.minimum(best, end) - apart - shift)

    for name, shift, end in (
        ("B equal to A", 0.0, 1.0),
        ("B worse by 0.03", 0.03, 1.0),
        ("B better by 0.03", -0.03, 1.0),
        ("B equal to A, on a plateau", 0.0, 0.8),
    ):
        of_a = studies(100_000, 0.0, end).mean(axis=0)
        of_b = of_a - shift  # the same large sample: equal methods have equal curves to the last digit
        for n in STUDIES:
            tallies = {t: Tally() for t in (5, 12, TRIALS)}
            for repetition in range(REPETITIONS):
                a, b = studies(n, 0.0, end), studies(n, shift, end)
                found = extra_trials(a, b, resamples=RESAMPLES, seed=2 * repetition)
                for t, tally in tallies.items():
                    reached = of_b >= of_a[t - 1] - 1e-12
                    truth = float(reached.argmax() + 1 - t) if reached.any() else math.inf
                    tally.add(OURS, truth, found.low[t - 1], found.high[t - 1], TRIALS - t + 1)
            for t, tally in tallies.items():
                yield from tally.rows("extra trials", f"{name}, after {t}", n)


def seed_shares(random: np.random.Generator) -> Iterator[Row]:
    """Share of the seed in the variance; n configurations, trained 3 times each or 2 to 5 times."""
    for name, skewed, sizes in (
        ("normal, 3 each", False, (3,)),
        ("normal, 2 to 5 each", False, (2, 3, 4, 5)),
        ("exponential configurations, 3 each", True, (3,)),
    ):
        for n in STUDIES:
            tally = Tally()
            for _ in range(REPETITIONS):
                effects = random.exponential(size=n) if skewed else random.normal(size=n)
                groups = [effect + random.normal(size=sizes[i % len(sizes)]) for i, effect in enumerate(effects)]
                share = variance_components(groups).seed_share
                tally.add(OURS, 0.5, share.low, share.high)
            yield from tally.rows("share of the seed", name, n)


def importances(random: np.random.Generator) -> Iterator[Row]:
    """Shares of three hyperparameters, of which the last does nothing; 25 uniform trials per study.

    The truth is from 400,000 trials.
    """

    def studies(n: int, trials: int) -> tuple[Array, Array]:
        at = random.random((n, trials, 3))
        return at, 2 * at[..., 0] + (at[..., 1] > 0.6) + random.normal(size=(n, trials)) / 2

    names = ("first", "second", "none")
    truth = importance(*studies(40, 10_000), names, resamples=1).share
    for n in (5, 20):
        tallies = [Tally() for _ in names]
        for repetition in range(REPETITIONS):
            found = importance(*studies(n, TRIALS), names, seed=repetition)
            for tally, share, low, high in zip(tallies, (*truth[:2], 0.0), found.low, found.high, strict=True):
                tally.add(OURS, float(share), low, high)
        for name, tally in zip(names, tallies, strict=True):
            yield from tally.rows("importance", f"{name} of three", n)


def differences(random: np.random.Generator) -> Iterator[Row]:
    """Difference of two methods' means, with equally many studies and with four times as many of the first."""
    for name, first, second, scale, times in (
        ("normal, one three times as wide", "normal", "normal", 3.0, 1),
        ("normal, one three times as wide, a quarter as many", "normal", "normal", 3.0, 4),
        ("exponential and normal", "exponential", "normal", 1.0, 1),
        ("lognormal and exponential", "lognormal, sigma 1", "exponential", 1.0, 1),
        ("two accuracies", "accuracy, 1 - 0.1 Beta(2, 5)", "accuracy, 1 - 0.1 Beta(2, 5)", 2.0, 1),
        ("ties", "ties, Binomial(10, 0.8)", "ties, Binomial(10, 0.8)", 1.0, 1),
    ):
        (draw_a, mean_a), (draw_b, mean_b) = DISTRIBUTIONS[first], DISTRIBUTIONS[second]
        truth = mean_a - scale * mean_b
        for n in STUDIES:
            tally, more = Tally(), times * n
            for seed in range(CHEAP_REPETITIONS // 500):
                a, b = draw_a(random.random((more, 500))), scale * draw_b(random.random((n, 500)))
                ours = difference_of_means(a, b, resamples=RESAMPLES, seed=2 * seed)
                tally.add(OURS, truth, ours.low, ours.high)
                errors = a.var(axis=0, ddof=1) / more, b.var(axis=0, ddof=1) / n
                squares = errors[0] ** 2 / (more - 1) + errors[1] ** 2 / (n - 1)
                freedom = sum(errors) ** 2 / np.where(squares == 0, 1.0, squares)
                reach = stats.t.ppf(0.975, np.maximum(freedom, 1.0)) * np.sqrt(sum(errors))
                centre = a.mean(axis=0) - b.mean(axis=0)
                tally.add("Welch's t", truth, centre - reach, centre + reach)
            yield from tally.rows("difference of means", name, n)


PARTS = (
    location, median_times, superiority, false_findings, ranks, extra, seed_shares, importances, false_log_rank,
    differences,
)  # fmt: skip


def table(rows: list[Row]) -> str:
    """Markdown with one line per statistic, distribution and method, and one column per number of studies."""
    lines = [
        "| statistic | distribution | method | " + " | ".join(f"n = {n}" for n in STUDIES) + " | width at 20 |",
        "| --- | --- | --- |" + " --- |" * (len(STUDIES) + 1),
    ]
    cells: dict[tuple[str, str, str], dict[int, Row]] = {}
    for row in rows:
        cells.setdefault((row.statistic, row.distribution, row.method), {})[row.n] = row
    for key, by_n in cells.items():
        shares = [f"{100 * by_n[n].coverage:.1f}" if n in by_n else "" for n in STUDIES]
        width = f"{by_n[20].mean_width:.3g}" if 20 in by_n else ""
        lines.append("| " + " | ".join([*key, *shares, width]) + " |")
    return "\n".join(lines)


def read(path: Path) -> list[Row]:
    """Rows of a written table."""
    with path.open(newline="") as file:
        return [
            Row(
                r["statistic"],
                r["distribution"],
                int(r["n"]),
                r["method"],
                *(float(r[name]) for name in ("coverage", "low95", "high95", "mean_width")),
                int(r["repetitions"]),
            )
            for r in csv.DictReader(file)
        ]


def main() -> None:
    """Simulate or print."""
    command, path, *only = sys.argv[1:]
    if command == "run":
        kept = read(Path(path)) if only else []
        for seed, part in enumerate(PARTS):
            if not only or part.__name__ in only:
                made = list(part(np.random.default_rng(seed)))
                kept = [row for row in kept if row.statistic not in {new.statistic for new in made}] + made
        with Path(path).open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(field.name for field in fields(Row))
            writer.writerows(map(astuple, kept))
    print(table(read(Path(path))))


if __name__ == "__main__":
    main()
