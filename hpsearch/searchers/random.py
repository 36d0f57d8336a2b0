"""Random search: independent uniform draws from the space, on each parameter's own scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Space, Value


@dataclass(frozen=True)
class Random(Searcher):
    """Random search (Bergstra and Bengio 2012, "Random search for hyper-parameter optimization")."""

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """Draw a configuration that depends on the seed and the number of trials so far."""
        generators = [
            np.random.default_rng(derived_seed(seed, history.proposed))
            for history, seed in zip(histories, seeds, strict=True)
        ]
        return [space.decode(random.random(len(space.searched)).tolist()) for random in generators]


SEARCHER = Random()
