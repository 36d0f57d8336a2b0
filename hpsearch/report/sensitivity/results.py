"""Results of a comparison without a search, computed: objective and training curves of each configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Choice, Searched, Value
from hpsearch.report.columns import HYPERPARAMETER, Column, frame
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean
from hpsearch.store.chosen import typed
from hpsearch.store.tables import Tables, counted, numbers

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """One configuration, trained with several seeds.

    Attributes:
        varied: the hyperparameters in which a method's configurations differ, the one on the axis first.
        objectives: objectives as counted (a diverged or failed trial has `Tables.lost`), shape (trainings,).
        metrics: name -> values of complete trainings, shape (complete trainings,).
        curves: name -> values of the complete trainings that have the curve, shape (trainings with it, epochs of the
            longest); NaN if a training was over, or had no finite value.
        lost: number of trainings that diverged or failed.
    """

    varied: Mapping[str, Value]
    objectives: Array
    metrics: Mapping[str, Array]
    curves: Mapping[str, Array]
    lost: int


@dataclass(frozen=True)
class MethodResponses:
    """One method's configurations.

    Attributes:
        axis: the hyperparameter against which results are drawn; None if there is only one configuration.
        responses: results of each configuration, in the order of the axis if its values have one.
    """

    axis: Searched | None
    responses: Sequence[Response]


@dataclass(frozen=True)
class Sensitivity:
    """All methods of a comparison without a search.

    Attributes:
        objective: what was measured.
        methods: label -> its configurations with their results.
        curves: names of the training curves that have a value.
        planned: (trials finished, trials planned) of the whole comparison.
    """

    objective: Objective
    methods: Mapping[str, MethodResponses]
    curves: Sequence[str]
    planned: tuple[int, int]

    def measures(self) -> list[str]:
        """Names of the training curves that say more than the objective, which may be the end of one curve."""
        responses = [response for method in self.methods.values() for response in method.responses]
        return [
            name
            for name in self.curves
            if not all(_ends_in_objective(response, name) for response in responses if not response.lost)
        ]

    def table(self) -> pd.DataFrame:
        """One row per configuration: trainings, objective, and each curve's mean over epochs, with 95% intervals."""
        rows = []
        for label, method in self.methods.items():
            for response in method.responses:
                row = _configuration(label, response)
                row |= {("trials", "trainings"): len(response.objectives), ("trials", "lost"): response.lost}
                row |= _columns("objective", self.objective.name, self.objectives(response))
                for name in self.measures():
                    if len(response.curves[name]):
                        row |= _columns("curve", f"{name} over epochs", self.over_epochs(response, name))
                rows.append(row)
        return frame(rows)

    def epochs_table(self) -> pd.DataFrame:
        """One row per configuration and epoch: mean and 95% interval of each curve, as `by_epoch` gives them."""
        rows = []
        for label, method in self.methods.items():
            for response in method.responses:
                means = {name: self.by_epoch(response, name) for name, v in response.curves.items() if len(v)}
                for epoch in range(max((len(mean.estimate) for mean in means.values()), default=0)):
                    row = _configuration(label, response) | {("time", "epoch"): epoch + 1}
                    for name, mean in means.items():
                        if epoch < len(mean.estimate):
                            of_epoch = Interval(mean.estimate[epoch], mean.low[epoch], mean.high[epoch])
                            row |= _columns("curve", name, of_epoch)
                    rows.append(row)
        return frame(rows)

    def objectives(self, response: Response) -> Interval:
        """Mean objective over trainings."""
        return bootstrap_mean(response.objectives).within(self.objective.ends)

    def metric(self, response: Response, name: str) -> Interval:
        """Mean of a metric over complete trainings."""
        return bootstrap_mean(response.metrics[name]).within(self.objective.ends_of(name))

    def over_epochs(self, response: Response, curve: str) -> Interval:
        """Mean of each training's curve over its own epochs, then over trainings."""
        return bootstrap_mean(np.nanmean(response.curves[curve], axis=1)).within(self.objective.ends_of(curve))

    def by_epoch(self, response: Response, curve: str) -> Interval:
        """Mean of a curve at each epoch over the trainings that have a value there, shape (epochs,)."""
        values = response.curves[curve]
        found = Interval(*np.full((3, values.shape[1]), np.nan))
        for trainings, epochs in _blocks(np.isfinite(values)):
            mean = bootstrap_mean(np.ascontiguousarray(values[np.ix_(trainings, epochs)]))
            for part in ("estimate", "low", "high"):
                getattr(found, part)[epochs] = getattr(mean, part)
        return found.within(self.objective.ends_of(curve))


