"""Settings of a plug-in: fields of its frozen dataclass, checked against their annotations or read as plain values."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, TypeVar, cast

from pydantic import ValidationError, create_model

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.json import Json
from hpsearch.study.schema import STRICT, faults

T = TypeVar("T")


def with_settings(thing: T, settings: Json, key: str) -> T:
    """A copy of the frozen dataclass `thing` with `settings`, checked against its annotations."""
    if not settings:  # annotations are looked at only where they are needed: some mean nothing to pydantic
        return thing
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        raise SpecError(f"{key}: takes no settings, since it is no dataclass; got {', '.join(settings)}")
    try:
        hints = typing.get_type_hints(type(thing))
    except NameError as error:
        raise SpecError(f"{key}: an annotation of {type(thing).__name__} cannot be resolved: {error}") from error
    # TOML has only arrays; a frozen dataclass wants tuples.
    settings = {
        name: tuple(value) if isinstance(value, list) and typing.get_origin(hints.get(name)) is tuple else value
        for name, value in settings.items()
    }
    fields = {f.name: (hints[f.name], getattr(thing, f.name)) for f in dataclasses.fields(thing)}
    Settings = create_model(type(thing).__name__, __config__=STRICT, **cast(Any, fields))
    try:
        given = Settings.model_validate(settings)
        return dataclasses.replace(thing, **{name: getattr(given, name) for name in settings})
    except ValidationError as error:
        raise SpecError("\n".join(faults(error, Settings, settings, prefix=f"{key}."))) from error
    except ValueError as error:
        raise SpecError(f"{key}: {error}") from error


def plain_settings(thing: object) -> Json:
    """Fields of a dataclass by name, as JSON values; empty for anything else.

    A field that does not take part in comparing two instances decides nothing, and is no setting.
    """
    if not dataclasses.is_dataclass(thing):
        return {}
    values = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing) if field.compare}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain_settings(value)
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return value if isinstance(value, bool | int | float | str | None) else str(value)
