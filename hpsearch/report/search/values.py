"""What incumbents are worth: as they were recorded, on test data, by a model of other studies, and with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.correctness import Correctness, Part
from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import last_word
from hpsearch.report.search.curves import Curves, MethodCurves
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean, widened
from hpsearch.statistics.difference import difference_of_means
from hpsearch.statistics.examples import difference_with_examples, mean_with_examples
from hpsearch.statistics.extra_trials import ExtraTrials, extra_trials
from hpsearch.statistics.incumbents import incumbent_trials
from hpsearch.statistics.left_out import left_out
from hpsearch.statistics.superiority import Superiority, probability_of_superiority
from hpsearch.statistics.trials_to_level import TrialsToLevel, trials_to_final_level
from hpsearch.store.chosen import by_model, expected, method_of, study_of
from hpsearch.store.places import places
from hpsearch.store.tables import Tables, counted, numbers
from hpsearch.study.schema import Confirm, Incumbent

Array = NDArray[np.float64]
T = TypeVar("T")

RECORDED, TEST, MODEL, FRESH = "recorded", "test", "model", "fresh seeds"
MEANING = {
    RECORDED: "the best recorded objective of each study",
    TEST: "the same trained networks on test data",
    MODEL: "what a Gaussian process of the method's other studies expects there, which has not seen the study",
    FRESH: "the mean over trainings with fresh seeds",
}
PART: Mapping[str, Part] = {RECORDED: "validation", TEST: "test", FRESH: "validation"}
"""Kinds of which single examples may be known -> the part of the data that they are of."""
LEAST_STUDIES = 3
"""Studies that it takes to have others to learn from."""
MOST_TO_CHOOSE = 1_000
"""Trials of a method beyond which no model of each study is fitted: a report must not take minutes."""
MODELLED = "what a model of other studies leaves over"
"""Source of a scatter: seeds, and whatever is too rough for the model."""
LEAST_TRIALS = 10
"""Trials for each searched hyperparameter, below which a model would say little else than the mean."""


@dataclass(frozen=True)
class Values:
    """What the incumbents of one method's studies are worth by one measure.

    Attributes:
        of: the incumbents' values in their own unit, (studies, trials).
        trials: the numbers of these trials; all up to the last, but where only some were trained again.
        error: covariance of the errors that their mean has whichever studies there are, (trials, trials), or None.
        mean: mean over studies with its interval, (trials,).
    """

    of: Array
    trials: NDArray[np.int64]
    error: Array | None
    mean: Interval

    @classmethod
    def made(cls, of: Array, ends: tuple[float, float], error: Array | None = None) -> Values | None:
        """From values (studies, all trials), NaN where they are not known; None if those of the last trial are not.

        Args:
            of: the values.
            ends: the least and the largest value that there can be.
            error: as above.
        """
        known = np.asarray(np.isfinite(of).all(axis=0))
        if not known[-1]:
            return None
        of, mean = of[:, known], bootstrap_mean(of[:, known])
        if error is not None:
            error = error[np.ix_(known, known)]
            mean = widened(mean, np.diag(error))
        return cls(of, np.flatnonzero(known) + 1, error, mean.within(ends))


@dataclass(frozen=True)
class Measured:
    """One measure of the incumbents of all methods.

    Attributes:
        kind: RECORDED, TEST, MODEL or FRESH.
        name: of what was measured: the objective, or the metric on test data.
        maximise: whether larger is better.
        methods: label -> values.
        examples: label -> how often what each study ended with was right about each example of the data, (studies,
            examples), whose means over examples are the last values; empty where that is not known of all methods.
    """

    kind: str
    name: str
    maximise: bool
    methods: Mapping[str, Values]
    examples: Mapping[str, Array] = field(default_factory=dict)
    _known: dict[tuple[str, str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def final(self, method: str) -> float:
        """The mean over studies of what they ended with."""
        return float(self.methods[method].mean.estimate[-1])

    def to_final_level(self, method: str, other: str) -> TrialsToLevel:
        """Trials from which on `method` has the mean that `other` ends with."""
        return self._once("level", method, other, self._to_final_level)

    def _to_final_level(self, method: str, other: str) -> TrialsToLevel:
        a, b = self.methods[method], self.methods[other]
        return trials_to_final_level(self._oriented(a), self._oriented(b), errors=(a.error, b.error)).at(a.trials)

    def extra(self, a: str, b: str) -> ExtraTrials | None:
        """How many more trials `b` needs to have what `a` has; None where not every trial's incumbent is known."""
        return self._once("extra", a, b, self._extra) if self.is_whole else None

    def _extra(self, a: str, b: str) -> ExtraTrials:
        of_a, of_b = self.methods[a], self.methods[b]
        return extra_trials(self._oriented(of_a), self._oriented(of_b), errors=(of_a.error, of_b.error))

    def difference(self, a: str, b: str) -> Interval:
        """By how much `a` ends better than `b` on average, shape ()."""
        return self._once("difference", a, b, self._difference)

    def _difference(self, a: str, b: str) -> Interval:
        of_a, of_b = self.methods[a], self.methods[b]
        found = difference_of_means(self._oriented(of_a)[:, -1], self._oriented(of_b)[:, -1])
        errors = [values.error[-1, -1] for values in (of_a, of_b) if values.error is not None]
        return widened(found, np.array(sum(errors))) if errors else found

    def mean_with_examples(self, label: str) -> Interval | None:
        """What `label` ends with on average, for other examples too; None where nobody kept which were right."""
        if not self.examples:
            return None
        return self._once("mean", label, "", lambda label, _: mean_with_examples(self.examples[label]))

    def difference_with_examples(self, a: str, b: str) -> Interval | None:
        """By how much `a` ends better than `b` on average, for other examples too; None where nobody can tell."""
        if not self.examples:
            return None
        return self._once("examples", a, b, lambda a, b: difference_with_examples(self.examples[a], self.examples[b]))

    def superiority(self, a: str, b: str) -> Superiority | None:
        """Probability that a study of `a` ends better than one of `b`; None where their values share an error."""
        of_a, of_b = self.methods[a], self.methods[b]
        if of_a.error is not None or of_b.error is not None:
            return None
        return probability_of_superiority(self._oriented(of_a)[:, -1], self._oriented(of_b)[:, -1])

    def _once(self, what: str, a: str, b: str, compute: Callable[[str, str], T]) -> T:
        """What two pages ask for, computed once."""
        if (what, a, b) not in self._known:
            self._known[what, a, b] = compute(a, b)
        found: T = self._known[what, a, b]
        return found

    @property
    def is_whole(self) -> bool:
        """Whether incumbents are known after every trial."""
        return all(len(values.trials) == values.trials[-1] for values in self.methods.values())

    def _oriented(self, values: Values) -> Array:
        return values.of if self.maximise else -values.of


