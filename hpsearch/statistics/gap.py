"""The winner's curse: how much better the chosen configuration looks on the data by which it was chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hpsearch.statistics.bootstrap import Interval, bootstrap_mean

Array = NDArray[np.float64]


def selection_gap(validation: Array, test: Array) -> Interval:
    """Mean of validation minus test over the studies' chosen configurations, with the interval of `bootstrap_mean`.

    Args:
        validation: value by which the configuration was chosen, shape (studies,).
        test: value of the same training on test data, in the same unit, shape (studies,).

    Returns:
        Estimate and 95% bounds, shape ().
    """
    return bootstrap_mean(np.asarray(validation - test))
