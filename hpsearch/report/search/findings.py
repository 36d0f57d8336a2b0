"""All that a report says about a search, computed once: the page, the tables and the figures only write it down.

Statistics work on objectives where larger is better; the results kept here are back in the objective's own unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.objective import last_word
from hpsearch.contracts.progress import Progress, silent
from hpsearch.contracts.space import Choice, Float, Int
from hpsearch.report.search.curves import Curves, compute_curves, has_trial
from hpsearch.report.search.values import Incumbents, compute_incumbents
from hpsearch.statistics.area import area_under_curve
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean
from hpsearch.statistics.boundary import Ends, boundary_incidence
from hpsearch.statistics.extra_trials import ExtraTrials, extra_trials
from hpsearch.statistics.gap import Gap, selection_gap
from hpsearch.statistics.holm import holm
from hpsearch.statistics.importance import Importance, importance
from hpsearch.statistics.kaplan_meier import Survival, kaplan_meier
from hpsearch.statistics.location import STATISTICS
from hpsearch.statistics.log_rank import log_rank
from hpsearch.statistics.ranks import mean_ranks, win_matrix
from hpsearch.statistics.running_time import Ratio, running_time_ratio
from hpsearch.statistics.superiority import Superiority, probability_of_superiority
from hpsearch.statistics.ties import Mean, largest
from hpsearch.statistics.time_to_target import Times, times_to_target
from hpsearch.store.places import places, positions
from hpsearch.store.tables import Tables, counted, numbers
from hpsearch.study.schema import MOST

Array = NDArray[np.float64]

SHARES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99)
"""Each target is at least as good as one of these shares of all trials, so that nobody picks a target that suits."""
SHOWN = 0.9
"""The share of the target that is shown first."""
LEAST_WHOLE = 40
MOST_SHOWN = 25
"""At how many trials, at most, the probability of being ahead is computed."""
ALL_PAIRS = 4
"""Up to this many methods every pair is compared; with more, each method is compared with the one that ends best."""


@dataclass(frozen=True)
class Test:
    """Whether two methods reach a target equally soon: log-rank test, Holm-adjusted over all pairs and targets."""

    a: str
    b: str
    p: float | None
    adjusted: float | None
    reason: str


@dataclass(frozen=True)
class Reach:
    """How soon each method's studies reach a target, in one unit of cost.

    Attributes:
        survival: label -> Kaplan-Meier curve.
        times: label -> when each study reached it.
        ratios: label -> expected running time over that of the method that ends best, for all others.
        tests: log-rank tests of pairs.
        spent: the most that any study spent.
    """

    survival: Mapping[str, Survival]
    times: Mapping[str, Times]
    ratios: Mapping[str, Ratio]
    tests: Sequence[Test]
    spent: float


@dataclass(frozen=True)
class Target:
    """An objective to reach, and how soon studies reach it.

    Attributes:
        value: the target, in the objective's unit.
        share: the share of all results that the target is at least as good as; None if the target was given.
        units: unit of cost -> how soon the target is reached.
    """

    value: float
    share: float | None
    units: Mapping[str, Reach]


@dataclass(frozen=True)
class Findings:
    """Everything that was found about a search.

    Attributes:
        tables: the comparison.
        curves: incumbents, means, chosen configurations.
        averages: name of the statistic -> label -> average of the incumbents with its band, shape (trials,).
        leaders: labels of the methods with the best mean at the end: several if their means are equal.
        targets: targets from the easiest to the hardest.
        extra: (a, b) -> how many more trials b needs to reach what a has.
        superiority: (a, b), a before b -> probability that a study of a ends better than one of b.
        adjusted: the same pairs -> Holm-adjusted p value; None where there is none, or before the comparison's end.
        ahead: (a, b) of the pairs compared in detail -> trial -> probability that a study of a is ahead then.
        wins: probability that a study of the row's method ends better than one of the column's, (methods, methods).
        ranks: expected rank at the end, (methods,).
        gaps: label -> metric that measures on test data what the objective measures -> by how much it is worse there.
        boundaries: label -> hyperparameter -> how the chosen values crowd at the ends of its range.
        importances: label -> how much of the objective's variance each hyperparameter explains; a method with too
            few trials is left out.
        areas: label -> mean over trials of the best so far.
        incumbents: what the best so far is worth: as recorded, on test data, and truly.
    """

    tables: Tables
    curves: Curves
    averages: Mapping[str, Mapping[str, Interval]]
    leaders: Sequence[str]
    targets: Sequence[Target]
    extra: Mapping[tuple[str, str], ExtraTrials]
    superiority: Mapping[tuple[str, str], Superiority]
    adjusted: Mapping[tuple[str, str], float | None]
    ahead: Mapping[tuple[str, str], Mapping[int, Superiority]]
    wins: Array
    ranks: Interval
    gaps: Mapping[str, Mapping[str, Gap]]
    boundaries: Mapping[str, Mapping[str, Ends]]
    importances: Mapping[str, Importance]
    areas: Mapping[str, Interval]
    incumbents: Incumbents

    @property
    def labels(self) -> list[str]:
        """The methods' labels, in the order of the study file."""
        return list(self.curves.methods)

    @property
    def unit(self) -> str:
        """The unit of cost that is shown first: what ends the studies, if that is a budget, else trials."""
        budgets = [part.spec.budget for part in self.tables.parts if part.trials >= MOST]
        for unit in ("epochs", "seconds"):
            named = [budget is not None and getattr(budget, unit) is not None for budget in budgets]
            if len(named) == len(self.tables.parts) and all(named) and unit in self.targets[0].units:
                return unit
        return "trials"

    @property
    def best(self) -> str:
        """The first of the leaders."""
        return self.leaders[0]

    def beats(self, a: str, b: str) -> Superiority:
        """Probability that a study of `a` ends better than one of `b`, with the Holm-adjusted p value."""
        if (a, b) in self.superiority:
            return replace(self.superiority[a, b], p=self.adjusted[a, b])
        s = self.superiority[b, a]
        return Superiority(1 - s.estimate, 1 - s.high, 1 - s.low, self.adjusted[b, a])

    def shown(self) -> Target:
        """The target that is shown first: the last given one, else that of 90% of all results."""
        given = [target for target in self.targets if target.share is None]
        return given[-1] if given else next(t for t in self.targets if t.share is not None and t.share >= SHOWN)