@dataclass(frozen=True)
class Scatter:
    """How much a method's results differ from seed to seed.

    Attributes:
        deviation: standard deviation in the objective's unit, pooled over configurations.
        freedom: degrees of freedom that it is known with.
        source: what it was taken from.
    """

    deviation: float
    freedom: int
    source: str


@dataclass(frozen=True)
class Incumbents:
    """What incumbents are worth, and how far the luck of their seeds may reach.

    Attributes:
        values: kind -> values of all methods' incumbents, for those kinds that all methods have; RECORDED is first.
        scatter: label -> scatter between seeds, from one source for all methods; empty if there is none.
        choosing: kind (MODEL, TEST) -> label -> how much better, by that kind, a study's last choice is if it chooses
            by a model of its own trials rather than by the best recorded value; only kinds that all methods have.
    """

    values: Mapping[str, Measured]
    scatter: Mapping[str, Scatter]
    choosing: Mapping[str, Mapping[str, Interval]]

    @property
    def truest(self) -> Measured:
        """What a verdict goes by: fresh seeds, or else what was recorded.

        Not the model: where it finds nothing, it cannot tell luck from a function too rough for it.
        """
        return self.values.get(FRESH, self.values[RECORDED])


def compute_incumbents(tables: Tables, curves: Curves, confirmed: Tables | None = None) -> Incumbents:
    """What is known of incumbents.

    Args:
        tables: the comparison.
        curves: its incumbents.
        confirmed: a comparison that trained incumbents again, of the same name.

    Raises:
        DatabaseError: if `confirmed` is of another comparison or with other settings, or has nothing of a method.
    """
    if confirmed is not None and len(tables.parts) > 1:
        raise DatabaseError("a report of several comparisons takes no confirmation: report each with its own")
    objective, maximise = tables.objective, curves.maximise
    rows = tables.trials[curves.rows]
    of_method = {label: rows[rows["method"] == label] for label in curves.methods}
    led = {label: _picked(of_method[label], m.objectives, maximise) for label, m in curves.methods.items()}
    picked = {
        label: _last_alone(of_method[label], m.chosen) if by_model(tables, label) else led[label]
        for label, m in curves.methods.items()
    }
    every = np.arange(1, curves.trials + 1)
    found: dict[str, tuple[str, dict[str, Values | None]]] = {
        RECORDED: (objective.name, {k: Values(m.incumbents, every, None, m.mean) for k, m in curves.methods.items()})
    }
    if (metric := _test_metric(tables)) is not None:
        ends = objective.ends_of(metric)
        found[TEST] = (
            metric,
            {
                label: Values.made(_at(numbers(rows[metric].astype(float)), picked[label], curves.trials), ends)
                for label, rows in of_method.items()
            },
        )
    models = {k: _modelled(tables, k, of_method[k], picked[k], curves.trials) for k in curves.methods}
    found[MODEL] = objective.name, {label: model and model[0] for label, model in models.items()}
    if confirmed is not None:
        found[FRESH] = objective.name, _fresh(tables, curves, confirmed)
    measured = {}
    for kind, (name, methods) in found.items():
        there = {label: values for label, values in methods.items() if values is not None}
        if len(there) == len(methods):
            picks = led if kind == RECORDED else picked
            last = {label: rows.iloc[picks[label][:, -1]] for label, rows in of_method.items()}
            shares = {}
            if kind == FRESH and confirmed is not None:
                shares = _fresh_shares(tables, curves, confirmed)
            elif kind in PART:
                shares = _shares(tables, PART[kind], last)
            examples = _examples(tables, shares, there) if shares else {}
            measured[kind] = Measured(kind, name, maximise, there, examples)
    scatters = (
        {label: _within(seeds, FRESH) for label, seeds in _fresh_groups(curves, confirmed).items()},
        {label: _within(seeds, "trials of several seeds") for label, seeds in _seed_groups(tables, curves).items()},
        {label: model and model[1] for label, model in models.items()},
    )
    whole = [{k: s for k, s in of.items() if s is not None} for of in scatters]
    choosing = _choosing(tables, of_method, {label: of[:, -1] for label, of in led.items()}, models, metric)
    return Incumbents(measured, next((of for of in whole if len(of) == len(curves.methods)), {}), choosing)


