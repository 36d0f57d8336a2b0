"""A space as a Gaussian process sees it: points of numbers in [0, 1], and the combinations of its discrete values.

A number, a choice of two values and an ordered choice have one column each, other choices one for each value. A
parameter that is not active in a configuration has INACTIVE in all its columns: a fixed place tells the model nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.space import INACTIVE, Choice, Configuration, Fixed, Int, Parameter, Searched, Space, Value

Array = NDArray[np.float64]


def encoded(space: Space, configuration: Configuration) -> list[float]:
    """The point of a configuration, (columns,)."""
    return [
        column
        for parameter in space.searched
        for column in (
            _columns(parameter, configuration[parameter.name])
            if parameter.name in configuration
            else [INACTIVE] * _width(parameter)
        )
    ]


def rounded(space: Space, points: Array, free: NDArray[np.bool_]) -> Array:
    """Points (..., columns) with the integers that are free in the middle of their share: as `decoded` takes them."""
    found, at = points.copy(), 0
    for parameter in space.searched:
        if isinstance(parameter, Int):
            places = [parameter.encode(parameter.decode(float(place))) for place in points[..., at].flat]
            found[..., at] = np.reshape(places, points.shape[:-1])
        at += _width(parameter)
    return np.where(free, found, points)


def decoded(space: Space, point: Array) -> dict[str, Value]:
    """The configuration at a point, the inverse of `encoded`."""
    positions, at = [], 0
    for parameter in space.searched:
        width = _width(parameter)
        columns, at = point[at : at + width], at + width
        if not isinstance(parameter, Choice):
            positions.append(float(columns[0]))
        else:
            values = len(parameter.values)
            index = int(columns.argmax()) if width > 1 else round(float(columns[0]) * (values - 1))
            positions.append((index + 0.5) / values)
    return space.decode(positions)


@dataclass(frozen=True)
class Combination:
    """Values of the choices, and of the integers on which other parameters depend.

    Attributes:
        point: its columns, (columns,); free ones hold anything.
        free: which columns are numbers that it leaves open, (columns,).
    """

    point: Array
    free: NDArray[np.bool_]


def combinations(
    space: Space, limit: int, random: np.random.Generator, first: Sequence[Configuration] = ()
) -> list[Combination]:
    """All combinations; if there are more than `limit`, so many: those of the configurations `first`, and random ones.

    Two that differ in parameters that are not active are one.
    """
    every = _grown(space, lambda values: values, limit + 1)
    if len(every) <= limit:
        return [_combination(space, values) for values in every]
    names = {parameter.name for parameter, _ in _discrete(space)}
    chosen: list[dict[str, Value]] = []
    one = lambda values: [values[int(random.integers(len(values)))]]  # noqa: E731
    drawn = (_grown(space, one, 1)[0] for _ in range(DRAWS * limit))
    for values in chain(({n: v for n, v in c.items() if n in names} for c in first), drawn, every):
        if values not in chosen:
            chosen.append(values)
        if len(chosen) == limit:
            break
    return [_combination(space, values) for values in chosen]


DRAWS = 4
"""How often a combination is drawn for each that is wanted, where some are much likelier than others."""
Pick = Callable[[Sequence[Value]], Sequence[Value]]


def _grown(space: Space, pick: Pick, most: int) -> list[dict[str, Value]]:
    """Values of the discrete parameters that are active, in each combination of what `pick` takes; at most `most`."""

    def extended(parameter: Parameter, values: Sequence[Value]) -> Iterator[dict[str, Value]]:
        for combination in found:
            if parameter.name in (active.name for active in space.active(combination)):
                yield from ({**combination, parameter.name: value} for value in pick(values))
            else:
                yield combination

    found: list[dict[str, Value]] = [{}]
    for parameter, values in _discrete(space):
        found = list(islice(extended(parameter, values), most))
    return found


def _discrete(space: Space) -> Iterator[tuple[Parameter, Sequence[Value]]]:
    """The parameters of a combination, each with its values."""
    decisive = {name for parameter in space for name in parameter.when}
    for parameter in space:
        if isinstance(parameter, Fixed):
            yield parameter, (parameter.value,)
        elif isinstance(parameter, Choice):
            yield parameter, parameter.values
        elif isinstance(parameter, Int) and parameter.name in decisive:
            yield parameter, range(int(parameter.low), int(parameter.high) + 1)


def _combination(space: Space, chosen: dict[str, Value]) -> Combination:
    active = {parameter.name for parameter in space.active(chosen)}
    open_ = [p.name in active and p.name not in chosen for p in space.searched]
    return Combination(
        np.array(encoded(space, chosen)),
        np.array([is_open for p, is_open in zip(space.searched, open_, strict=True) for _ in range(_width(p))], bool),
    )


def _columns(parameter: Searched, value: Value) -> list[float]:
    if not isinstance(parameter, Choice):
        return [parameter.encode(value)]
    index, width = parameter.values.index(value), _width(parameter)
    if width == 1:
        return [index / (len(parameter.values) - 1)]
    return [float(i == index) for i in range(width)]


def _width(parameter: Searched) -> int:
    if not isinstance(parameter, Choice) or parameter.ordered or len(parameter.values) == 2:
        return 1
    return len(parameter.values)
