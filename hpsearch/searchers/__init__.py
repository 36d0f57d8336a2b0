"""Searchers: each proposes the next configuration of a study from the study's history.

A searcher is a pure function. All it knows is the space, the recorded histories and the studies' seeds,
so resuming is exact by construction and no optimiser state is ever stored. One searcher a file, held
there as SEARCHER: a frozen dataclass whose fields are its settings. One that is not for every space also has
`check(spaces)`, of all methods by their labels, which raises ValueError where a study file is read.
One that looks for nothing, but tries given configurations, says `searches = False`: reports then show results
against what was varied in place of best-so-far curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hpsearch.space import Configuration, Space, Value
from hpsearch.task import Objective


class Recorded(Protocol):
    """Of a recorded trial what a searcher may be told."""

    @property
    def configuration(self) -> Configuration:
        """What was tried."""

    @property
    def objective(self) -> float | None:
        """What came of it; None where it has no finite one."""


@dataclass(frozen=True)
class History:
    """What a searcher may know of a study: nothing but configurations and objectives.

    Attributes:
        configurations: of the trials so far, in order.
        objectives: one each, finite, oriented so that larger is better whatever the task's direction;
            a diverged or failed trial carries the chance level.
    """

    configurations: tuple[Configuration, ...] = ()
    objectives: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.configurations) != len(self.objectives):
            raise ValueError(f"{len(self.configurations)} configurations but {len(self.objectives)} objectives")

    def __len__(self) -> int:
        return len(self.objectives)

    @classmethod
    def of(cls, trials: Sequence[Recorded], objective: Objective) -> History:
        """What a searcher is told of recorded trials."""
        return cls(
            tuple(trial.configuration for trial in trials),
            tuple(objective.oriented(trial.objective) for trial in trials),
        )


class Searcher(Protocol):
    """What every searcher is."""

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """The next configuration of each study.

        Args:
            space: the method's space, the same for all studies.
            histories: one a study.
            seeds: one a study, the same at each of its trials.

        Returns:
            One configuration a study. It depends on that study's own history and seed only.
        """
