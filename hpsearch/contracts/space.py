"""Named hyperparameters with bounds and scale, and their encoding in the unit cube.

A space is an ordered tuple of parameters. The recorded configuration is the truth: what a searcher's
model sees is computed from it, never from an earlier point of the cube. Decoding clips to the bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeGuard

from hpsearch.contracts.json import Json

Value = float | int | bool | str
Configuration = Mapping[str, Value]
RESERVED_OF_CURVES = frozenset(("method", "repeat", "trial", "epoch"))
"""Columns beside the curves, whose names no curve may have."""
RESERVED = frozenset(
    ("method", "repeat", "trial", "objective", "state", "reason", "seconds", "seed", "step", "progress")
)
"""Names that no hyperparameter or metric may have: columns of the trials table, and hyperparameters of training."""


@dataclass(frozen=True)
class Float:
    """A real number in [low, high]; with `log`, uniform in its logarithm."""

    name: str
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self.name, self.low, self.high, self.log)

    def encode(self, value: Value) -> float:
        """Position of `value` in [0, 1]."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        return _clip((self._scaled(float(value)) - low) / (high - low), 0.0, 1.0)

    def decode(self, position: float) -> float:
        """Value at `position` in [0, 1]; encode(decode(u)) is u within 1e-12."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        scaled = low + _clip(position, 0.0, 1.0) * (high - low)
        return _clip(math.exp(scaled) if self.log else scaled, self.low, self.high)

    def fits(self, value: object) -> bool:
        """Whether `value` is a number."""
        return _is_number(value)

    def contains(self, value: object) -> bool:
        """Whether `value` is a number within the bounds."""
        return _is_number(value) and self.low <= value <= self.high

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else value


@dataclass(frozen=True)
class Int:
    """An integer in [low, high], both included; each takes an equal share of [0, 1] (of its logarithm)."""

    name: str
    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self.name, self.low, self.high, self.log)
        if self.low != int(self.low) or self.high != int(self.high):
            raise ValueError(f"{self.name}: the bounds of an integer must be whole, got {self.low}, {self.high}")

    def encode(self, value: Value) -> float:
        """Position of `value` in [0, 1]: the middle of its share on a linear scale."""
        return self._cells.encode(value)

    def decode(self, position: float) -> int:
        """The integer whose share holds `position`: the inverse of `encode`."""
        return int(_clip(round(self._cells.decode(position)), self.low, self.high))

    def fits(self, value: object) -> bool:
        """Whether `value` is a whole number."""
        return _is_number(value) and value == int(value)

    def contains(self, value: object) -> bool:
        """Whether `value` is a whole number within the bounds."""
        return _is_number(value) and value == int(value) and self.low <= value <= self.high

    @property
    def _cells(self) -> Float:
        return Float(self.name, self.low - 0.5, self.high + 0.5, self.log)


@dataclass(frozen=True)
class Choice:
    """One of several values, without order unless `ordered`; each takes an equal share of [0, 1]."""

    name: str
    values: tuple[Value, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if len(self.values) < 2:
            raise ValueError(f"{self.name}: a choice needs at least two values, got {list(self.values)}")
        if len(set(self.values)) < len(self.values):  # 1, 1.0 and true are equal
            raise ValueError(f"{self.name}: the values of a choice must differ, got {list(self.values)}")

    def encode(self, value: Value) -> float:
        """Middle of the share of `value` in [0, 1]."""
        return (self.values.index(value) + 0.5) / len(self.values)

    def decode(self, position: float) -> Value:
        """Value whose share holds `position`."""
        return self.values[int(_clip(position * len(self.values), 0, len(self.values) - 1))]

    def fits(self, value: object) -> bool:
        """Whether `value` is one of the values."""
        return value in self.values

    contains = fits


@dataclass(frozen=True)
class Fixed:
    """A hyperparameter held at one value: part of every configuration, but not searched."""

    name: str
    value: Value

    def fits(self, value: object) -> bool:
        """Whether `value` is the one it is held at."""
        return value == self.value


Searched = Float | Int | Choice
Parameter = Searched | Fixed


@dataclass(frozen=True)
class Space:
    """An ordered tuple of parameters with distinct names."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) < len(names):
            raise ValueError(f"the names in a space must differ, got {names}")

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return next(parameter for parameter in self.parameters if parameter.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all hyperparameters, the fixed ones too, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def searched(self) -> tuple[Searched, ...]:
        """The parameters that a searcher may move: one coordinate of the unit cube each."""
        return tuple(parameter for parameter in self.parameters if not isinstance(parameter, Fixed))

    def encode(self, configuration: Configuration) -> tuple[float, ...]:
        """Point of the unit cube, shape (searched,)."""
        return tuple(parameter.encode(configuration[parameter.name]) for parameter in self.searched)

    def decode(self, point: Sequence[float]) -> dict[str, Value]:
        """Configuration at a point of the unit cube, shape (searched,); fixed values are filled in."""
        if len(point) != len(self.searched):
            raise ValueError(f"a point of this space has {len(self.searched)} coordinates, got {len(point)}")
        positions = dict(zip((parameter.name for parameter in self.searched), point, strict=True))
        return {
            parameter.name: parameter.value
            if isinstance(parameter, Fixed)
            else parameter.decode(float(positions[parameter.name]))
            for parameter in self.parameters
        }

    def misfit(self, configuration: Mapping[str, object]) -> str:
        """Why this is no configuration of the space, whatever its bounds are; empty if it is one."""
        for parameter in self.parameters:
            if parameter.name not in configuration:
                return f"has no {parameter.name}"
            if not parameter.fits(configuration[parameter.name]):
                return f"has {parameter.name} = {configuration[parameter.name]!r}"
        if len(configuration) == len(self.parameters):
            return ""
        return f"has {min(configuration.keys() - set(self.names))!r}, which its space has not"

    def replaced(self, parameter: Parameter) -> Space:
        """This space with the parameter of the same name replaced, or with a new one appended."""
        if parameter.name not in self.names:
            return Space((*self.parameters, parameter))
        return Space(tuple(parameter if old.name == parameter.name else old for old in self.parameters))


def space_as_json(space: Space) -> list[Json]:
    """The space as plain values, for the database and the report."""
    return [{"kind": type(p).__name__.lower(), **asdict(p)} for p in space]


def space_from_json(rows: Iterable[Json]) -> Space:
    """The space whose `space_as_json` is `rows`."""
    kinds: dict[str, type[Parameter]] = {"float": Float, "int": Int, "choice": Choice, "fixed": Fixed}
    return Space(tuple(kinds[r["kind"]](**{k: v for k, v in r.items() if k != "kind"}) for r in rows))


def _check_bounds(name: str, low: float, high: float, log: bool) -> None:
    try:
        low, high = float(low), float(high)
    except OverflowError:  # an integer of hundreds of digits
        low = math.inf
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
        raise ValueError(f"{name}: bounds must be finite, and less than 1.8e308 apart, got {low}, {high}")
    if not low < high:
        raise ValueError(f"{name}: low must be below high, got {low}, {high} (to fix a value, give it alone)")
    if log and low <= 0:
        raise ValueError(f"{name}: a logarithmic scale needs low above 0, got {low}")
    if log and not math.log(low) < math.log(high):
        raise ValueError(f"{name}: low and high are too close for a logarithmic scale, got {low}, {high}")


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
