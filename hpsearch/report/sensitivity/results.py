"""Results of a comparison without a search, computed: objective and training curves of each configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Choice, Searched, Value
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean
from hpsearch.store.chosen import typed
from hpsearch.store.tables import Tables, counted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """One configuration, trained with several seeds.

    Attributes:
        varied: the hyperparameters in which a method's configurations differ, the one on the axis first.
        objectives: objectives as counted (a diverged or failed trial at chance), shape (trainings,).
        metrics: name -> values of complete trainings, shape (complete trainings,).
        curves: name -> values of complete trainings, shape (complete trainings, epochs).
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
        curves: names of the training curves.
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
                row: dict[str, object] = {
                    "method": label,
                    **response.varied,
                    "trainings": len(response.objectives),
                    "lost": response.lost,
                }
                row |= _columns(self.objective.name, bootstrap_mean(response.objectives))
                for name in self.measures():
                    if len(response.curves[name]):
                        row |= _columns(f"{name} over epochs", over_epochs(response, name))
                rows.append(row)
        return pd.DataFrame(rows)

    def epochs_table(self) -> pd.DataFrame:
        """One row per configuration and epoch: mean and 95% interval of each curve over complete trainings."""
        frames = []
        for label, method in self.methods.items():
            for response in method.responses:
                columns: dict[str, Array] = {}
                for name, values in response.curves.items():
                    if len(values):
                        columns |= _columns(name, bootstrap_mean(values))
                frame = pd.DataFrame(columns)
                frame.insert(0, "epoch", np.arange(1, len(frame) + 1))
                for name, value in reversed(list(response.varied.items())):
                    frame.insert(0, name, value)
                frame.insert(0, "method", label)
                frames.append(frame)
        return pd.concat(frames, ignore_index=True)


def over_epochs(response: Response, curve: str) -> Interval:
    """Mean of a curve over epochs, then over trainings."""
    return bootstrap_mean(response.curves[curve].mean(axis=1))


def named(name: str, value: Value) -> str:
    """A hyperparameter with its value, for people to read."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{name} = {value:g}" if number else f"{name} = {value}"


def compute_sensitivity(tables: Tables) -> Sensitivity:
    """Group all finished trials by their configuration. Raises DatabaseError if a method has none yet."""
    trials = tables.trials[tables.trials["state"] != "proposed"]
    keys = ["method", "repeat", "trial"]
    curves = [name for name in tables.curves.columns if name not in (*keys, "epoch")]
    by_trial: dict[Any, pd.DataFrame] = dict(tuple(tables.curves.groupby(keys))) if curves else {}
    methods = {}
    for label in tables.methods:
        rows = trials[trials["method"] == label]
        if not len(rows):
            raise DatabaseError(f"no trial of {label} is finished yet; report again later")
        methods[label] = _method(label, rows, by_trial, curves, tables)
    return Sensitivity(tables.objective, methods, curves, (len(trials), tables.planned))


def _method(
    label: str, rows: pd.DataFrame, by_trial: Mapping[Any, pd.DataFrame], curves: Sequence[str], tables: Tables
) -> MethodResponses:
    varied = [p for p in tables.methods[label].searched if rows[p.name].nunique() > 1]
    found = []
    groups: Any = rows.groupby([p.name for p in varied], sort=False) if varied else [((), rows)]
    for values, group in groups:
        complete = group[group["state"] == "complete"]
        own = [by_trial.get(key) for key in zip(complete["method"], complete["repeat"], complete["trial"], strict=True)]
        found.append(
            Response(
                {p.name: typed(p, value) for p, value in zip(varied, values, strict=True)},
                np.asarray(counted(group, tables.objective), np.float64),
                {name: np.asarray(complete[name].astype(float), np.float64) for name in tables.metrics},
                {name: np.array([c[name] for c in own if c is not None], np.float64) for name in curves},
                len(group) - len(complete),
            )
        )
    if not varied:
        return MethodResponses(None, found)
    axis = varied[0]
    order = axis.values.index if isinstance(axis, Choice) else float
    return MethodResponses(axis, sorted(found, key=lambda response: order(response.varied[axis.name])))


def _ends_in_objective(response: Response, curve: str) -> bool:
    values = response.curves[curve]
    return len(values) == len(response.objectives) and bool((values[:, -1] == response.objectives).all())


def _columns(name: str, found: Interval) -> dict[str, Array]:
    return {name: found.estimate, f"{name} low 95": found.low, f"{name} high 95": found.high}
