"""A whole comparison as pandas DataFrames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Space
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, FailedAttempt, Run, Trial

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

LARGEST = 1e300
"""Sums of numbers that are larger overflow."""


@dataclass(frozen=True)
class Tables:
    """A comparison as DataFrames, or several that were merged for one report.

    Attributes:
        parts: the comparison, or all merged ones, with methods labelled as they are here.
        objective: what was measured.
        methods: label -> space.
        metrics: names of the metrics beside the objective.
        trials: one row per trial: method, repeat, trial, objective, every hyperparameter, every metric, state,
            reason, seconds, seed. A hyperparameter that the method does not have is NaN, and so is the objective of a
            trial that is not complete.
        curves: one row per epoch: method, repeat, trial, epoch and every curve.
        runs: every run with its provenance.
        halved: how many trials were trained in a smaller pack than planned, because memory did not suffice.
        stand_ins: one for each trial for which its searcher had no proposal, with the reason.
    """

    parts: tuple[Comparison, ...]
    objective: Objective
    methods: dict[str, Space]
    metrics: tuple[str, ...]
    trials: pd.DataFrame
    curves: pd.DataFrame
    runs: list[Run]
    halved: int
    stand_ins: Sequence[FailedAttempt] = ()

    @property
    def comparison(self) -> Comparison:
        """The comparison, if these are the tables of one."""
        (only,) = self.parts
        return only

    @property
    def planned(self) -> int:
        """How many trials there are when everything is trained."""
        return sum(len(part.spec.methods) * part.repeats * part.trials for part in self.parts)

    @cached_property
    def lost(self) -> float:
        """The objective that a trial that diverged or failed counts with, in all methods and studies alike."""
        return self.objective.lost(self.trials["objective"][self.trials["state"] == "complete"].dropna())

    def part_with(self, label: str) -> Comparison:
        """The comparison that a method belongs to."""
        return next(part for part in self.parts if label in part.resolved["methods"])


def load_tables(path: Path) -> Tables:
    """Read a whole comparison, also while a run is writing it. Raises DatabaseError."""
    import pandas as pd

    with Database(path) as database:
        comparison = database.existing()
        spaces = {label: method.space for label, method in database.methods().items()}
        found, runs, stand_ins = database.all_trials(), database.runs(), database.stand_ins()
    names = list(dict.fromkeys(name for space in spaces.values() for name in space.names))
    metrics = list(dict.fromkeys(name for trial in found for name in trial.metrics if name not in names))
    trials = pd.DataFrame(
        {
            "method": [trial.method for trial in found],
            "repeat": [trial.repeat for trial in found],
            "trial": [trial.trial for trial in found],
            "objective": pd.Series([trial.result for trial in found], dtype=float),
            **{name: [trial.configuration.get(name) for trial in found] for name in names},
            **{name: [trial.metrics.get(name) for trial in found] for name in metrics},
            "state": [trial.state for trial in found],
            "reason": [trial.reason for trial in found],
            "seconds": [trial.seconds for trial in found],
            "seed": [trial.seed for trial in found],
        }
    )
    halved = sum(trial.halved for trial in found)
    return Tables(
        (comparison,),
        comparison.objective,
        spaces,
        tuple(metrics),
        trials,
        _curves(found),
        runs,
        halved,
        stand_ins,
    )


def numbers(values: ArrayLike) -> NDArray[np.float64]:
    """Measured numbers as statistics and figures take them: a number beyond `LARGEST` counts as `LARGEST`."""
    import numpy as np

    return np.asarray(np.clip(np.asarray(values, np.float64), -LARGEST, LARGEST))


def counted(trials: pd.DataFrame, lost: float) -> NDArray[np.float64]:
    """The objective that each trial counts with, shape (trials,): its own if it is complete, else `lost`."""
    return numbers(trials["objective"].where(trials["state"] == "complete").astype(float).fillna(lost))


def _curves(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row per epoch, made column by column, since there may be a million."""
    import numpy as np
    import pandas as pd

    with_curves = [trial for trial in trials if trial.curves]
    if not with_curves:
        return pd.DataFrame()
    epochs = [len(next(iter(trial.curves.values()))) for trial in with_curves]
    names = dict.fromkeys(name for trial in with_curves for name in trial.curves)
    missing = [[math.nan] * count for count in epochs]
    return pd.DataFrame(
        {
            "method": np.repeat([trial.method for trial in with_curves], epochs),
            "repeat": np.repeat([trial.repeat for trial in with_curves], epochs),
            "trial": np.repeat([trial.trial for trial in with_curves], epochs),
            "epoch": np.concatenate([np.arange(1, count + 1) for count in epochs]),
            **{
                name: list(
                    chain.from_iterable(
                        trial.curves.get(name, gap) for trial, gap in zip(with_curves, missing, strict=True)
                    )
                )
                for name in names
            },
        }
    )
