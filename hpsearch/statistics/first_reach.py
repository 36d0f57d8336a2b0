"""The first trial at which a non-decreasing curve is at a level: every statistic here counts trials in this way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROUNDING = 1e-12
"""How far below a level a curve may be and still count as there, since equal numbers summed in another order differ.
It is relative to the level, and absolute for levels below 1."""


def first_reach(curves: Array, levels: Array) -> NDArray[np.int64]:
    """First trial at which each curve is at or above its level, or each of its levels.

    Args:
        curves: non-decreasing along trials, shape (curves, trials).
        levels: one for each curve, shape (curves,), or several, shape (curves, levels).

    Returns:
        1-based trials, with the shape of `levels`; trials + 1 if the level is never reached.
    """
    trials = curves.shape[1]
    lowest = levels - ROUNDING * np.maximum(1.0, np.abs(levels))
    if levels.ndim == 1:
        there = curves >= lowest[:, None]
        return np.asarray(np.where(there.any(axis=1), there.argmax(axis=1), trials) + 1, np.int64)
    reach = np.empty(levels.shape, np.int64)
    # A binary search needs non-decreasing values, and rounding may have broken that order.
    for row, (curve, level) in enumerate(zip(np.maximum.accumulate(curves, axis=1), lowest, strict=True)):
        reach[row] = curve.searchsorted(level)
    reach += 1
    return reach


def own_reach(curves: Array) -> NDArray[np.int64]:
    """First trial at which each curve had its value of each trial: `first_reach(curves, curves)`, without a search.

    Args:
        curves: non-decreasing along trials, shape (curves, trials).

    Returns:
        1-based trials, shape (curves, trials).
    """
    risen = curves[:, 1:] - curves[:, :-1] > ROUNDING * max(1.0, float(np.abs(curves).max()))
    first = np.ones(curves.shape, np.int32)
    np.multiply(risen, np.arange(2, curves.shape[1] + 1), out=first[:, 1:])
    return np.asarray(np.maximum.accumulate(first, axis=1), np.int64)
