"""Searcher: proposes the next configuration of a study from the study's history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Configuration, Space, Value


class PastTrial(Protocol):
    """What a searcher may be told about a recorded trial."""

    @property
    def configuration(self) -> Configuration:
        """The configuration that was tried."""

    @property
    def objective(self) -> float | None:
        """The objective that it reached; None if that is not finite."""


@dataclass(frozen=True)
class History:
    """What a searcher may know about a study: nothing but configurations and objectives.

    Attributes:
        configurations: configurations of the trials so far, in order.
        objectives: one per configuration, finite, oriented so that larger is better whatever the task's
            direction; a diverged or failed trial has the chance level, or the worst of the others if that is worse.
        pending: configurations that were proposed after those and have no result yet, in order: the trials of a round
            that are trained in parallel with the one to propose.
    """

    configurations: tuple[Configuration, ...] = ()
    objectives: tuple[float, ...] = ()
    pending: tuple[Configuration, ...] = ()

    def __post_init__(self) -> None:
        if len(self.configurations) != len(self.objectives):
            raise ValueError(f"{len(self.configurations)} configurations but {len(self.objectives)} objectives")

    def __len__(self) -> int:
        return len(self.objectives)

    @property
    def proposed(self) -> int:
        """How many configurations were proposed before, with those that have no result yet."""
        return len(self.configurations) + len(self.pending)

    @classmethod
    def of(cls, trials: Sequence[PastTrial], objective: Objective, pending: Sequence[PastTrial] = ()) -> History:
        """The history that recorded trials make, and those of the same round, whose results nobody waits for."""
        counted = objective.counted([trial.objective for trial in trials])
        return cls(
            tuple(trial.configuration for trial in trials),
            tuple(map(objective.oriented, counted)),
            tuple(trial.configuration for trial in pending),
        )


class StandIn(UserWarning):
    """A searcher has no proposal of its own for a study, and gives another configuration in its place."""

    def __init__(self, study: int, why: str) -> None:
        """`study` is its place among those that are proposed for, from 0; `why` is a sentence."""
        super().__init__(why)
        self.study = study


class Searcher(ABC):
    """A pure function: all it knows is the space, the recorded histories and the studies' seeds.

    So resuming is exact by construction, and no optimiser state is ever stored. A searcher is a frozen dataclass
    derived from this class, and its fields are its settings; a module holds one as SEARCHER.
    """

    searches: ClassVar[bool] = True
    """Whether it looks for the best. A searcher that tries given configurations says False: reports then show
    results against what was varied, not best-so-far curves."""
    version: ClassVar[int] = 1
    """Goes up when the searcher proposes differently than before: `check` then finds no fault with older databases."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Installed packages whose versions decide its proposals, beside those that hpsearch itself requires."""
    multiplies: ClassVar[bool] = False
    """Whether its proposals depend on how torch rounds products of matrices, which processes may do in several ways.
    One that says True leaves it in the provenance of runs, and `check` finds no fault with those that differ in it."""

    batched: ClassVar[bool] = False
    """Whether proposing for many studies at once costs less than for each alone; all that wait then get theirs."""

    def check(self, spaces: Mapping[str, Space]) -> None:  # noqa: ARG002
        """Raise ValueError if it cannot search these spaces, label -> space. This one takes any space."""
        return

    @abstractmethod
    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """The next configuration of each study.

        Args:
            space: the method's space, the same for all studies.
            histories: one per study.
            seeds: one per study, the same at each of its trials.

        Returns:
            One configuration per study. It depends on that study's own history and seed only. If the searcher has none,
            it gives another one and says so with `warnings.warn(StandIn(study, why))`.
        """
