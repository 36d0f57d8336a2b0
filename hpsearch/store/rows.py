"""What the database gives back: one frozen row each for a comparison, a study, a trial, a run, an attempt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.space import Configuration, Space
from hpsearch.study.schema import Spec


@dataclass(frozen=True)
class Comparison:
    """What is compared, and on what.

    Attributes:
        name: of the study file.
        spec: the study file.
        study_file: where it was, or the name of a shipped one.
        trials: planned for each study.
        repeats: studies of each method.
        seed: of which all others are derived.
        pack_size: studies of a method that travel together.
        objective: what was measured.
        data: what the task said about its data.
        created: when, ISO 8601, UTC.
        resolved: every setting with its value: "task", "searcher", and "methods" by their labels.
    """

    name: str
    spec: Spec
    study_file: str
    trials: int
    repeats: int
    seed: int
    pack_size: int
    objective: Objective
    data: Json
    created: str
    resolved: Json

    def schedules(self, label: str) -> dict[str, str]:
        """Hyperparameter -> schedule, for a method."""
        found: dict[str, str] = self.resolved["methods"][label]["schedules"]
        return found


@dataclass(frozen=True)
class MethodRow:
    """A method as it is compared."""

    label: str
    space: Space
    schedules: Mapping[str, str]


@dataclass(frozen=True)
class NewStudy:
    """A study to lay out."""

    method: str
    repeat: int
    seed: int
    pack: int


@dataclass(frozen=True)
class StudyRow:
    """A study that is laid out."""

    id: int
    method: str
    repeat: int
    seed: int
    pack: int


class TrialRow(NamedTuple):
    """A trial as the loop needs it; `objective` is None unless the trial completed with a finite one."""

    study_id: int
    trial: int
    seed: int
    configuration: Configuration
    state: str
    objective: float | None


class Trial(NamedTuple):
    """A trial with all that is recorded about it; None where it is proposed only, or an older version kept nothing."""

    method: str
    repeat: int
    trial: int
    seed: int
    configuration: Configuration
    state: str
    objective: float | None
    metrics: Mapping[str, float | None]
    curves: Mapping[str, Sequence[float | None]]
    reason: str
    seconds: float | None
    run_id: int
    proposed: str
    started: str | None
    ended: str | None
    trained_together: int | None
    attempts: int
    host: str | None
    device: str | None
    halved: int


@dataclass(frozen=True)
class Run:
    """One time that somebody ran the comparison: when, on what, with which versions; `ended` is None until it ends."""

    id: int
    started: str
    ended: str | None
    provenance: Json
    warnings: int


PROPOSING = 0
"""The attempt of a trial that stands for its proposal: where that failed, another configuration stands in."""


@dataclass(frozen=True)
class FailedAttempt:
    """One time that proposing a trial failed, or training it with `together` - 1 others, and what was said about it."""

    method: str
    repeat: int
    trial: int
    attempt: int
    at: str
    together: int
    error: str


def stand_ins_said(stand_ins: Sequence[FailedAttempt]) -> list[str]:
    """No sentence, or one: how many trials their searcher had no proposal for, and why."""
    if not stand_ins:
        return []
    whys = list(dict.fromkeys(attempt.error for attempt in stand_ins))
    more = f" (and {len(whys) - 1} other reasons)" if len(whys) > 1 else ""
    return [f"{len(stand_ins)} trials are not what the searcher proposed: {whys[0]}{more}"]


@dataclass(frozen=True)
class Measured:
    """A pack's training around its results: when, how long, how many together, and where."""

    started: str
    ended: str
    seconds: float
    trained_together: int
    attempts: int
    host: str
    device: str
    halved: bool = False


@dataclass(frozen=True)
class Stored:
    """A result as the trials table gives it back: None in place of what is not finite."""

    state: str
    objective: float | None
    metrics: dict[str, float | None]
    curves: dict[str, list[float | None]]
    reason: str


def stored(result: Result) -> Stored:
    """A result as it is kept."""
    return Stored(
        result.outcome,
        _finite(result.objective),
        {name: _finite(value) for name, value in result.metrics.items()},
        {name: [_finite(value) for value in values] for name, values in result.curves.items()},
        result.reason,
    )


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
