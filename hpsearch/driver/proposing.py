"""Propose for several studies at once, with fresh global settings around the searcher and its warnings counted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.space import Space, Value
from hpsearch.system.own_state import own_state


def propose(
    searcher: Searcher, space: Space, histories: Sequence[History], seeds: Sequence[int]
) -> tuple[list[dict[str, Value]], int]:
    """The next configuration of each study, and how many warnings were raised meanwhile.

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
        if not isinstance(configuration, dict) or set(configuration) != set(space.names):
            raise SpecError(
                f"searcher: {type(searcher).__name__}.propose must return configurations with "
                f"{', '.join(space.names)}, got {configuration!r}"
            )
    return configurations, len(caught)
