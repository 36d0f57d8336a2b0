"""One proposal for each of several studies: the searcher, alone with our own state, its warnings counted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.contracts.searcher import History, Searcher, StandIn
from hpsearch.contracts.space import Space, Value
from hpsearch.system.own_state import own_state


@dataclass(frozen=True)
class Proposed:
    """What a searcher proposed.

    Attributes:
        configurations: one a study.
        stand_ins: place of a study, from 0 -> why the searcher had no proposal of its own for it.
        warnings: how many were raised meanwhile.
    """

    configurations: Sequence[dict[str, Value]]
    stand_ins: Mapping[int, str]
    warnings: int


def propose(searcher: Searcher, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> Proposed:
    """The next configuration of each study."""
    with warnings.catch_warnings(record=True) as caught, own_state():
        warnings.simplefilter("always")
        configurations = searcher.propose(space, histories, seeds)
    said = [warning.message for warning in caught]
    return Proposed(configurations, {m.study: str(m) for m in said if isinstance(m, StandIn)}, len(caught))
