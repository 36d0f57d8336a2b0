"""How good a study was over all its trials, not only at its end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def area_under_curve(incumbents: Array) -> Array:
    """Mean over trials of the best objective so far, in the objective's unit.

    Args:
        incumbents: shape (studies, trials).

    Returns:
        Shape (studies,).
    """
    return np.asarray(incumbents.mean(axis=1))
