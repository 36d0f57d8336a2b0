"""What trials have spent of a study's budget."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple, Protocol

from hpsearch.study.schema import Spec


class Costed(Protocol):
    """What a finished trial says of its cost."""

    @property
    def seconds(self) -> float | None:
        """Seconds of training."""

    @property
    def epochs(self) -> int | None:
        """Epochs of training, with all seeds; None if it has no curve."""


class Cost(NamedTuple):
    """The cost of a trial that is read from a table."""

    seconds: float | None
    epochs: int | None


def spent(trials: Sequence[Costed]) -> tuple[int, int, float]:
    """Trials, epochs and seconds that the finished trials of a study took.

    A lost trial without a curve took as many epochs as its study's trials usually do, or one: misses are not free, and
    a study of nothing else comes to its end.
    """
    epochs = [trial.epochs for trial in trials if trial.epochs is not None]
    usual = max(1, round(median(epochs))) if epochs else 1
    return (
        len(trials),
        sum(epochs) + usual * (len(trials) - len(epochs)),
        sum(trial.seconds or 0.0 for trial in trials),
    )


def has_ended(finished: Sequence[Costed], spec: Spec) -> bool:
    """Whether a study with these finished trials has ended: at the end of a round, so that no budget cuts one."""
    if len(finished) < spec.trials and (spec.budget is None or len(finished) % spec.parallel):
        return False  # what the trials took is not looked at: a run asks after every round
    return spec.is_spent(*spent(finished))