def _examples(
    tables: Tables, shares: Mapping[str, Sequence[Array | None]], values: Mapping[str, Values]
) -> dict[str, Array]:
    """Label -> how often what each study ended with was right about each example, (studies, examples).

    Empty unless that is known of all studies of all methods, on the same examples, and is what the values are means of.

    Args:
        tables: the comparison.
        shares: label -> of each study, (examples,), or None where nobody knows.
        values: label -> values of what the studies ended with.
    """
    first, *others = tables.parts
    data = (first.data, first.resolved["task"])
    if first.resolved.get("splits") or any((other.data, other.resolved["task"]) != data for other in others):
        return {}
    found = {}
    for label, of_studies in shares.items():
        known = [of for of in of_studies if of is not None]
        if len(known) < max(2, len(of_studies)) or len({len(of) for of in known}) != 1:
            return {}
        found[label] = np.array(known)
        if not np.allclose(found[label].mean(axis=1), values[label].of[:, -1], rtol=0, atol=1e-6):
            return {}
    sizes = {of.shape[1] for of in found.values()}
    return found if len(sizes) == 1 and min(sizes) > 1 else {}


def _shares(tables: Tables, part: Part, last: Mapping[str, pd.DataFrame]) -> dict[str, list[Array | None]]:
    """Label -> how often each study's network was right about each example of a part of the data.

    Args:
        tables: the comparison.
        part: of the data.
        last: label -> rows of the trials table that the studies ended with.
    """
    places = {label: zip(rows["repeat"], rows["trial"], strict=True) for label, rows in last.items()}
    return {
        label: [
            _share(tables.correct.get((label, int(study), int(trial)), {}).get(part)) for study, trial in of_studies
        ]
        for label, of_studies in places.items()
    }


