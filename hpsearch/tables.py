"""A whole comparison as pandas DataFrames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.database import Database
from hpsearch.space import Space
from hpsearch.task import Objective

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Tables:
    """A comparison as DataFrames.

    Attributes:
        comparison: the comparison's row: name, spec, objective, direction, chance, data and so on.
        objective: what was measured.
        methods: label -> space.
        metrics: names of the metrics beside the objective.
        trials: a row a trial: method, repeat, trial, objective, every hyperparameter, every metric, state,
            reason, seconds, seed. Those of other methods are NaN.
        curves: a row an epoch: method, repeat, trial, epoch and every curve.
        runs: every run with its provenance.
        halved: how many trials were trained in a smaller pack than planned, for want of memory.
    """

    comparison: dict[str, Any]
    objective: Objective
    methods: dict[str, Space]
    metrics: tuple[str, ...]
    trials: pd.DataFrame
    curves: pd.DataFrame
    runs: list[dict[str, Any]]
    halved: int


def load_tables(path: Path) -> Tables:
    """Read a whole comparison; also while a run is writing it. Raises DatabaseError."""
    import pandas as pd

    with Database(path) as database:
        comparison = database.existing()
        spaces = {label: space for label, (space, _) in database.methods().items()}
        rows, objective, runs = database.all_trials(), database.objective(), database.runs()
    names = list(dict.fromkeys(name for space in spaces.values() for name in space.names))
    metrics = list(dict.fromkeys(name for row in rows for name in row["metrics"] if name not in names))
    trials = pd.DataFrame(
        {
            **{name: [row[name] for row in rows] for name in ("method", "repeat", "trial", "objective")},
            **{name: [row["configuration"].get(name) for row in rows] for name in names},
            **{name: [row["metrics"].get(name) for row in rows] for name in metrics},
            **{name: [row[name] for row in rows] for name in ("state", "reason", "seconds", "seed")},
        }
    )
    curves = _curves(rows)
    halved = sum(row.get("halved", 0) for row in rows)  # a file from before this was noted has no such column
    return Tables(comparison, objective, spaces, tuple(metrics), trials, curves, runs, halved)


def counted(trials: pd.DataFrame, objective: Objective) -> pd.Series[float]:
    """The objective that each trial counts as: its own if it is complete, else the chance level."""
    return trials["objective"].where(trials["state"] == "complete").astype(float).fillna(objective.chance)


def _curves(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row an epoch; column by column, for there may be a million."""
    import numpy as np
    import pandas as pd

    rows = [row for row in rows if row["curves"]]
    epochs = [len(next(iter(row["curves"].values()))) for row in rows]
    names = dict.fromkeys(name for row in rows for name in row["curves"])
    missing = [[math.nan] * count for count in epochs]
    return pd.DataFrame(
        {
            **{key: np.repeat([row[key] for row in rows], epochs) for key in ("method", "repeat", "trial") if rows},
            **({"epoch": np.concatenate([np.arange(1, count + 1) for count in epochs])} if rows else {}),
            **{
                name: list(
                    chain.from_iterable(row["curves"].get(name, m) for row, m in zip(rows, missing, strict=True))
                )
                for name in names
            },
        }
    )
