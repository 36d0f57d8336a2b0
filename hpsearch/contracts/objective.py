"""What a task measures, and what one trial yields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Complex, Real
from typing import Literal, Protocol, SupportsFloat, TypeGuard, runtime_checkable

from hpsearch.contracts.correctness import Correctness, Part

Direction = Literal["maximise", "minimise"]
Outcome = Literal["complete", "diverged", "failed"]
Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Objective:
    """What a task measures on its validation data.

    Attributes:
        name: the name that reports use.
        chance: the level of guessing. A trial that diverged or failed counts with this value, or with the worst value
            of a complete trial if that is worse. It has no default, because a number better than an honest trial's
            would draw the search towards failures.
        direction: "maximise" or "minimise".
        unit: unit of measurement, such as "%"; empty if there is none.
        searchable: False if it is measured on test data: then only the searcher "fixed", which ignores objectives,
            may be used.
        bounds: the least and the largest value that the objective can have, each None if there is no such end; (0, 1)
            for a share. No interval of a report goes beyond them. They decide no trial, so two objectives that differ
            only in their bounds are equal.
    """

    name: str
    chance: float
    direction: Direction = "maximise"
    unit: str = ""
    searchable: bool = True
    bounds: Bounds = field(default=(None, None), compare=False)

    def __post_init__(self) -> None:
        if self.direction not in ("maximise", "minimise"):
            raise ValueError(f"direction is 'maximise' or 'minimise', got {self.direction!r}")
        if not math.isfinite(self.chance):
            raise ValueError(f"chance must be finite, got {self.chance}")
        low, high = self.ends
        if not low < high:
            raise ValueError(f"bounds must be a low one and a higher one, or None, got {self.bounds}")
        if not low <= self.chance <= high:
            raise ValueError(f"chance must lie within the bounds {self.bounds}, got {self.chance}")

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds as numbers, infinite if there is none."""
        low, high = self.bounds
        return -math.inf if low is None else low, math.inf if high is None else high

    def ends_of(self, name: str) -> tuple[float, float]:
        """`ends` of a metric or curve; infinite unless its last word is the objective's, as of "test_accuracy"."""
        return self.ends if last_word(name) == last_word(self.name) else (-math.inf, math.inf)

    def lost(self, complete: Iterable[float]) -> float:
        """The value that a trial that diverged or failed counts with: chance, or the worst complete value if worse.

        A lost trial is never better than a complete one. If it were, a searcher would be drawn to what fails, and a
        method that fails would look good.
        """
        worst = min if self.direction == "maximise" else max
        return worst([self.chance, *complete])

    def counted(self, objectives: Sequence[float | None]) -> list[float]:
        """The values that the trials of a study count with; a lost trial has None, or a number that is not finite."""
        lost = self.lost(value for value in objectives if _finite(value))
        return [value if _finite(value) else lost for value in objectives]

    @staticmethod
    def text(value: float) -> str:
        """A value for people to read: four decimals, or four significant digits if decimals would lose it."""
        return f"{value:.4f}" if value == 0 or 1e-2 <= abs(value) < 1e6 else f"{value:.4g}"

    def oriented(self, value: float) -> float:
        """A value, negated if the objective is minimised: larger is always better."""
        return value if self.direction == "maximise" else -value

    def __str__(self) -> str:
        return f"{self.name} ({self.unit or 'no unit'}, {self.direction}, chance {self.chance:g})"


def last_word(name: str) -> str:
    """What a name measures: "accuracy", for "validation accuracy" and for "test_accuracy"."""
    return name.replace("_", " ").rpartition(" ")[2]


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


@dataclass(frozen=True)
class Result:
    """What one trial yields. A number may be of any library's type: a NumPy scalar, a tensor of one element.

    Attributes:
        objective: value on validation data, in the objective's unit; None or non-finite if there is none.
        metrics: further numbers, such as the test accuracy. No searcher, incumbent or stopping rule sees them.
        curves: name -> one value per epoch.
        outcome: "complete"; "diverged" if training left the finite numbers; "failed" if it broke.
        reason: one line saying why, unless complete.
        precision: the type of numbers that it was trained in, such as "fp32", if the task says so.
        correct: which examples were classified correctly, if the task says so: those whose share is the objective
            ("validation"), and those of the same metric on test data ("test"). It is kept for incumbents only.
    """

    objective: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    outcome: Outcome = "complete"
    reason: str = ""
    precision: str = ""
    correct: Mapping[Part, Correctness] = field(default_factory=dict)


def is_precision(text: object) -> bool:
    """Whether something names a type of numbers: a word of at most 20 letters, or nothing."""
    return isinstance(text, str) and re.fullmatch(r"[\w.-]{0,20}", text) is not None


def finished(objective: float, **metrics: float) -> Result:
    """A result that is complete if its objective is finite, and diverged otherwise."""
    if math.isfinite(objective):
        return Result(objective, metrics)
    return Result(None, metrics, outcome="diverged", reason=f"the objective was {objective}")


@runtime_checkable
class _Array(Protocol):
    """What NumPy, torch and others have in common."""

    @property
    def shape(self) -> Sequence[int]: ...

    def item(self) -> object: ...


def number(value: object) -> float:
    """Python's own number for one of any library's type.

    Raises TypeError, which says what the value is instead, or OverflowError.
    """
    if type(value) is float:  # as nearly all are, of a curve's thousands
        return value
    if isinstance(value, _Array):
        if math.prod(value.shape) != 1:
            raise TypeError(f"{type(value).__name__} of shape {tuple(value.shape)}")
        value = value.item()
    if not isinstance(value, SupportsFloat) or (isinstance(value, Complex) and not isinstance(value, Real)):
        raise TypeError(f"{type(value).__name__}")
    return float(value)