def _share(of: Correctness | None) -> Array | None:
    return None if of is None else np.array(of.counts, float) / of.of


def _fresh_shares(tables: Tables, curves: Curves, confirmed: Tables) -> dict[str, list[Array | None]]:
    """Label -> mean over fresh seeds of how often what each study ended with was right about each example."""
    confirm = confirmed.comparison.spec.confirm
    of_trained: dict[str, list[Array]] = {}
    for (trained, *_), parts in confirmed.correct.items():
        if (share := _share(parts.get("validation"))) is not None:
            of_trained.setdefault(trained, []).append(share)
    found = {}
    for label, method in curves.methods.items():
        own: dict[int, Array | None] = {int(study): None for study in method.chosen["repeat"]}
        for trained, shares in of_trained.items():
            for held in _held(confirm, trained, label, method) if confirm is not None else []:
                at_end = held.last in (curves.trials, tables.lengths[label, held.study].trials)
                if at_end and held.study in own and len({len(share) for share in shares}) == 1:
                    own[held.study] = np.mean(shares, axis=0)
        found[label] = list(own.values())
    return found


def _test_metric(tables: Tables) -> str | None:
    """The metric that measures on test data what the objective measures on validation data."""
    word = last_word(tables.objective.name)
    alike = [name for name in tables.metrics if name.startswith("test") and last_word(name) == word]
    return min(alike, key=len, default=None)  # "test_accuracy" before "test_top5_accuracy"


def _picked(rows: pd.DataFrame, objectives: Array, maximise: bool) -> NDArray[np.int64]:
    """Which row is each study's incumbent after each trial, (studies, trials)."""
    there = np.isfinite(objectives)
    candidates = np.full(objectives.shape, -np.inf)
    complete = (rows["state"] == "complete").to_numpy()
    candidates[there] = np.where(complete, objectives[there] if maximise else -objectives[there], -np.inf)
    first = np.concatenate([[0], there.sum(axis=1).cumsum()[:-1]])
    return np.asarray(first[:, None] + incumbent_trials(candidates))


def _last_alone(rows: pd.DataFrame, chosen: pd.DataFrame) -> NDArray[np.int64]:
    """Which row each study chose at its end, (studies, 1): what a model would have chosen before is not asked."""
    return rows.index.get_indexer(chosen.index)[:, None]


def _at(values: Array, picked: NDArray[np.int64], trials: int) -> Array:
    """Values of picked rows, (studies, trials); NaN after the first trials if rows are picked after the last ones."""
    found = np.full((len(picked), trials), np.nan)
    found[:, trials - picked.shape[1] :] = values[picked]
    return found


