"""The configuration that each study chose, of its complete trials, the first of equals.

It is the one with the best recorded objective, or, with `incumbent = "model"` in the study file, the one of which a
Gaussian process of all the study's trials expects most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.json import Json
from hpsearch.contracts.space import Choice, Fixed, Int, Parameter, Space, Value
from hpsearch.statistics.model_choice import posterior_means
from hpsearch.store.places import places
from hpsearch.store.tables import Tables, counted

BETWEEN = " / study "
"""What stands between method and study in the label of a chosen configuration that is trained again."""


AT = " / trial "
"""What stands between study and trial in such a label, where it is an incumbent that is trained again."""


def method_of(label: str) -> str:
    """The method whose choice a confirming method's label names."""
    return label.rpartition(BETWEEN)[0] or label


def study_of(label: str) -> int:
    """The number of the study whose choice a confirming method's label names."""
    return int(label.rpartition(BETWEEN)[2].partition(AT)[0])


def final_values(tables: Tables) -> dict[str, NDArray[np.float64]]:
    """Label -> what each study ends with: the best objective of its trials as they count, (studies,), larger is better.

    These are the last values of a report's best-so-far curves.
    """
    sign = 1.0 if tables.objective.direction == "maximise" else -1.0
    finished = tables.trials[tables.trials["state"] != "proposed"]
    values = finished.assign(counted_=sign * counted(finished, tables.lost))
    return {
        label: values[values["method"] == label].groupby("repeat")["counted_"].max().to_numpy()
        for label in tables.methods
    }


def by_model(tables: Tables, label: str) -> bool:
    """Whether the studies of a method choose by a model."""
    return tables.part_with(label).spec.incumbent == "model"


def expected(tables: Tables, label: str, rows: pd.DataFrame) -> NDArray[np.float64]:
    """What the model of a study expects of its finished trials, (trials,), larger is better.

    Where there is none (statistics/model_choice.py), or nothing is searched, it is what was recorded.

    Args:
        tables: the comparison.
        label: the study's method.
        rows: its finished trials, of the trials table.
    """
    sign = 1.0 if tables.objective.direction == "maximise" else -1.0
    values, space = sign * counted(rows, tables.lost), tables.methods[label]
    return posterior_means(places(space, rows), values) if space.searched else values


def chosen(tables: Tables, *, overall: bool = False) -> dict[str, pd.DataFrame]:
    """Label -> one row of the trials table per study: repeat, trial, objective, hyperparameters, metrics, seed.

    A study without a complete trial has no row. With `overall` only the best study of each method has one: that which
    chose the best value, by what studies choose by.
    """
    sign = 1.0 if tables.objective.direction == "maximise" else -1.0
    finished = tables.trials[tables.trials["state"] != "proposed"]
    found = {}
    for label, space in tables.methods.items():
        rows = finished[finished["method"] == label]
        rows = rows.assign(worth_=sign * rows["objective"])
        if by_model(tables, label):
            for _, of_study in rows.groupby("repeat"):
                rows.loc[of_study.index, "worth_"] = expected(tables, label, of_study)
        rows = rows[rows["state"] == "complete"].sort_values("worth_", ascending=False, kind="stable")
        rows = rows.head(1) if overall else rows.groupby("repeat").head(1).sort_values("repeat")
        columns = ["repeat", "trial", "objective", *space.names, *tables.metrics, "seed"]
        found[label] = rows[columns].reset_index(drop=True)
    return found


@dataclass(frozen=True)
class Held:
    """For how long a configuration was a study's incumbent.

    Attributes:
        study: the study's number.
        first: the trial that made it the incumbent.
        last: the last trial after which it still was.
        objective: what was recorded of it in that trial.
    """

    study: int
    first: int
    last: int
    objective: float