def middle_trial(trials: int) -> int:
    """The trial after which the verdict counts extra trials: 10 of 25."""
    return max(1, round(trials * 0.4))


def compute_findings(
    tables: Tables,
    given_targets: Sequence[float] = (),
    progress: Progress = silent,
    confirmed: Tables | None = None,
) -> Findings:
    """Compute everything. Raises DatabaseError if a method has no study that has begun.

    Args:
        tables: tables of a comparison whose searcher searches.
        given_targets: further targets, in the objective's unit.
        progress: told about each part.
        confirmed: what `hpsearch confirm` has made of it.
    """
    curves = compute_curves(tables)
    sign = 1.0 if curves.maximise else -1.0
    labels = list(curves.methods)
    oriented = {label: sign * method.incumbents for label, method in curves.methods.items()}
    progress("statistics", 0, 4)
    averages = {
        name: {label: _turned(statistic(values), sign) for label, values in oriented.items()}
        for name, statistic in STATISTICS.items()
        if name != "mean"
    }
    averages = {"mean": {label: method.mean for label, method in curves.methods.items()}, **averages}
    finals = {label: values[:, -1] for label, values in oriented.items()}
    leaders = _leaders(finals)
    best = leaders[0]
    # Studies count with all that they have had so far, however far the others are: see Kaplan and Meier.
    longest = max(length.trials for length in tables.lengths.values())
    every = curves if curves.trials == longest else compute_curves(tables, whole=True)
    progress("statistics", 1, 4)
    targets = _targets(every, _costs(tables, every), given_targets, sign, best)
    progress("statistics", 2, 4)
    compared = list(permutations(labels, 2)) if len(labels) <= ALL_PAIRS else _with_best(labels, best)
    extra = {(a, b): extra_trials(oriented[a], oriented[b]) for a, b in compared}
    pairs = list(combinations(labels, 2))
    superiority = {(a, b): probability_of_superiority(finals[a], finals[b]) for a, b in pairs}
    adjusted = dict(
        zip(pairs, holm([superiority[pair].p if curves.is_finished else None for pair in pairs]), strict=True)
    )
    shown = [int(t) for t in np.unique(np.linspace(1, curves.trials, min(curves.trials, MOST_SHOWN)).round())]
    ahead = {
        (a, b): {t: probability_of_superiority(oriented[a][:, t - 1], oriented[b][:, t - 1]) for t in shown}
        for a, b in sorted(compared, key=lambda pair: pair[0] != best)
        if a == best or (best not in (a, b) and labels.index(a) < labels.index(b))
    }
    progress("statistics", 3, 4)
    importances = {label: found for label in labels if (found := _importance(tables, label, sign)) is not None}
    findings = Findings(
        tables, curves, averages, leaders, targets, extra, superiority, adjusted, ahead,
        win_matrix(list(finals.values())), mean_ranks(list(finals.values())),
        {label: _gaps(tables, curves, label) for label in labels},
        {label: _boundaries(tables, curves, label) for label in labels},
        importances,
        {
            label: _turned(bootstrap_mean(area_under_curve(values)), sign).within(tables.objective.ends)
            for label, values in oriented.items()
        },
        compute_incumbents(tables, curves, confirmed),
    )  # fmt: skip
    progress("statistics", 4, 4)
    return findings


