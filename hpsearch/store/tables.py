"""A whole comparison as pandas DataFrames."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hpsearch.contracts.correctness import Correctness, Part
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Space
from hpsearch.store.database import Database
from hpsearch.store.rows import PROPOSING, Comparison, FailedAttempt, Run, SeedRow, Trial
from hpsearch.store.spent import Cost, has_ended

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

LARGEST = 1e300
"""Sums of numbers that are larger overflow."""


class Length(NamedTuple):
    """How far a study is.

    Attributes:
        trials: its finished trials up to the first that is not.
        has_ended: whether it has ended.
        ahead: its finished trials after the first that is not, as in a round that is being trained.
    """

    trials: int
    has_ended: bool
    ahead: int = 0


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
        epochs: how many epochs each of these trials was trained for, with all its seeds, NaN where it has no curve.
        curves: one row per epoch: method, repeat, trial, epoch and every curve.
        seeds: one row per seed of trials that were trained with several: method, repeat, trial, number, seed,
            objective, every metric, state, reason; empty if none was.
        runs: every run with its provenance.
        halved: how many trials were trained in a smaller pack than planned, because memory did not suffice.
        stand_ins: one for each trial for which its searcher had no proposal, with the reason.
        precisions: type of numbers -> how many trials were trained in it, of those whose task says so.
        attempts: every failed attempt to propose or to train a trial.
        correct: (method, repeat, trial) -> which examples it classified correctly, of incumbents where that was kept.
    """

    parts: tuple[Comparison, ...]
    objective: Objective
    methods: dict[str, Space]
    metrics: tuple[str, ...]
    trials: pd.DataFrame
    epochs: pd.Series[float]
    curves: pd.DataFrame
    seeds: pd.DataFrame
    runs: list[Run]
    halved: int
    stand_ins: Sequence[FailedAttempt] = ()
    precisions: Mapping[str, int] = field(default_factory=dict)
    attempts: Sequence[FailedAttempt] = ()
    correct: Mapping[tuple[str, int, int], Mapping[Part, Correctness]] = field(default_factory=dict)

    @property
    def comparison(self) -> Comparison:
        """The comparison, if these are the tables of one."""
        (only,) = self.parts
        return only

    @property
    def planned(self) -> int:
        """How many trials there are when everything is trained; at least so many where a budget decides."""
        return sum(self._planned(part) for part in self.parts)

    def _planned(self, part: Comparison) -> int:
        studies = len(part.spec.methods) * part.repeats
        if part.spec.budget is None:
            return studies * part.trials
        lengths = [self.lengths[label, n] for label in part.resolved["methods"] for n in range(1, part.repeats + 1)]
        return sum(length.trials + length.ahead + (not length.has_ended) for length in lengths)

    @cached_property
    def lengths(self) -> dict[tuple[str, int], Length]:
        """(method, repeat) -> how far each study is, also one that has not begun."""
        finished = self.trials.assign(epochs_=self.epochs)[self.trials["state"] != "proposed"]
        rows = dict(tuple(finished[["method", "repeat", "trial", "seconds", "epochs_"]].groupby(["method", "repeat"])))
        found = {}
        for part in self.parts:
            for key in product(part.resolved["methods"], range(1, part.repeats + 1)):
                of_study = rows.get(key)
                found[key] = Length(0, False) if of_study is None else _length(of_study, part)
        return found

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
        found, runs, attempts = database.all_trials(), database.runs(), database.failed_attempts()
        of_seeds, correct = database.seeds(), database.correct()
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
        pd.Series([trial.epochs_trained for trial in found], dtype=float),
        _curves(found),
        _seeds(of_seeds),
        runs,
        halved,
        [attempt for attempt in attempts if attempt.attempt == PROPOSING],
        Counter(trial.precision for trial in found if trial.precision),
        attempts,
        correct,
    )


def numbers(values: ArrayLike) -> NDArray[np.float64]:
    """Measured numbers as statistics and figures take them: a number beyond `LARGEST` counts as `LARGEST`."""
    import numpy as np

    return np.asarray(np.clip(np.asarray(values, np.float64), -LARGEST, LARGEST))


def counted(trials: pd.DataFrame, lost: float) -> NDArray[np.float64]:
    """The objective that each trial counts with, shape (trials,): its own if it is complete, else `lost`."""
    return numbers(trials["objective"].where(trials["state"] == "complete").astype(float).fillna(lost))


def _length(finished: pd.DataFrame, part: Comparison) -> Length:
    """How far the study is whose finished trials these are, in order."""
    unbroken = finished["trial"].to_numpy() == range(1, len(finished) + 1)
    if not unbroken.all():  # a round is being trained
        before = int(unbroken.argmin())
        return Length(before, False, len(finished) - before)
    costs = [
        Cost(s, None if math.isnan(e) else int(e))
        for s, e in zip(finished["seconds"], finished["epochs_"], strict=True)
    ]
    return Length(len(costs), has_ended(costs, part.spec))


def _seeds(rows: Sequence[SeedRow]) -> pd.DataFrame:
    import pandas as pd

    metrics = dict.fromkeys(name for row in rows for name in row.metrics)
    return pd.DataFrame(
        [
            {
                "method": row.method,
                "repeat": row.repeat,
                "trial": row.trial,
                "number": row.number,
                "seed": row.seed,
                "objective": row.result,
                **{name: row.metrics.get(name) for name in metrics},
                "state": row.state,
                "reason": row.reason,
            }
            for row in rows
        ]
    )


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
