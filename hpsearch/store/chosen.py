"""The configuration that each study chose: that of its complete trial with the best objective, the first of equals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.json import Json
from hpsearch.contracts.space import Choice, Fixed, Int, Parameter, Space, Value
from hpsearch.store.tables import Tables, counted

BETWEEN = " / study "
"""What stands between method and study in the label of a chosen configuration that is trained again."""


def method_of(label: str) -> str:
    """The method whose choice a confirming method's label names."""
    return label.rpartition(BETWEEN)[0] or label


def study_of(label: str) -> int:
    """The number of the study whose choice a confirming method's label names."""
    return int(label.rpartition(BETWEEN)[2])


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


def chosen(tables: Tables, *, overall: bool = False) -> dict[str, pd.DataFrame]:
    """Label -> one row of the trials table per study: repeat, trial, objective, hyperparameters, metrics, seed.

    A study without a complete trial has no row. With `overall` only the best study of each method has one.
    """
    maximise = tables.objective.direction == "maximise"
    complete = tables.trials[tables.trials["state"] == "complete"]
    found = {}
    for label, space in tables.methods.items():
        rows = complete[complete["method"] == label].sort_values("objective", ascending=not maximise, kind="stable")
        rows = rows.head(1) if overall else rows.groupby("repeat").head(1).sort_values("repeat")
        columns = ["repeat", "trial", "objective", *space.names, *tables.metrics, "seed"]
        found[label] = rows[columns].reset_index(drop=True)
    return found


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
