"""Propose for several studies at once, with fresh global settings around the searcher and its warnings counted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.space import Space, Value
from hpsearch.system.own_state import own_state


def propose(
    searcher: Searcher, space: Space, histories: Sequence[History], seeds: Sequence[int]
) -> tuple[list[dict[str, Value]], int]:
    """The next configuration of each study, and how many warnings were raised meanwhile."""
    with warnings.catch_warnings(record=True) as caught, own_state():
        warnings.simplefilter("always")
        configurations = searcher.propose(space, histories, seeds)
    return configurations, len(caught)
