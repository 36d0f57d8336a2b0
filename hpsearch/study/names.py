"""Names of objects: what a comparison records of those that Python code hands over, to find them again where it can."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import TypeVar

from hpsearch.contracts.errors import SpecError
from hpsearch.study.kinds import Kind
from hpsearch.study.registry import MAIN, Registry
from hpsearch.study.schema import Named
from hpsearch.study.settings import with_settings

T = TypeVar("T")
TABLES = frozenset(("name", "space", "schedules"))
"""What a study file says elsewhere, so that no setting can have these names."""


def named(kind: Kind[T], thing: object, otherwise: str) -> Named:
    """The name under which an object is recorded.

    It is that of a module's member, "module:NAME", or of the member of its module from which only settings tell it
    apart, with these. The name of any other object, as of one that a notebook defines, begins with "__main__:", and
    goes on with its variable there, or `otherwise`.
    """
    held = list(_held(thing))
    for module, attribute in held:
        if module != MAIN and _is_importable(module):
            return Named(name=_short(kind, thing, module, attribute))
    variable = next((attribute for module, attribute in held if module == MAIN), otherwise)
    return _with_settings(kind, thing) or Named(name=f"{MAIN}:{variable}")


def _held(thing: object) -> Iterator[tuple[str, str]]:
    """(module, variable) wherever a module holds the object: first where it was probably made, the main module last."""
    likely = dict.fromkeys(_made_in(thing))
    names = [*likely, *(name for name in list(sys.modules) if name not in likely and name != MAIN), MAIN]
    for name in names:
        module = sys.modules.get(name)
        if isinstance(module, ModuleType):
            held = [variable for variable, value in list(vars(module).items()) if value is thing]
            yield from ((name, variable) for variable in held if not variable.startswith("_"))


def _made_in(thing: object) -> Iterator[str]:
    """Modules of an object's class, and of the functions in its fields."""
    fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
    for part in (type(thing), *(getattr(thing, field.name, None) for field in fields)):
        made = part.func if isinstance(part, partial) else part
        if isinstance(made, FunctionType | type) and made.__module__ != MAIN:
            yield made.__module__


def _is_importable(module: str) -> bool:
    """Whether another process can import the module by its name."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # made by hand
        return False


def _short(kind: Kind[T], thing: object, module: str, attribute: str) -> str:
    """A module's last word if that is enough, as for all that ships with hpsearch."""
    name = module.rpartition(".")[2]
    try:
        if attribute == kind.attribute and Registry().find(kind, name) is thing:
            return name
    except SpecError:
        pass
    return f"{module}:{attribute}"


def _with_settings(kind: Kind[T], thing: object) -> Named | None:
    """The name of the member of an object's module that is the same but for settings, and those."""
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        return None
    package, _, _ = type(thing).__module__.rpartition(".")
    for module in (type(thing).__module__, package):
        held = vars(sys.modules[module]).get(kind.attribute) if module in sys.modules and module != MAIN else None
        if not isinstance(held, type(thing)) or type(held) is not type(thing) or not _is_importable(module):
            continue
        given = {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing) if field.compare}
        settings = {name: _plain(value) for name, value in given.items() if value != getattr(held, name)}
        try:
            if TABLES.isdisjoint(settings) and with_settings(held, settings, kind.key) == thing:
                return Named(name=_short(kind, held, module, kind.attribute), **settings)
        except (SpecError, ValueError, TypeError):  # a field that no study file can set
            return None
    return None


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
