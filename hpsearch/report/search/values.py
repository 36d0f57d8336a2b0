"""What incumbents are worth: as they were recorded, on test data, by a model of other studies, and with fresh seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import last_word
from hpsearch.contracts.space import INACTIVE, Choice, Float, Int, Searched, Space
from hpsearch.report.search.curves import Curves, has_trial
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean, widened
from hpsearch.statistics.extra_trials import ExtraTrials, extra_trials
from hpsearch.statistics.incumbents import incumbent_trials
from hpsearch.statistics.left_out import left_out
from hpsearch.statistics.trials_to_level import TrialsToLevel, trials_to_final_level
from hpsearch.store.chosen import method_of
from hpsearch.store.tables import Tables, counted, numbers

Array = NDArray[np.float64]

RECORDED, TEST, MODEL, FRESH = "recorded", "test", "model", "fresh seeds"
MEANING = {
    RECORDED: "the objective that each study chose by",
    TEST: "the same trained networks on test data",
    MODEL: "what a Gaussian process of the method's other studies expects there, which saw neither the study nor its luck",
    FRESH: "the mean over trainings with fresh seeds",
}
LEAST_STUDIES = 3
"""Studies that it takes to have others to learn from."""
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
    def made(cls, of: Array, trials: NDArray[np.int64], ends: tuple[float, float], error: Array | None = None) -> Values:
        """With the interval of the mean, cut to the values that there can be."""
        mean = bootstrap_mean(of)
        return cls(of, trials, error, (mean if error is None else widened(mean, np.diag(error))).within(ends))


@dataclass(frozen=True)
class Measured:
    """One measure of the incumbents of all methods.

    Attributes:
        kind: RECORDED, TEST, MODEL or FRESH.
        name: of what was measured: the objective, or the metric on test data.
        maximise: whether larger is better.
        methods: label -> values.
    """

    kind: str
    name: str
    maximise: bool
    methods: Mapping[str, Values]

    @property
    def is_true(self) -> bool:
        """Whether the seed that was chosen by has no part in it: neither as recorded nor in the network it gave."""
        return self.kind in (MODEL, FRESH)

    def to_final_level(self, method: str, other: str) -> TrialsToLevel:
        """Trials from which on `method` has the mean that `other` ends with."""
        a, b = self.methods[method], self.methods[other]
        found = trials_to_final_level(self._oriented(a), self._oriented(b), errors=(a.error, b.error))
        return found.at(a.trials)

    def extra(self, a: str, b: str) -> ExtraTrials:
        """Trials that `b` needs more than `a` to reach what `a` has; both have to be known after every trial."""
        of_a, of_b = self.methods[a], self.methods[b]
        return extra_trials(self._oriented(of_a), self._oriented(of_b), errors=(of_a.error, of_b.error))

    @property
    def is_whole(self) -> bool:
        """Whether incumbents are known after every trial."""
        return all(len(values.trials) == values.trials[-1] for values in self.methods.values())

    def _oriented(self, values: Values) -> Array:
        return values.of if self.maximise else -values.of


def compute_values(tables: Tables, curves: Curves, confirmed: Tables | None = None) -> dict[str, Measured]:
    """Kind -> values of all methods' incumbents, for those kinds that all methods have.

    Args:
        tables: the comparison.
        curves: its incumbents.
        confirmed: a comparison that trained incumbents again, of the same name.

    Raises:
        DatabaseError: if `confirmed` is of another comparison or with other settings, or has nothing of a method.
    """
    objective, maximise = tables.objective, curves.maximise
    every = np.arange(1, curves.trials + 1)
    recorded = {label: Values(m.incumbents, every, None, m.mean) for label, m in curves.methods.items()}
    found = {RECORDED: Measured(RECORDED, objective.name, maximise, recorded)}
    rows = tables.trials[curves.rows]
    of_method = {label: rows[rows["method"] == label] for label in curves.methods}
    picked = {label: _picked(of_method[label], m.objectives, maximise) for label, m in curves.methods.items()}
    if (metric := _test_metric(tables)) is not None:
        ends = objective.ends_of(metric)
        tested = {label: _taken(of_method[label][metric].astype(float), picked[label]) for label in curves.methods}
        if all(np.isfinite(values).all() for values in tested.values()):
            of = {label: Values.made(numbers(values), every, ends) for label, values in tested.items()}
            found[TEST] = Measured(TEST, metric, maximise, of)
    models = {label: _modelled(tables, label, of_method[label], picked[label], maximise) for label in curves.methods}
    if all(model is not None for model in models.values()):
        of = {label: Values.made(*m, objective.ends, e) for label, model in models.items() if model for *m, e in [model]}
        found[MODEL] = Measured(MODEL, objective.name, maximise, of)
    if confirmed is not None:
        fresh = _fresh(tables, curves, confirmed)
        found[FRESH] = Measured(FRESH, objective.name, maximise, fresh)
    return found


def _test_metric(tables: Tables) -> str | None:
    """The metric that measures on test data what the objective measures on validation data."""
    word = last_word(tables.objective.name)
    return next((name for name in tables.metrics if name.startswith("test") and name.endswith(word)), None)


def _picked(rows: pd.DataFrame, objectives: Array, maximise: bool) -> NDArray[np.int64]:
    """Which row is each study's incumbent after each trial, (studies, trials)."""
    there = np.isfinite(objectives)
    candidates = np.full(objectives.shape, -np.inf)
    complete = (rows["state"] == "complete").to_numpy()
    candidates[there] = np.where(complete, objectives[there] if maximise else -objectives[there], -np.inf)
    first = np.concatenate([[0], there.sum(axis=1).cumsum()[:-1]])
    return np.asarray(first[:, None] + incumbent_trials(candidates))


