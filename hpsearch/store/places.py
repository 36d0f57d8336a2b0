"""Where configurations lie in their space, as numbers: for importances, ends of ranges and models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hpsearch.contracts.space import INACTIVE, Choice, Float, Int, Searched, Space

Array = NDArray[np.float64]


def places(space: Space, rows: pd.DataFrame, *, indicators: bool = True) -> Array:
    """Where configurations lie, (rows, columns): each hyperparameter from 0 to 1, and INACTIVE where it has no value.

    A choice of more than two values that have no order has a column for each value, or one of its index like all
    others if `indicators` is false.
    """
    return np.column_stack([column for p in space.searched for column in _columns(p, rows[p.name], indicators)])


def _columns(parameter: Searched, values: pd.Series[float], indicators: bool) -> list[Array]:
    active = values.notna().to_numpy()

    def column(of: Callable[[pd.Series[float]], Array]) -> Array:
        found = np.full(len(values), INACTIVE)
        found[active] = of(values[active])
        return found

    if not isinstance(parameter, Choice):
        return [column(lambda there: positions(parameter, np.asarray(there, np.float64)))]
    choices = list(parameter.values)
    if parameter.ordered or len(choices) <= 2 or not indicators:
        return [column(lambda there: np.array([choices.index(v) for v in there]) / max(1, len(choices) - 1))]
    return [column(partial(_is, value)) for value in choices]


def _is(value: object, there: pd.Series[float]) -> Array:
    return np.array([float(one == value) for one in there])


def positions(parameter: Float | Int, values: Array) -> Array:
    """Positions of numbers in their range, 0 to 1, on the range's own scale, with the shape of `values`."""
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        low, high, values = np.log(low), np.log(high), np.log(values)
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0))