def _leaders(finals: Mapping[str, Array]) -> list[str]:
    """The labels with the best mean over studies, but for rounding; `finals` are (studies,), larger is better."""
    return largest({label: Mean.of(values) for label, values in finals.items()})


def _turned(found: Interval, sign: float) -> Interval:
    """An interval in the objective's own unit again."""
    return found if sign > 0 else Interval(-found.estimate, -found.high, -found.low)


def _with_best(labels: Sequence[str], best: str) -> list[tuple[str, str]]:
    return [pair for other in labels if other != best for pair in ((best, other), (other, best))]


def _costs(tables: Tables, curves: Curves) -> dict[str, dict[str, Array]]:
    """Unit -> label -> cumulative cost at the end of each trial, (studies, trials).

    Trials are counted whatever they cost. Rounds are of the trials that are trained in parallel, trainings and epochs
    are of all seeds of a trial. After a study's end its cost stays what it was.
    """
    trials, epochs = tables.trials[curves.rows], tables.epochs[curves.rows]
    of_label = {label: tables.part_with(label).spec for label in curves.methods}
    parallel, seeds = (
        trials["method"].map({k: getattr(v, n) for k, v in of_label.items()}) for n in ("parallel", "seeds")
    )
    costs: dict[str, pd.Series] = {"trials": pd.Series(1.0, trials.index)}
    if (parallel > 1).any():
        costs["rounds"] = ((trials["trial"] - 1) % parallel == 0).astype(float)
    if (seeds > 1).any():
        costs["trainings"] = seeds.astype(float)
    if epochs.notna().any() and not epochs[trials["state"] == "complete"].isna().any():
        # A lost trial without a curve costs what its method's trials usually take: misses are not free.
        usual = epochs.groupby(trials["method"]).transform("median").fillna(epochs.median())
        costs["epochs"] = epochs.fillna(usual)
    costs["seconds"] = trials["seconds"].astype(float).fillna(0.0)
    of_method = {label: trials["method"] == label for label in curves.methods}
    there = {label: has_trial(trials[rows], curves.trials) for label, rows in of_method.items()}
    return {
        unit: {label: _cumulative(values[rows].to_numpy(), there[label]) for label, rows in of_method.items()}
        for unit, values in costs.items()
        if values.sum() > 0
    }


def _cumulative(costs: Array, there: NDArray[np.bool_]) -> Array:
    """Sums along each study's trials, shape of `there`, which says which trials the costs belong to."""
    found = np.zeros(there.shape)
    found[there] = costs
    return np.asarray(found.cumsum(axis=1))


