"""Rows that the database returns: frozen values for a comparison, a study, a trial, a run, an attempt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.seeds import TRIAL_SEED_BITS
from hpsearch.contracts.space import Configuration, Space
from hpsearch.study.schema import Spec


@dataclass(frozen=True)
class Look:
    """One test of a comparison that runs until it is decided, or until it has the most studies that it may have.

    Attributes:
        repeats: studies of each method that there were.
        most: studies of each method that there may be.
        alpha: two-sided error of all looks together.
        length: what ended a study then, for people to read.
        p: two-sided p value of the methods' final values; None if all are equal.
        level: the p value that had to be reached.
        at: when, ISO 8601, UTC.
    """

    repeats: int
    most: int
    alpha: float
    length: str
    p: float | None
    level: float
    at: str

    @property
    def decides(self) -> bool:
        """Whether it told the methods apart."""
        return self.p is not None and self.p <= self.level

    @property
    def is_last(self) -> bool:
        """Whether no other look follows."""
        return self.decides or self.repeats >= self.most


@dataclass(frozen=True)
class Comparison:
    """What is compared, and on what.

    Attributes:
        name: the name in the study file.
        spec: the study file.
        study_file: where it was, or the name of a shipped one.
        trials: trials planned for each study.
        repeats: studies of each method.
        seed: the seed that all others derive from.
        pack_size: studies of a method that travel together.
        objective: what was measured.
        data: what the task said about its data.
        created: when it was laid out, ISO 8601, UTC.
        resolved: every setting with its value: "objective", "task", "searcher", and "methods" by their labels, each
            with a "searcher" (its "name" and "settings") if it has one of its own.
        seed_bits: of the trials' seeds.
        looks: the tests that it was stopped by, or went on from, if it runs until it is decided.
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
    seed_bits: int = TRIAL_SEED_BITS
    looks: tuple[Look, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it runs until it is decided and is not: it is not finished when its present trials are."""
        return bool(self.looks) and not self.looks[-1].is_last

    def schedules(self, label: str) -> dict[str, str]:
        """Schedules of a method: hyperparameter -> schedule."""
        found: dict[str, str] = self.resolved["methods"][label]["schedules"]
        return found

    def method_name(self, label: str) -> str:
        """Name of the method that has this label, which is the label itself unless the study file says otherwise."""
        return self.spec.method_name(label)

    def searcher(self, label: str) -> tuple[str, Json]:
        """Name and settings of the searcher that proposes a method's trials: its own, or else the comparison's."""
        if own := self.resolved["methods"][label].get("searcher"):
            return own["name"], own["settings"]
        return self.spec.searcher.name, self.resolved["searcher"]


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
    seconds: float | None = None
    epochs: int | None = None


class Trial(NamedTuple):
    """A trial with all its columns; one is None if the trial is only proposed, or if an older version kept nothing."""

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
    epochs: int | None
    precision: str

    @property
    def epochs_trained(self) -> int | None:
        """Epochs that it was trained for, with all its seeds; None if no curve has any. An older version kept none."""
        return self.epochs or _epochs(self.curves) or None

    @property
    def result(self) -> float | None:
        """The objective of a complete trial; a value that a task returns with a lost trial is no result."""
        return self.objective if self.state == "complete" else None


def find_trial(rows: Sequence[Trial], method: str, repeat: int, trial: int, kind: str = "trial") -> Trial:
    """The trial of that name. Raises LookupError with what there is instead; messages call a trial `kind`."""
    for row in rows:
        if (row.method, row.repeat, row.trial) == (method, repeat, trial):
            return row
    of_method = [row for row in rows if row.method == method]
    if not of_method:
        labels = ", ".join(dict.fromkeys(row.method for row in rows))
        raise LookupError(f"has no {kind} of {method!r}; there are {labels or 'none'}")
    studies, length = max(row.repeat for row in of_method), max(row.trial for row in of_method)
    raise LookupError(
        f"has no {kind} {trial} in study {repeat} of {method}; studies are 1 to {studies} and trials 1 to {length}"
    )


@dataclass(frozen=True)
class Run:
    """One run of the comparison: when, on what machine, with which versions; `ended` is None until it ends."""

    id: int
    started: str
    ended: str | None
    provenance: Json
    warnings: int


PROPOSING = 0
"""The attempt of a trial that stands for its proposal; if that failed, another configuration stands in."""


@dataclass(frozen=True)
class FailedAttempt:
    """One failed proposal of a trial, or one failed training of it and `together` - 1 others, and the error's text."""

    method: str
    repeat: int
    trial: int
    attempt: int
    at: str
    together: int
    error: str


def stand_ins_said(stand_ins: Sequence[FailedAttempt]) -> list[str]:
    """No sentence, or one that says for how many trials their searcher had no proposal, and why."""
    if not stand_ins:
        return []
    whys = list(dict.fromkeys(attempt.error for attempt in stand_ins))
    more = f" (and {len(whys) - 1} other reasons)" if len(whys) > 1 else ""
    return [f"{len(stand_ins)} trials are not what the searcher proposed: {whys[0]}{more}"]


@dataclass(frozen=True)
class Output:
    """What a training printed, which `failed` or is recorded, of a trial and the `together` - 1 others in it."""

    failed: bool
    attempt: int
    together: int
    text: str


@dataclass(frozen=True)
class Measured:
    """Facts about a pack's training beside its results: when, how long, how many together, and where."""

    started: str
    ended: str
    seconds: float
    trained_together: int
    attempts: int
    host: str
    device: str
    halved: bool = False


class SeedRow(NamedTuple):
    """What one of several seeds of a trial gave; the trial's own row has the means."""

    method: str
    repeat: int
    trial: int
    number: int
    seed: int
    state: str
    objective: float | None
    metrics: Mapping[str, float | None]
    curves: Mapping[str, Sequence[float | None]]
    reason: str

    @property
    def result(self) -> float | None:
        """The objective of a complete seed, as `Trial.result` is a trial's."""
        return self.objective if self.state == "complete" else None


@dataclass(frozen=True)
class Stored:
    """A result as the trials table returns it: None in place of what is not finite."""

    state: str
    objective: float | None
    metrics: dict[str, float | None]
    curves: dict[str, list[float | None]]
    reason: str


def stored(result: Result) -> Stored:
    """A result as the trials table keeps it."""
    return Stored(
        result.outcome,
        _finite(result.objective),
        {name: _finite(value) for name, value in result.metrics.items()},
        {name: [_finite(value) for value in values] for name, values in result.curves.items()},
        result.reason,
    )


def epochs_of(results: Sequence[Result]) -> int | None:
    """Epochs of trainings together: the values of their curves; None if no curve has a value.

    One without, as of a seed that is lost, took as many as the others usually do: misses are not free.
    """
    lengths = [length for result in results if (length := _epochs(result.curves))]
    return sum(lengths) + round(median(lengths)) * (len(results) - len(lengths)) if lengths else None


def _epochs(curves: Mapping[str, Sequence[object]]) -> int:
    return len(next(iter(curves.values()), ()))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
