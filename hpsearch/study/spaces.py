"""Change a method's space as a study file says: a value fixes a hyperparameter, a range or choices replace its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import cast

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.space import (
    RESERVED,
    Choice,
    Fixed,
    Float,
    Int,
    Parameter,
    Space,
    Value,
    condition_text,
    conditions,
)
from hpsearch.study.faults import shortened, shown, unknown
from hpsearch.study.schema import LINE, Choices, Range, SpaceChange

MOST = 1_000
"""How many hyperparameters a method may have."""
MOST_DESCRIBED = 10
"""How many methods have a line of their own where spaces are shown; the others are counted."""
LARGEST_EXACT = 2**53
LARGEST_WHOLE = 2**63 - 1


def changed(space: Space, changes: Mapping[str, SpaceChange], key: str, *, open_space: bool) -> Space:
    """`space` with the changes of a study file; with `open_space` it may gain hyperparameters.

    Raises SpecError naming `key` and the hyperparameter.
    """
    parameters = {parameter.name: parameter for parameter in space}
    for name, change in changes.items():
        where = f"{key}.space.{name}"
        if name in RESERVED:
            raise SpecError(f"{where}: a hyperparameter may not have this name: a column of the trials table has it")
        if name not in parameters and not open_space:
            raise SpecError(unknown(where, name, parameters))
        try:
            parameters[name] = _parameter(name, change, parameters.get(name))
        except ValueError as error:
            raise SpecError(f"{where}: {error}") from error
    if len(parameters) > MOST:
        raise SpecError(f"{key}.space: has {len(parameters):,} hyperparameters, and a method may have {MOST:,} at most")
    for name, parameter in parameters.items():
        if fault := _too_large(parameter):
            raise SpecError(f"{key}.space.{name}: {fault}")
    given = [name for name, change in changes.items() if isinstance(change, Range | Choices) and change.when]
    return _possible(parameters, given, f"{key}.space")


def as_lines(space: Space) -> dict[str, object]:
    """The lines of a study file that make the space. Raises SpecError if there are none for it."""
    return {parameter.name: _line(parameter) for parameter in space}


def _line(parameter: Parameter) -> object:
    condition = {"when": parameter.when} if parameter.when else {}
    if isinstance(parameter, Choice):
        return {"choices": list(parameter.values), "ordered": parameter.ordered, **condition}
    if isinstance(parameter, Float | Int):
        bounds = {"low": parameter.low, "high": parameter.high, "log": parameter.log}
        return {**bounds, "integer": isinstance(parameter, Int), **condition}
    if condition:
        raise SpecError(
            f"{parameter.name}: a fixed value cannot be conditional here: give it no `when`, or two choices"
        )
    return parameter.value


def held(space: Space, now: Space, chosen: Mapping[str, SpaceChange]) -> Space:
    """The space of one configuration that was chosen, all of whose values are active: no condition is left.

    The search may have had other conditions than the method, as its study file said.

    Args:
        space: the method's own.
        now: the same with the values of the configuration, by the method's own conditions.
        chosen: those values. A hyperparameter without one was not active, unless the method itself holds it.
    """
    kept = {parameter.name: parameter for parameter in now if isinstance(parameter, Fixed)}
    for name, value in chosen.items():
        if isinstance(value, bool | int | float | str):
            kept[name] = Fixed(name, value)
    return Space(tuple(kept[name] for name in space.names if name in kept))


def _possible(parameters: Mapping[str, Parameter], given: Sequence[str], key: str) -> Space:
    """The space of those that can be active: narrowing may leave out a value that a method's own condition needs.

    A condition that is `given` in the study file must be able to hold, with each value that it names.
    """
    for name in given:
        for on, wanted in parameters[name].when.items():
            known, values = parameters.get(on), wanted if isinstance(wanted, list | tuple) else ()
            wrong = [value for value in values if isinstance(known, Choice | Int) and not known.contains(value)]
            if 0 < len(wrong) < len(values):
                raise SpecError(f"{key}.{name}: when = {{{on} = {list(values)}}}: {on} can never be {shown(wrong[0])}")
    space = Space.possible(parameters.values())
    for name in (name for name in given if name not in space.names):
        before = list(parameters)[: list(parameters).index(name)]
        try:
            Space((*(parameters[kept] for kept in before if kept in space.names), parameters[name]))
        except ValueError as error:
            raise SpecError(f"{key}.{error}") from error
    return space


def _too_large(parameter: Parameter) -> str:
    """Say which whole numbers tables, databases and exports cannot hold; empty if they hold all."""
    if isinstance(parameter, Fixed):
        values, most, why = [parameter.value], LARGEST_WHOLE, "which have 64 bits"
    elif isinstance(parameter, Float):
        return ""  # whose bounds are floating-point numbers already
    else:
        values = [parameter.low, parameter.high] if isinstance(parameter, Int) else list(parameter.values)
        most, why = LARGEST_EXACT, "beyond which floating-point numbers skip some"
    large = next((value for value in values if type(value) is int and abs(value) > most), None)
    return "" if large is None else f"whole numbers must lie within {most:,} of 0, {why}, got {shown(large)}"


def _parameter(name: str, change: SpaceChange, old: Parameter | None) -> Parameter:
    """A hyperparameter as one line of a study file's space changes it, with its condition unless that has another."""
    given = change.when if isinstance(change, Range | Choices) else None
    found = _without_condition(name, change, old)
    return dataclasses.replace(found, when=conditions(given) if given is not None else old.when if old else {})


