"""One proposal for each of several studies: the searcher, alone with our own state, its warnings counted."""

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

    Raises SpecError if the searcher proposes what is no configuration of the space.
    """
    with warnings.catch_warnings(record=True) as caught, own_state():
        warnings.simplefilter("always")
        configurations = searcher.propose(space, histories, seeds)
    for configuration in configurations:
        if misfit := space.misfit(configuration):  # or it could be recorded, and never read again
            raise SpecError(f"searcher: what {type(searcher).__name__} proposes {misfit}; its configurations must fit")
    return configurations, len(caught)
