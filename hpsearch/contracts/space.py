"""Named hyperparameters with bounds and scale, and their encoding in the unit cube.

A space is an ordered tuple of parameters. The recorded configuration is the truth: what a searcher's
model sees is computed from it, never from an earlier point of the cube. Decoding clips to the bounds.

A parameter may be conditional: `when={"optimizer": "sgd"}` makes it part of a configuration only where another
parameter, which comes before it in the space, has that value, or one of several. A configuration has no value for a
parameter that is not active, and its place in the unit cube is then INACTIVE in that coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TypeGuard

from hpsearch.contracts.json import Json

Value = float | int | bool | str
Configuration = Mapping[str, Value]
When = Mapping[str, Value | Sequence[Value]]
"""Name of a parameter -> the value, or the values, that it must have."""
INACTIVE = 0.5
"""Where a parameter that is not active lies in the unit cube: a fixed place, so that it tells a model nothing."""
RESERVED_OF_CURVES = frozenset(("method", "repeat", "trial", "epoch"))
"""Columns beside the curves, whose names no curve may have."""
RESERVED = frozenset(
    ("method", "repeat", "trial", "objective", "state", "reason", "seconds", "seed", "step", "progress")
)
"""Names that no hyperparameter or metric may have: columns of the trials table, and hyperparameters of training."""
RESERVED_OF_SEEDS = frozenset(("number",))
"""A further column of the table of seeds, whose name no metric may have where trials are trained with several."""


@dataclass(frozen=True)
class Float:
    """A real number in [low, high]; with `log`, uniform in its logarithm."""

    name: str
    low: float
    high: float
    log: bool = False
    when: When = field(default_factory=dict, hash=False)

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
    when: When = field(default_factory=dict, hash=False)

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
    when: When = field(default_factory=dict, hash=False)

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
    when: When = field(default_factory=dict, hash=False)

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
        before: dict[str, Parameter] = {}
        for parameter in self.parameters:
            for name, wanted in parameter.when.items():
                if fault := _fault_of_condition(before.get(name), _several(wanted)):
                    raise ValueError(f"{parameter.name}: when = {{{name} = {wanted!r}}}: {fault}")
            before[parameter.name] = parameter

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

    @cached_property
    def conditional(self) -> bool:
        """Whether some parameter is active under a condition only."""
        return any(parameter.when for parameter in self.parameters)

    def active(self, configuration: Mapping[str, object]) -> tuple[Parameter, ...]:
        """The parameters that have a value in this configuration, in order; those before decide about those after."""
        if not self.conditional:
            return self.parameters
        found: dict[str, Parameter] = {}
        for parameter in self.parameters:
            if all(
                name in found and configuration.get(name) in _several(wanted) for name, wanted in parameter.when.items()
            ):
                found[parameter.name] = parameter
        return tuple(found.values())

    def encode(self, configuration: Configuration) -> tuple[float, ...]:
        """Point of the unit cube, shape (searched,); a parameter that is not active is at INACTIVE."""
        return tuple(
            INACTIVE
            if parameter.when and parameter.name not in configuration
            else parameter.encode(configuration[parameter.name])
            for parameter in self.searched
        )

    def decode(self, point: Sequence[float]) -> dict[str, Value]:
        """Configuration at a point of the unit cube, shape (searched,): fixed values filled in, without the inactive.

        Points that differ only in parameters that are not active are the same configuration.
        """
        if len(point) != len(self.searched):
            raise ValueError(f"a point of this space has {len(self.searched)} coordinates, got {len(point)}")
        positions = dict(zip((parameter.name for parameter in self.searched), point, strict=True))
        everything = {
            parameter.name: parameter.value
            if isinstance(parameter, Fixed)
            else parameter.decode(float(positions[parameter.name]))
            for parameter in self.parameters
        }
        return self.without_inactive(everything)

    def without_inactive(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The configuration with these values, in order: those of parameters that are not active in it are left out."""
        return {parameter.name: values[parameter.name] for parameter in self.active(values)}

    def misfit(self, configuration: Mapping[str, object]) -> str:
        """Why this is no configuration of the space, whatever its bounds are; empty if it is one."""
        active = self.active(configuration)
        for parameter in active:
            if parameter.name not in configuration:
                return f"has no {parameter.name}"
            if not parameter.fits(configuration[parameter.name]):
                return f"has {parameter.name} = {configuration[parameter.name]!r}"
        if len(configuration) == len(active):
            return ""
        extra = min(configuration.keys() - {parameter.name for parameter in active})
        return f"has {extra!r}, which {'is not active in it' if extra in self.names else 'its space has not'}"

    def contains(self, configuration: Mapping[str, object]) -> bool:
        """Whether this is a configuration of the space and within its bounds."""
        return not self.misfit(configuration) and all(
            isinstance(parameter, Fixed) or parameter.contains(configuration[parameter.name])
            for parameter in self.active(configuration)
        )

    @classmethod
    def possible(cls, parameters: Iterable[Parameter]) -> Space:
        """The space of these without those whose condition can never hold, as after narrowing what it is on."""
        kept: dict[str, Parameter] = {}
        for parameter in parameters:
            if not any(_fault_of_condition(kept.get(n), _several(wanted)) for n, wanted in parameter.when.items()):
                kept[parameter.name] = parameter
        return cls(tuple(kept.values()))


def space_as_json(space: Space) -> list[Json]:
    """The space as plain values, for the database and the report."""
    return [
        {"kind": type(p).__name__.lower(), **{k: v for k, v in asdict(p).items() if k != "when" or v}} for p in space
    ]


def space_from_json(rows: Iterable[Json]) -> Space:
    """The space whose `space_as_json` is `rows`."""
    kinds: dict[str, type[Parameter]] = {"float": Float, "int": Int, "choice": Choice, "fixed": Fixed}
    return Space(tuple(kinds[r["kind"]](**_settings(r)) for r in rows))


def _settings(row: Json) -> Json:
    settings = {key: value for key, value in row.items() if key != "kind"}
    if "when" in settings:
        settings["when"] = conditions(settings["when"])
    return settings


def conditions(when: When) -> When:
    """Conditions that are read from a file, which has lists: equal to those that have tuples."""
    return {name: tuple(wanted) if isinstance(wanted, list) else wanted for name, wanted in when.items()}


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


def condition_text(parameter: Parameter) -> str:
    """Condition of a parameter for people: "optimizer = sgd or adam, and nesterov = True"; empty if it has none."""
    return ", and ".join(
        f"{name} = {' or '.join(map(str, _several(wanted)))}" for name, wanted in parameter.when.items()
    )


def _several(wanted: Value | Sequence[Value]) -> Sequence[Value]:
    """The values that a condition names, which may be one alone."""
    return wanted if isinstance(wanted, list | tuple) else (wanted,)


def _fault_of_condition(on: Parameter | None, wanted: Sequence[Value]) -> str:
    """Why a condition cannot be meant, given the parameter that it is on, if one of that name comes before."""
    if on is None:
        return "no parameter of this name comes before it in the space"
    if isinstance(on, Float):
        return "a condition is on a choice, an integer or a fixed value, not on a real number"
    if not any(on.fits(value) if isinstance(on, Fixed) else on.contains(value) for value in wanted):
        return f"{on.name} can never have such a value"
    return ""


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