def _without_condition(name: str, change: SpaceChange, old: Parameter | None) -> Parameter:
    if isinstance(change, Choices):
        return _choice(name, change.choices, change.ordered, old)
    if isinstance(change, list):
        if isinstance(old, Choice):
            return _choice(name, change, old.ordered, old)
        if len(change) != 2 or not all(type(bound) in (int, float) for bound in change):
            raise ValueError(f"{LINE}, got {shown(change)}")
        whole = old is None and all(type(bound) is int for bound in change)
        change = Range.model_validate({"low": change[0], "high": change[1], "integer": whole or None})
    if isinstance(change, Range):
        return _range(name, change, old)
    return _fixed(name, change, old)


def _fixed(name: str, value: Value, old: Parameter | None) -> Fixed:
    if isinstance(old, Choice) and not any(type(v) is type(value) and v == value for v in old.values):
        raise ValueError(f"expected one of {list(old.values)}, got {value!r}")
    if isinstance(old, Float | Int):
        if isinstance(value, bool | str):
            raise ValueError(f"expected a number, got {value!r}")
        if isinstance(old, Int) and value != int(value):
            raise ValueError(f"expected a whole number, got {value!r}")
    # A fixed value may lie outside the searched range: the range is only where it is worth looking.
    return Fixed(name, value)


def _choice(name: str, values: Sequence[Value], ordered: bool, old: Parameter | None) -> Choice:
    if isinstance(old, Float | Int):
        values = [_fixed(name, value, old).value for value in values]
    if isinstance(old, Choice):
        for value in values:
            _fixed(name, value, old)
    return Choice(name, tuple(values), ordered)


def _range(name: str, change: Range, old: Parameter | None) -> Float | Int:
    if isinstance(old, Choice):
        raise ValueError(f"expected one of {list(old.values)} or a list of some of them, got a range")
    known = old if isinstance(old, Float | Int) else None
    low = change.low if change.low is not None else known.low if known else None
    high = change.high if change.high is not None else known.high if known else None
    log = change.log if change.log is not None else known.log if known else False
    integer = change.integer if change.integer is not None else isinstance(known, Int)
    if low is None or high is None:
        raise ValueError("a range needs both low and high")
    if integer:
        return Int(name, cast(int, low), cast(int, high), log)
    return Float(name, float(low), float(high), log)


def described(spaces: Mapping[str, Space]) -> list[str]:
    """One line with each hyperparameter's type and range per method that leaves something open."""
    lines = [
        f"  {label}: {', '.join(map(_described, space))}" for label, space in spaces.items() if len(space.searched) > 0
    ]
    return ["search spaces:", *shortened(lines, MOST_DESCRIBED)] if lines else []


def _described(parameter: Parameter) -> str:
    condition = f" if {condition_text(parameter)}" if parameter.when else ""
    return f"{_values_described(parameter)}{condition}"


def _values_described(parameter: Parameter) -> str:
    kind, values, _ = in_words(parameter)
    if isinstance(parameter, Fixed):
        return f"{parameter.name} = {values}"
    if isinstance(parameter, Choice):
        return f"{parameter.name} one of {values}"
    return f"{parameter.name} {kind} ({values}{', logarithmic' if parameter.log else ''})"


def in_words(parameter: Parameter) -> tuple[str, str, str]:
    """A hyperparameter's type, its values and its scale, for people to read."""
    if isinstance(parameter, Fixed):
        return "fixed", str(parameter.value), ""
    if isinstance(parameter, Choice):
        values = " | ".join(shortened([str(value) for value in parameter.values], 6))
        return "choice", values, "ordered" if parameter.ordered else ""
    low, high = (
        f"{bound:,}" if isinstance(parameter, Int) else f"{bound:g}" for bound in (parameter.low, parameter.high)
    )
    kind = "integer" if isinstance(parameter, Int) else "real"
    return kind, f"{low} to {high}", "logarithmic" if parameter.log else "linear"