def _targets(
    curves: Curves,
    costs: Mapping[str, Mapping[str, Array]],
    given: Sequence[float],
    sign: float,
    best: str,
) -> list[Target]:
    oriented = {label: sign * method.incumbents for label, method in curves.methods.items()}
    results = sign * np.concatenate([m.objectives[np.isfinite(m.objectives)] for m in curves.methods.values()])
    # Several shares with the same level make one target, that of the largest share.
    shares = {float(np.quantile(results, share, method="inverted_cdf")): share for share in SHARES}
    wanted: list[tuple[float, float | None]] = [*shares.items(), *((sign * value, None) for value in given)]
    wanted.sort(key=lambda pair: pair[0])
    labels = list(oriented)
    pairs = list(combinations(labels, 2)) if len(labels) <= ALL_PAIRS else [(best, b) for b in labels if b != best]
    units: list[dict[str, Reach]] = [{} for _ in wanted]
    for unit, of_method in costs.items():
        spent = max(float(cost[:, -1].max()) for cost in of_method.values())
        all_times = [
            {label: times_to_target(oriented[label], of_method[label], level) for label in labels}
            for level, _ in wanted
        ]
        tested = pairs if curves.is_finished else []
        tests = [[log_rank(times[a], times[b]) for a, b in tested] for times in all_times]
        # Adjusted over all targets, since a reader looks at all of them.
        adjusted = iter(holm([test.p for of_target in tests for test in of_target]))
        for of_unit, times, of_target in zip(units, all_times, tests, strict=True):
            of_unit[unit] = Reach(
                {
                    label: kaplan_meier(found.times, found.reached, first=float(of_method[label][:, 0].min()))
                    for label, found in times.items()
                },
                times,
                {label: running_time_ratio(times[label], times[best]) for label in labels if label != best},
                [Test(a, b, t.p, next(adjusted), t.reason) for (a, b), t in zip(tested, of_target, strict=True)],
                spent,
            )
    return [Target(sign * level, share, of) for (level, share), of in zip(wanted, units, strict=True)]


def _gaps(tables: Tables, curves: Curves, label: str) -> dict[str, Gap]:
    """How much worse complete trials are on test data, in metrics named test and the last word of the objective."""
    sign, found = 1.0 if curves.maximise else -1.0, {}
    trials = _of_method(tables, curves, label)
    for metric in tables.metrics:
        if metric.startswith("test") and metric.endswith(last_word(tables.objective.name)):
            measured = trials[(trials["state"] == "complete") & trials[metric].notna()]
            worse = sign * (numbers(measured["objective"]) - numbers(measured[metric]))
            studies = _studies(measured, curves.methods[label].chosen)
            if studies:
                found[metric] = selection_gap([worse[of] for of, _ in studies], [chosen for _, chosen in studies])
    return found


def _boundaries(tables: Tables, curves: Curves, label: str) -> dict[str, Ends]:
    sign, found = 1.0 if curves.maximise else -1.0, {}
    trials = _of_method(tables, curves, label)
    for parameter in tables.methods[label].searched:
        # Some of a few whole numbers lie at an end by chance: the statistic is for ranges that are nearly continuous.
        if not isinstance(parameter, Float | Int) or (
            isinstance(parameter, Int) and parameter.high - parameter.low < LEAST_WHOLE
        ):
            continue
        known = trials[trials[parameter.name].notna()]
        at, results = positions(parameter, known[parameter.name].to_numpy(np.float64)), counted(known, tables.lost)
        studies = _studies(known, curves.methods[label].chosen)
        if studies:
            found[parameter.name] = boundary_incidence(
                [at[of] for of, _ in studies],
                [sign * results[of] for of, _ in studies],
                [chosen for _, chosen in studies],
            )
    return found


def _of_method(tables: Tables, curves: Curves, label: str) -> pd.DataFrame:
    trials = tables.trials[curves.rows]
    return trials[trials["method"] == label]


def _studies(trials: pd.DataFrame, chosen: pd.DataFrame) -> list[tuple[NDArray[np.int64], int]]:
    """Which rows are each study's, and which of them is its chosen one, of those studies whose choice is there."""
    repeats = trials["repeat"].to_numpy()
    # Where all trials were lost, nothing was chosen.
    is_chosen = trials.index.isin(chosen.index[chosen["state"] == "complete"])
    rows = (np.flatnonzero(repeats == study) for study in np.unique(repeats))
    return [(of, int(is_chosen[of].argmax())) for of in rows if is_chosen[of].any()]


def _importance(tables: Tables, label: str, sign: float) -> Importance | None:
    """How much each hyperparameter explains; None if there is none, or fewer than ten trials per hyperparameter."""
    searched = tables.methods[label].searched
    rows = tables.trials[(tables.trials["method"] == label) & (tables.trials["state"] != "proposed")]
    studies = [group for _, group in rows.groupby("repeat")]
    length = min(len(group) for group in studies)
    if not searched or len(studies) < 2 or length * len(studies) < 10 * len(searched):
        return None
    first = pd.concat([group.head(length) for group in studies])
    objectives = sign * counted(first, tables.lost).reshape(len(studies), length)
    points = places(tables.methods[label], first, indicators=False).reshape(len(studies), length, len(searched))
    unordered = [p.name for p in searched if isinstance(p, Choice) and not p.ordered]
    return importance(points, objectives, [p.name for p in searched], unordered=unordered)