def _blocks(there: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Pairs of masks of trainings and epochs: an epoch is in one block with all trainings that have a value there."""
    patterns, of_epoch = np.unique(there, axis=1, return_inverse=True)
    for i, trainings in enumerate(patterns.T):
        if trainings.any():
            yield trainings, of_epoch.ravel() == i


def text(value: Value) -> str:
    """A value of a hyperparameter, for people to read."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def named(name: str, value: Value) -> str:
    """A hyperparameter with its value, for people to read."""
    return f"{name} = {text(value)}"


def compute_sensitivity(tables: Tables) -> Sensitivity:
    """Group all finished trials by their configuration. Raises DatabaseError if a method has none yet."""
    trials = tables.trials[tables.trials["state"] != "proposed"]
    keys = ["method", "repeat", "trial"]  # which no curve may share its name with, nor with "epoch"
    curves = [name for name in tables.curves.columns if name not in (*keys, "epoch")]
    by_trial: dict[Any, pd.DataFrame] = dict(tuple(tables.curves.groupby(keys))) if curves else {}
    methods = {}
    for label in tables.methods:
        rows = trials[trials["method"] == label]
        if not len(rows):
            raise DatabaseError(f"no trial of {label} is finished yet; report again later")
        methods[label] = _method(label, rows, by_trial, curves, tables)
    responses = [response for method in methods.values() for response in method.responses]
    drawn = [name for name in curves if any(len(response.curves[name]) for response in responses)]
    return Sensitivity(tables.objective, methods, drawn, (len(trials), tables.planned))


def _method(
    label: str, rows: pd.DataFrame, by_trial: Mapping[Any, pd.DataFrame], curves: Sequence[str], tables: Tables
) -> MethodResponses:
    varied = [p for p in tables.methods[label].searched if rows[p.name].nunique(dropna=False) > 1]
    found = []
    groups: Any = rows.groupby([p.name for p in varied], sort=False, dropna=False) if varied else [((), rows)]
    for values, group in groups:
        complete = group[group["state"] == "complete"]
        own = [by_trial.get(key) for key in zip(complete["method"], complete["repeat"], complete["trial"], strict=True)]
        found.append(
            Response(
                {p.name: typed(p, value) for p, value in zip(varied, values, strict=True) if not pd.isna(value)},
                counted(group, tables.lost),
                {name: numbers(complete[name]) for name in tables.metrics},
                {name: _stacked([numbers(c[name]) for c in own if c is not None]) for name in curves},
                len(group) - len(complete),
            )
        )
    if not varied:
        return MethodResponses(None, found)
    axis = varied[0]
    order = axis.values.index if isinstance(axis, Choice) else float
    return MethodResponses(axis, sorted(found, key=lambda response: order(response.varied[axis.name])))


def _stacked(curves: Sequence[Array]) -> Array:
    """One row per curve, filled up with NaN to the longest; a curve without any finite value is left out."""
    kept = [curve for curve in curves if np.isfinite(curve).any()]
    stacked = np.full((len(kept), max(map(len, kept), default=0)), np.nan)
    for row, curve in zip(stacked, kept, strict=True):
        row[: len(curve)] = curve
    return stacked


def _ends_in_objective(response: Response, curve: str) -> bool:
    values = response.curves[curve]
    if len(values) != len(response.objectives):
        return False
    last = values.shape[1] - 1 - np.isfinite(values[:, ::-1]).argmax(axis=1)
    return bool((values[np.arange(len(values)), last] == response.objectives).all())


def _configuration(label: str, response: Response) -> dict[Column, object]:
    return {("method", "method"): label, **{(HYPERPARAMETER, name): value for name, value in response.varied.items()}}


def _columns(what: str, name: str, found: Interval) -> dict[Column, object]:
    parts = {name: found.estimate, f"{name} low 95": found.low, f"{name} high 95": found.high}
    return {(what, part): float(value) for part, value in parts.items()}
