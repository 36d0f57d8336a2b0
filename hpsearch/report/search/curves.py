"""Best-so-far curves, computed: incumbents of every study, their mean and band, and chosen configurations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean
from hpsearch.statistics.incumbents import chosen_trials, incumbents
from hpsearch.store.chosen import by_model, expected
from hpsearch.store.tables import Tables, counted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MethodCurves:
    """One method's studies.

    Attributes:
        objectives: objectives as counted (a diverged or failed trial has `Tables.lost`), shape (studies, trials); NaN
            after the end of a study that had spent its budget.
        incumbents: best so far in the objective's own unit, shape (studies, trials); it stays after a study's end.
        mean: the incumbents' mean over studies, with its band, shape (trials,).
        final: the same after the last trial, shape ().
        chosen: rows of the trials table, one per study: the trial that it chose.
        lost: number of trials that diverged or failed.
    """

    objectives: Array
    incumbents: Array
    mean: Interval
    final: Interval
    chosen: pd.DataFrame
    lost: int


@dataclass(frozen=True)
class Curves:
    """Curves of all methods, up to the last trial that every study that has begun has finished or has no budget for.

    Attributes:
        objective: what was measured.
        methods: label -> curves.
        trials: length of every curve.
        planned: (trials finished, trials planned) of the whole comparison.
        metrics: names of the metrics beside the objective.
        rows: which rows of the trials table the curves are of, shape (rows,).
        is_finished: whether nothing is left to train, or to decide. Until then nothing is tested, since whoever looks
            often enough finds significance.
    """

    objective: Objective
    methods: dict[str, MethodCurves]
    trials: int
    planned: tuple[int, int]
    metrics: tuple[str, ...]
    rows: NDArray[np.bool_]
    is_finished: bool

    @property
    def maximise(self) -> bool:
        """Whether larger is better."""
        return self.objective.direction == "maximise"

    @property
    def least(self) -> int:
        """Number of studies of the method with the fewest; intervals depend on it."""
        return min(len(method.incumbents) for method in self.methods.values())

    def table(self) -> pd.DataFrame:
        """One row per method and trial: mean incumbent, 95% band, number of studies."""
        return pd.concat(
            [
                pd.DataFrame(
                    {
                        "method": label,
                        "trial": np.arange(1, self.trials + 1),
                        "mean_incumbent": method.mean.estimate,
                        "low_95": method.mean.low,
                        "high_95": method.mean.high,
                        "studies": len(method.incumbents),
                    }
                )
                for label, method in self.methods.items()
            ],
            ignore_index=True,
        )


def compute_curves(tables: Tables, *, whole: bool = False) -> Curves:
    """Compute everything that best-so-far curves show. Raises DatabaseError if a method has no study that has begun.

    Args:
        tables: the comparison.
        whole: whether to keep each study as long as it is, in place of cutting all to the shortest. After its last
            trial a study then stays what it was, as one that has spent its budget does.
    """
    begun = {key: length for key, length in tables.lengths.items() if length.trials}
    for label in tables.methods:
        if not any(method == label for method, _ in begun):
            raise DatabaseError(f"no trial of {label} is finished yet; report again later")
    budgets = {key: tables.part_with(key[0]).spec.budget for key in begun}
    # Who has spent a budget has ended with as many trials as that allowed; all others go on to the same number.
    open_ended = [length.trials for key, length in begun.items() if budgets[key] is None or not length.has_ended]
    longest = max(length.trials for length in begun.values())
    length = min(open_ended) if open_ended and not whole else longest
    places = zip(tables.trials["method"], tables.trials["repeat"], tables.trials["trial"], strict=True)
    counts = {key: min(found.trials, length) for key, found in begun.items()}
    rows = np.array([trial <= counts.get((label, repeat), 0) for label, repeat, trial in places])
    within = tables.trials[rows]
    methods = {label: _method(label, within[within["method"] == label], tables, length) for label in tables.methods}
    finished = int((tables.trials["state"] != "proposed").sum())
    is_finished = finished == tables.planned and not any(part.is_open for part in tables.parts)
    return Curves(tables.objective, methods, length, (finished, tables.planned), tables.metrics, rows, is_finished)


def _method(label: str, trials: pd.DataFrame, tables: Tables, length: int) -> MethodCurves:
    maximise, bounds = tables.objective.direction == "maximise", tables.objective.ends
    worst = -np.inf if maximise else np.inf
    there = has_trial(trials, length)
    objectives = np.full(there.shape, np.nan)
    objectives[there] = counted(trials, tables.lost)
    best = incumbents(np.where(there, objectives, worst), maximise=maximise)
    # A lost trial cannot be chosen, even if its study has nothing better than chance.
    candidates = np.full(there.shape, -np.inf)
    worth = objectives[there] if maximise else -objectives[there]
    if by_model(tables, label):
        worth = np.concatenate([expected(tables, label, of_study) for _, of_study in trials.groupby("repeat")])
    candidates[there] = np.where(trials["state"] == "complete", worth, -np.inf)
    chosen = chosen_trials(candidates)
    positions = np.concatenate([[0], there.sum(axis=1).cumsum()[:-1]]) + chosen
    lost = int((trials["state"] != "complete").sum())
    mean, final = (bootstrap_mean(values).within(bounds) for values in (best, best[:, -1]))
    return MethodCurves(objectives, best, mean, final, trials.iloc[positions], lost)


def has_trial(trials: pd.DataFrame, length: int) -> NDArray[np.bool_]:
    """Which trials there are in these rows, in the order of studies and trials: shape (studies, length)."""
    counts = trials.groupby("repeat", sort=True)["trial"].count().to_numpy()
    return np.asarray(np.arange(length) < counts[:, None])
