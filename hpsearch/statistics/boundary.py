"""Do the chosen configurations crowd at an end of a range? Then the range may be too narrow.

A searcher proposes ends of ranges by itself: a Gaussian process is least certain there, and a design of many
dimensions has some coordinate near an end in most of its points. So the chosen trials are compared with all trials of
the same studies and not with uniform draws. And a range is called too narrow only if the end is a good place: where its
trials are worse than the others, nothing is gained by going beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.superiority import wins

Array = NDArray[np.float64]
SIGNIFICANT = 0.01
MARGIN = 0.025
"""Width of an end, as a share of the range on its own scale."""


@dataclass(frozen=True)
class End:
    """One end of a hyperparameter's range.

    Attributes:
        chosen: how many studies chose a value there.
        studies: how many studies there are.
        proposed: share of the studies' trials that lie there, as a mean over studies.
        p: probability that so many choices or more lie there if each study chose any of its trials alike.
        better: probability that a trial there is better than another of its study, ties half, as a mean over the
            studies that have both; NaN if none has.
    """

    chosen: int
    studies: int
    proposed: float
    p: float
    better: float

    @property
    def too_narrow(self) -> bool:
        """Whether over a quarter chose this end, more than its trials explain (p < 0.01), and they are no worse."""
        return 4 * self.chosen > self.studies and self.p < SIGNIFICANT and self.better >= 0.5


@dataclass(frozen=True)
class Ends:
    """Both ends of a hyperparameter's range."""

    low: End
    high: End

    @property
    def crowded(self) -> tuple[str, End] | None:
        """The end at which the range may be too narrow, by its name; the one that more studies chose if both are."""
        ends = [(name, end) for name, end in (("lower", self.low), ("upper", self.high)) if end.too_narrow]
        return max(ends, key=lambda of: of[1].chosen) if ends else None


def boundary_incidence(positions: Sequence[Array], objectives: Sequence[Array], chosen: Sequence[int]) -> Ends:
    """Compare the chosen trials with all trials at each end of one hyperparameter's range.

    Args:
        positions: where each study's trials lie in the unit interval; for each study (trials,). The hyperparameter must
            be continuous: one with few values has positions at the ends anyway.
        objectives: their objectives as counted, larger is better; for each study (trials,).
        chosen: for each study the position of its chosen trial among these.
    """
    low = [places <= MARGIN + 1e-12 for places in positions]
    high = [places >= 1 - MARGIN - 1e-12 for places in positions]
    return Ends(_end(low, objectives, chosen), _end(high, objectives, chosen))


def _end(there: Sequence[NDArray[np.bool_]], objectives: Sequence[Array], chosen: Sequence[int]) -> End:
    shares = [float(at.mean()) for at in there]
    count = sum(bool(at[position]) for at, position in zip(there, chosen, strict=True))
    better = [
        float(wins(values[at], values[~at]).mean())
        for at, values in zip(there, objectives, strict=True)
        if at.any() and not at.all()
    ]
    mean = float(np.mean(better)) if better else float("nan")
    return End(count, len(shares), float(np.mean(shares)) if shares else 0.0, at_least(count, shares), mean)


def at_least(count: int, probabilities: Sequence[float]) -> float:
    """Probability of `count` or more successes in independent tries with these probabilities (Poisson binomial)."""
    mass = np.ones(1)
    for p in probabilities:
        mass = np.convolve(mass, [1 - p, p])
    return float(min(1.0, mass[count:].sum()))