def _modelled(
    tables: Tables, label: str, rows: pd.DataFrame, picked: NDArray[np.int64], trials: int
) -> tuple[Values, Scatter | None, Array] | None:
    """Values by the model, what scatters around it, and what it expects of each row; None for too few trials."""
    space, studies, maximise = tables.methods[label], len(picked), tables.objective.direction == "maximise"
    if studies < LEAST_STUDIES or not space.searched or len(rows) < LEAST_TRIALS * len(space.searched):
        return None
    values = counted(rows, tables.lost) if maximise else -counted(rows, tables.lost)
    with np.errstate(over="ignore"):
        if not np.isfinite(values.std()):  # a sum of such squares is no number
            return None
    points = places(space, rows)
    model = left_out(points, values, rows["repeat"].to_numpy())
    means = _at(model.means, picked, trials)
    weights = np.zeros((trials, len(rows)))
    for of_study in picked:
        weights[np.arange(trials - len(of_study), trials), of_study] += 1 / studies
    made = Values.made(means if maximise else -means, tables.objective.ends, model.error(weights))
    assert made is not None  # the model has a value everywhere
    # Chosen by what the model expects, not by what was recorded, so that nothing is cut off. Bad places scatter more.
    good = model.means >= np.median(model.means)
    rest = (values - model.means)[good & (rows["state"] == "complete").to_numpy()]
    scatter = Scatter(float(np.sqrt(np.mean(rest**2))), len(rest), MODELLED) if len(rest) else None
    return made, scatter, model.means


def _choosing(
    tables: Tables,
    of_method: Mapping[str, pd.DataFrame],
    last: Mapping[str, NDArray[np.int64]],
    models: Mapping[str, tuple[Values, Scatter | None, Array] | None],
    metric: str | None,
) -> dict[str, dict[str, Interval]]:
    """Kind -> label -> how much better each study's last choice is by a model of its own trials; see `Incumbents`.

    Args:
        tables: the comparison.
        of_method: label -> rows of the trials table.
        last: label -> which of them has the best recorded value of each study.
        models: label -> what `_modelled` gives.
        metric: that on test data, if there is one.
    """
    found: dict[str, dict[str, Interval]] = {MODEL: {}, TEST: {}}
    sign = 1.0 if tables.objective.direction == "maximise" else -1.0
    for label, rows in of_method.items():
        model = models[label]
        if model is None or len(rows) > MOST_TO_CHOOSE:
            return {}
        instead = []
        for of_study in _studies(rows):
            complete = (rows["state"].iloc[of_study] == "complete").to_numpy()
            means = np.where(complete, expected(tables, label, rows.iloc[of_study]), -np.inf)
            instead.append(of_study[int(np.argmax(means))])
        found[MODEL][label] = bootstrap_mean(model[2][instead] - model[2][last[label]])
        if metric is not None:
            tested = sign * numbers(rows[metric].astype(float))
            gains = tested[instead] - tested[last[label]]
            if np.isfinite(gains).all():
                found[TEST][label] = bootstrap_mean(gains)
    return {kind: gains for kind, gains in found.items() if len(gains) == len(of_method)}


def _studies(rows: pd.DataFrame) -> list[NDArray[np.int64]]:
    """Which rows are each study's, in the order of their numbers."""
    repeats = rows["repeat"].to_numpy()
    return [np.flatnonzero(repeats == study) for study in np.unique(repeats)]


