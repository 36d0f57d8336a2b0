"""What the code of an object does that no module holds, such as a notebook's: of its functions, and of what they use.

The text of a function counts as a module's does. So do the plain values of the variables that it uses, and the
functions and classes among them; modules are named. Data in a variable is not looked at.
"""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field, is_dataclass
from functools import cached_property, partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType

from hpsearch.study.meaning import hashed, meaning
from hpsearch.study.registry import MAIN

PLAIN = bool | int | float | complex | str | bytes | None


@dataclass
class LiveCode:
    """What an object's code does.

    Attributes:
        does: (what, how) of each function, class and value that it consists of, in the order of its use.
        modules: names of the modules whose members it uses.
    """

    does: list[tuple[str, object]] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    _seen: dict[int, object] = field(default_factory=dict)

    @classmethod
    def of(cls, thing: object) -> LiveCode:
        """The code of an object and of all that it uses."""
        found = cls()
        found._add(thing)
        return found

    @property
    def hash(self) -> str:
        """A hash of what it does."""
        return hashed(self.does)

    def _add(self, thing: object) -> None:
        if isinstance(thing, PLAIN):
            self.does.append(("value", thing))
        elif id(thing) not in self._seen:
            self._seen[id(thing)] = thing  # kept, so that no other object gets its id
            if isinstance(thing, FunctionType | type) and thing.__module__ != MAIN:
                self.modules.add(thing.__module__)
                return
            if isinstance(thing, ModuleType):
                self.modules.add(thing.__name__)
                return
            if isinstance(thing, FunctionType):
                self.does.append((thing.__qualname__, _text(thing)))
            for part in _parts(thing):
                self._add(part)


def _parts(thing: object) -> Iterator[object]:
    """What an object consists of, as far as that may hold code."""
    if isinstance(thing, FunctionType):
        variables = thing.__globals__
        yield from (cell.cell_contents for cell in thing.__closure__ or () if cell != CellType())
        yield from (variables[name] for name in _used(thing.__code__) if name in variables)
    elif isinstance(thing, type):
        yield from thing.__bases__
        yield from (part for name, part in vars(thing).items() if isinstance(part, FunctionType) or name[:2] != "__")
    elif isinstance(thing, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, MethodType):
        yield from (thing.__func__, thing.__self__)
    elif isinstance(thing, staticmethod | classmethod):
        yield thing.__func__
    elif isinstance(thing, property):
        yield thing.fget
    elif isinstance(thing, cached_property):
        yield thing.func
    elif isinstance(thing, list | tuple):
        yield from thing
    elif isinstance(thing, dict):
        yield from (part for pair in thing.items() for part in pair)
    elif type(thing).__module__ == MAIN or is_dataclass(thing):
        yield from (type(thing), *vars(thing).values())


def _text(function: FunctionType) -> object:
    """What a function's text says, or what it was compiled to where there is no text, or that of a whole line."""
    if function.__name__ != "<lambda>":
        try:
            return meaning(ast.parse(textwrap.dedent(inspect.getsource(function))))
        except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
            pass
    return _compiled(function.__code__)


def _compiled(part: object) -> object:
    if isinstance(part, CodeType):
        return part.co_code, part.co_names, part.co_varnames, [_compiled(constant) for constant in part.co_consts]
    return sorted(map(repr, part)) if isinstance(part, frozenset) else part  # whose order differs between processes


def _used(code: CodeType) -> list[str]:
    """Names of the variables of its module that a function uses, and the functions within it do."""
    own = [step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL"]
    inner = [name for part in code.co_consts if isinstance(part, CodeType) for name in _used(part)]
    return list(dict.fromkeys([*own, *inner]))