def along(tables: Tables, moments: Collection[int] | None) -> dict[str, list[tuple[dict[str, Value], list[Held]]]]:
    """Label -> each configuration that was a study's incumbent, with when.

    One of several studies stands once, if these split the data in the same way: it is then the same training.

    Args:
        tables: a comparison that searches.
        moments: numbers of trials after which incumbents are wanted, beside those at the end; None for all. They are
            those with the best recorded objective.
    """
    sign = 1 if tables.objective.direction == "maximise" else -1
    complete = tables.trials[tables.trials["state"] == "complete"]
    splits = tables.comparison.resolved.get("splits", {})
    found = {}
    for label, space in tables.methods.items():
        held: list[tuple[dict[str, Value], list[Held]]] = []
        rows = complete[complete["method"] == label]
        for study in sorted({int(repeat) for repeat in rows["repeat"]}):
            trials = tables.lengths[label, study].trials
            for row, span in _held(rows[rows["repeat"] == study], study, sign, trials):
                if moments is None or any(span.first <= moment <= span.last for moment in (*moments, trials)):
                    configuration = configuration_of(space, row)
                    split = splits.get(str(study))
                    alike = (spans for known, spans in held if known == configuration)
                    same = next((spans for spans in alike if splits.get(str(spans[0].study)) == split), None)
                    if same is None:
                        held.append((configuration, [span]))
                    else:
                        same.append(span)
        found[label] = held
    return found


def _held(rows: pd.DataFrame, study: int, sign: int, trials: int) -> Iterator[tuple[Mapping[Any, Any], Held]]:
    """The incumbents of a study of so many trials, in order, from the rows of its complete ones."""
    rows = rows[rows["trial"] <= trials]
    if not len(rows):
        return
    best = (sign * rows["objective"]).cummax()
    rises = rows[best.diff().fillna(1.0) > 0]
    ends = [*(rises["trial"].to_numpy()[1:] - 1), trials]
    for row, last in zip(rises.to_dict("records"), ends, strict=True):
        yield row, Held(study, int(row["trial"]), int(last), float(row["objective"]))


def chosen_as_settings(tables: Tables, found: Mapping[str, pd.DataFrame]) -> Json:
    """What it takes to train the chosen configurations elsewhere, as plain values for TOML or JSON."""
    comparison = tables.comparison
    return {
        "comparison": comparison.name,
        "objective": tables.objective.name,
        "direction": tables.objective.direction,
        "task": {"name": comparison.spec.task.name, **_without_null(comparison.resolved["task"])},
        "methods": {
            label: {
                "schedules": comparison.schedules(label),
                "chosen": [_row(tables, label, row) for row in rows.to_dict("records")],
            }
            for label, rows in found.items()
        },
    }


def _row(tables: Tables, label: str, row: Mapping[Any, Any]) -> Json:
    metrics = {name: row[name] for name in tables.metrics if pd.notna(row[name])}
    return {
        "repeat": row["repeat"],
        "trial": row["trial"],
        "objective": row["objective"],
        "seed": row["seed"],
        "configuration": configuration_of(tables.methods[label], row),
        "metrics": metrics,
    }


def configuration_of(space: Space, row: Mapping[Any, Any]) -> dict[str, Value]:
    """The configuration in a row of the trials table, whose cell of what is not active is empty."""
    values = {p.name: typed(p, row[p.name]) for p in space if isinstance(p, Fixed) or not pd.isna(row[p.name])}
    return space.without_inactive(values)


def typed(parameter: Parameter, value: Value) -> Value:
    """A column's value in the parameter's own type: pandas makes integers floats if other methods leave cells empty."""
    if isinstance(parameter, Fixed):
        return parameter.value
    if isinstance(parameter, Choice):
        return parameter.values[parameter.values.index(value)]
    return int(value) if isinstance(parameter, Int) else float(value)


def _without_null(settings: Json) -> Json:
    """Settings without those that are None, since TOML has no such value."""
    return {name: value for name, value in settings.items() if value is not None}
