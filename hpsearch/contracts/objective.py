"""What a task measures, and what one trial yields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Complex, Real
from typing import Literal, Protocol, SupportsFloat, runtime_checkable

Direction = Literal["maximise", "minimise"]
Outcome = Literal["complete", "diverged", "failed"]


@dataclass(frozen=True)
class Objective:
    """What a task measures on its validation data.

    `chance` is the level of guessing; a searcher is told this value for a trial that diverged or failed. It has no
    default, because a number better than an honest trial's would draw the search towards failures. An objective
    measured on test data is not `searchable`: only the searcher "fixed", which ignores objectives, may be used.
    """

    name: str
    chance: float
    direction: Direction = "maximise"
    unit: str = ""
    searchable: bool = True

    def __post_init__(self) -> None:
        if self.direction not in ("maximise", "minimise"):
            raise ValueError(f"direction is 'maximise' or 'minimise', got {self.direction!r}")
        if not math.isfinite(self.chance):
            raise ValueError(f"chance must be finite, got {self.chance}")

    def spent(self, value: float | None) -> float:
        """The objective that a trial counts with: its own, or the chance level if it has none."""
        return self.chance if value is None or not math.isfinite(value) else value

    @staticmethod
    def text(value: float) -> str:
        """A value for people to read: four decimals, or four significant digits if decimals would lose it."""
        return f"{value:.4f}" if value == 0 or 1e-2 <= abs(value) < 1e6 else f"{value:.4g}"

    def oriented(self, value: float | None) -> float:
        """`spent`, negated if the objective is minimised: larger is always better."""
        return self.spent(value) if self.direction == "maximise" else -self.spent(value)

    def __str__(self) -> str:
        return f"{self.name} ({self.unit or 'no unit'}, {self.direction}, chance {self.chance:g})"


@dataclass(frozen=True)
class Result:
    """What one trial yields. A number may be of any library's type: a NumPy scalar, a tensor of one element.

    Attributes:
        objective: value on validation data, in the objective's unit; None or non-finite if there is none.
        metrics: further numbers, such as the test accuracy. No searcher, incumbent or stopping rule sees them.
        curves: name -> one value per epoch.
        outcome: "complete"; "diverged" if training left the finite numbers; "failed" if it broke.
        reason: one line saying why, unless complete.
    """

    objective: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    outcome: Outcome = "complete"
    reason: str = ""


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