def _taken(column: pd.Series[float], picked: NDArray[np.int64]) -> Array:
    return np.asarray(column.to_numpy(np.float64)[picked])


def _modelled(
    tables: Tables, label: str, rows: pd.DataFrame, picked: NDArray[np.int64], maximise: bool
) -> tuple[Array, NDArray[np.int64], Array] | None:
    """Values by the model, the trials, and their shared error; None if there are too few trials for a model."""
    space, (studies, trials) = tables.methods[label], picked.shape
    if studies < LEAST_STUDIES or not space.searched or len(rows) < LEAST_TRIALS * len(space.searched):
        return None
    values = counted(rows, tables.lost)
    model = left_out(places(space, rows), values if maximise else -values, rows["repeat"].to_numpy())
    means = model.means[picked]
    weights = np.zeros((trials, len(rows)))
    for of_study in picked:
        weights[np.arange(trials), of_study] += 1 / studies
    return means if maximise else -means, np.arange(1, trials + 1), model.error(weights)


def _fresh(tables: Tables, curves: Curves, confirmed: Tables) -> dict[str, Values]:
    """Label -> means over fresh seeds, after the trials after which they are known in all studies."""
    confirm = confirmed.comparison.spec.confirm
    name = tables.comparison.name
    if confirm is None or confirm.of != name:
        raise DatabaseError(f"{confirmed.comparison.name}: does not confirm {name}; give what `hpsearch confirm` made of it")
    if confirm.changed:
        raise DatabaseError(f"{confirmed.comparison.name}: was trained with other settings than {name}, so that its values are others")
    finished = confirmed.trials[confirmed.trials["state"] != "proposed"]
    means = {label: float(counted(rows, confirmed.lost).mean()) for label, rows in finished.groupby("method")}
    found = {}
    for label, method in curves.methods.items():
        studies = sorted(tables.trials.loc[curves.rows & (tables.trials["method"] == label), "repeat"].unique())
        place = {study: i for i, study in enumerate(studies)}
        of = np.full(method.incumbents.shape, np.nan)
        for trained, mean in means.items():
            for held in confirm.incumbents.get(trained, ()) if method_of(trained) == label else ():
                if held.study in place:
                    of[place[held.study], held.first - 1 : held.last] = mean
        known = np.isfinite(of).all(axis=0)
        if not known[-1]:
            raise DatabaseError(
                f"{confirmed.comparison.name}: has not trained what every study of {label} ended with; run "
                "`hpsearch confirm FILE --along TRIALS` to its end first"
            )
        found[label] = Values.made(of[:, known], np.flatnonzero(known) + 1, tables.objective.ends)
    return found


def places(space: Space, rows: pd.DataFrame) -> Array:
    """Where configurations lie, (rows, columns): each hyperparameter from 0 to 1, and INACTIVE where it has no value.

    A choice of more than two values that have no order has a column for each value.
    """
    return np.column_stack([column for p in space.searched for column in _columns(p, rows[p.name])])


def _columns(parameter: Searched, values: pd.Series[float]) -> list[Array]:
    active = values.notna().to_numpy()

    def column(of: Callable[[pd.Series[float]], Array]) -> Array:
        found = np.full(len(values), INACTIVE)
        found[active] = of(values[active])
        return found

    if isinstance(parameter, Float | Int):
        return [column(lambda there: positions(parameter, there.to_numpy(np.float64)))]
    choices = list(parameter.values)
    if parameter.ordered or len(choices) <= 2:
        return [column(lambda there: np.array([choices.index(v) for v in there]) / max(1, len(choices) - 1))]
    return [column(lambda there, choice=choice: np.array([float(v == choice) for v in there])) for choice in choices]


def positions(parameter: Float | Int, values: Array) -> Array:
    """Positions of numbers in their range, 0 to 1, on the range's own scale, with the shape of `values`."""
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        low, high, values = np.log(low), np.log(high), np.log(values)
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0))
