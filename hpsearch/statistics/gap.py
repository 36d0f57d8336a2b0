"""The winner's curse: how much better the chosen configuration looks on the data by which it was chosen.

The gap between validation and test has two parts. All trials have the first, chosen or not: the test data are harder
(or easier). The second is what the chosen trials have beyond that, and it is what choosing by validation flatters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import Interval, bootstrap_mean

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Gap:
    """Validation minus test, as means over studies with 95% intervals, in the objective's unit.

    Attributes:
        chosen: the gap of the trial that each study chose; the sum of the two others.
        everywhere: the gap of all of a study's trials: how much harder the test data are.
        choosing: how much larger the gap of the chosen trial is than that of its study's trials.
    """

    chosen: Interval
    everywhere: Interval
    choosing: Interval


def selection_gap(gaps: Sequence[Array], chosen: Sequence[int]) -> Gap:
    """Split the gap of the chosen trials: what all trials of their study have, and the rest.

    The parts are paired by study, so that what a study's trials share cancels.

    Args:
        gaps: validation minus test of each complete trial, larger validation better; for each study (trials,).
        chosen: for each study the position of its chosen trial.
    """
    of_chosen = np.array([gap[position] for gap, position in zip(gaps, chosen, strict=True)], np.float64)
    of_all = np.array([gap.mean() for gap in gaps], np.float64)
    return Gap(*(bootstrap_mean(values) for values in (of_chosen, of_all, of_chosen - of_all)))