def _fresh(tables: Tables, curves: Curves, confirmed: Tables) -> dict[str, Values | None]:
    """Label -> means over fresh seeds, after the trials after which they are known in all studies."""
    name, made = tables.comparison.name, confirmed.comparison.name
    confirm = confirmed.comparison.spec.confirm
    if confirm is None or confirm.of != name:
        raise DatabaseError(f"{made}: does not confirm {name}; give what `hpsearch confirm` made of it")
    if confirm.changed:
        raise DatabaseError(f"{made}: was trained with other settings than {name}, so that its values are others")
    finished = confirmed.trials[confirmed.trials["state"] != "proposed"]
    means = {str(label): float(counted(rows, confirmed.lost).mean()) for label, rows in finished.groupby("method")}
    found = {}
    for label, method in curves.methods.items():
        rows = tables.trials[curves.rows & (tables.trials["method"] == label)].set_index(["repeat", "trial"])
        studies = {study: i for i, study in enumerate(sorted({int(study) for study, _ in rows.index}))}
        of = np.full(method.incumbents.shape, np.nan)
        for trained, mean in means.items():
            for held in _held(confirm, trained, label, method):
                if held.study not in studies:
                    continue
                at = held.study, held.first
                if confirm.incumbents and at in rows.index and rows.at[at, "objective"] != held.objective:
                    raise DatabaseError(
                        f"{made}: confirms other trials than {name} has: study {held.study} of {label} has another "
                        f"objective at trial {held.first}; confirm it anew, into another file with --database"
                    )
                # A study that has ended keeps what it ended with.
                ended = held.last == tables.lengths[label, held.study].trials
                of[studies[held.study], held.first - 1 : None if ended else held.last] = mean
        found[label] = Values.made(of, tables.objective.ends)
        if found[label] is None:
            raise DatabaseError(
                f"{made}: has not trained what every study of {label} ended with; go on with `hpsearch confirm`, or "
                "confirm anew into another file with --database if the search has grown since"
            )
    return found


def _held(confirm: Confirm, trained: str, label: str, method: MethodCurves) -> list[Incumbent]:
    """When what was trained was an incumbent of the method; of a choice alone the end, if it is still the choice."""
    if method_of(trained) != label:
        return []
    if confirm.incumbents:
        return confirm.incumbents[trained]
    now = method.chosen.set_index("repeat")
    study, recorded = study_of(trained), confirm.recorded[trained]
    if study not in now.index or now.at[study, "objective"] != recorded:
        return []
    trials = method.incumbents.shape[1]
    return [Incumbent(study=study, first=trials, last=trials, objective=recorded)]


def _fresh_groups(curves: Curves, confirmed: Tables | None) -> dict[str, list[Array]]:
    """Label -> objectives of the fresh seeds of each configuration that a study ended with: others may fail."""
    if confirmed is None or (confirm := confirmed.comparison.spec.confirm) is None:
        return {}
    rows = confirmed.trials[confirmed.trials["state"] == "complete"]
    found: dict[str, list[Array]] = {label: [] for label in curves.methods}
    for trained, of in rows.groupby("method"):
        label = method_of(str(trained))
        held = _held(confirm, str(trained), label, curves.methods[label]) if label in found else []
        if held and _end(confirm, label) in (None, max(span.last for span in held)):
            found[label].append(numbers(of["objective"]))
    return found


def _end(confirm: Confirm, label: str) -> int | None:
    """The last trial of a method's longest study as it was confirmed; None if only choices were."""
    every = [held.last for name, spans in confirm.incumbents.items() if method_of(name) == label for held in spans]
    return max(every, default=None)


def _seed_groups(tables: Tables, curves: Curves) -> dict[str, list[Array]]:
    """Label -> objectives of the seeds of each trial that was trained with several."""
    if not len(tables.seeds):
        return {}
    rows = tables.seeds[tables.seeds["state"] == "complete"]
    return {
        label: [numbers(of["objective"]) for _, of in rows[rows["method"] == label].groupby(["repeat", "trial"])]
        for label in curves.methods
    }


def _within(groups: list[Array], source: str) -> Scatter | None:
    """The pooled deviation within groups; None if no group has two values."""
    freedom = sum(len(group) - 1 for group in groups if len(group))
    if not freedom:
        return None
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups if len(group))
    return Scatter(float(np.sqrt(squares / freedom)), freedom, source)
