"""Quasi-random search: each study walks its own scrambled Sobol sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.space import Space, Value


def sobol_configuration(space: Space, seed: int, index: int) -> dict[str, Value]:
    """Element `index`, from 0, of the scrambled Sobol sequence that `seed` chooses.

    Owen's scrambling makes each element uniform over the space, so that the mean over studies is
    unbiased, while the elements of one sequence fill the space evenly.
    """
    from scipy.stats import qmc  # takes most of a second, and a worker only looks up who searches

    if not space.searched:
        return space.decode(())
    sequence = qmc.Sobol(len(space.searched), scramble=True, rng=np.random.default_rng(seed))
    if index:  # scipy cannot move by nothing
        sequence.fast_forward(index)
    return space.decode(sequence.random(1)[0].tolist())


@dataclass(frozen=True)
class Sobol(Searcher):
    """The sequence of Sobol (1967) with the scrambling of Owen (1995), as in scipy."""

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """Propose the element that follows those of the trials so far."""
        studies = zip(histories, seeds, strict=True)
        return [sobol_configuration(space, seed, history.proposed) for history, seed in studies]


SEARCHER = Sobol()
