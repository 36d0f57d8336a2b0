"""Propose for several studies at once, with fresh global settings around the searcher and its warnings counted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.searcher import History, Searcher, StandIn
from hpsearch.contracts.space import Space, Value
from hpsearch.system.own_state import own_state


@dataclass(frozen=True)
class Proposed:
    """What a searcher proposed.

    Attributes:
        configurations: one per study.
        stand_ins: place of a study, from 0 -> why the searcher had no proposal of its own for it.
        warnings: how many were raised meanwhile.
    """

    configurations: Sequence[dict[str, Value]]
    stand_ins: Mapping[int, str]
    warnings: int


def propose(searcher: Searcher, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> Proposed:
    """The next configuration of each study.

    Raises SpecError if the searcher returns anything but one configuration of the space per study.
    """
    with warnings.catch_warnings(record=True) as caught, own_state():
        warnings.simplefilter("always")
        configurations = searcher.propose(space, histories, seeds)
    if not isinstance(configurations, list) or len(configurations) != len(histories):
        found = f"{len(configurations)}" if isinstance(configurations, list) else type(configurations).__name__
        raise SpecError(
            f"searcher: {type(searcher).__name__}.propose must return a list of one configuration per study "
            f"({len(histories)}), got {found}"
        )
    for configuration in configurations:
        wrong = space.misfit(configuration) if isinstance(configuration, dict) else "is no dictionary"
        if wrong:  # it could be recorded, and never be read again
            raise SpecError(
                f"searcher: {type(searcher).__name__}.propose must return configurations of the space; "
                f"{configuration!r} {wrong}"
            )
    said = [warning.message for warning in caught]
    return Proposed(configurations, {m.study: str(m) for m in said if isinstance(m, StandIn)}, len(caught))
