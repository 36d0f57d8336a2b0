"""When two means are equal: a mean is off by a rounding of its own size, and so two that are closer than that tie.

Another order of the studies, or another unit of the objective, changes that rounding; it must not change who wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
EPSILON = float(np.finfo(np.float64).eps)


def rounding_of_mean(sizes: Array, additions: int) -> Array:
    """How far a mean may be off.

    Args:
        sizes: means of the absolute values that were averaged, any shape.
        additions: how many numbers were added up.

    Returns:
        A bound in the unit of the values, with the shape of `sizes`.
    """
    # A value in another unit and each of the additions and the division are off by half an epsilon at most.
    return (additions + 2) * EPSILON * sizes


class Mean(NamedTuple):
    """A mean, and how far it may be off by rounding."""

    value: float
    rounding: float

    @classmethod
    def of(cls, values: Array) -> Mean:
        """The mean of values (studies,)."""
        return cls(float(values.mean()), float(rounding_of_mean(np.abs(values).mean(), len(values))))


def compare(a: Mean, b: Mean) -> int:
    """1 if `a` is larger than `b`, -1 if it is smaller, 0 if they are within their roundings of each other."""
    difference = a.value - b.value
    return 0 if abs(difference) <= a.rounding + b.rounding else int(np.sign(difference))


def largest(means: Mapping[str, Mean]) -> list[str]:
    """The names of the means that no other one is larger than, in order."""
    return [name for name, mean in means.items() if not any(compare(other, mean) > 0 for other in means.values())]
