"""A comparison as Python code describes it: what a study file says, with objects in the place of names."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

from hpsearch.contracts.json import Json
from hpsearch.contracts.method import Method
from hpsearch.contracts.searcher import Searcher
from hpsearch.contracts.space import Space
from hpsearch.contracts.task import Task
from hpsearch.study import kinds
from hpsearch.study.kinds import Kind
from hpsearch.study.names import named
from hpsearch.study.plan import Plan, resolve
from hpsearch.study.registry import MAIN, Registry
from hpsearch.study.schema import spec_of
from hpsearch.study.shipped import IN_PYTHON
from hpsearch.study.spaces import as_lines

T = TypeVar("T")
Table = Mapping[str, object]


class Comparison:
    """Methods x repeats studies of `trials` trials each, for `hpsearch.run`.

    It has the keys of a study file. Its task, methods and searcher may be objects as well as names. What a module holds
    is recorded by its name, and found again by it; what a notebook or script defines itself is sent to the workers.
    """

    def __init__(
        self,
        *,
        name: str,
        trials: int | None = None,
        repeats: int,
        seed: int,
        task: Task | str | Table,
        methods: Mapping[str, Method | Space | str | Table],
        searcher: Searcher | str | Table = "botorch",
        **others: object,
    ) -> None:
        """Describe a comparison; nothing is looked for, and nothing runs yet.

        Args:
            name: what the database and reports are named after.
            trials: number of trials of each study; with a `budget` it may be left out.
            repeats: number of studies of each method.
            seed: of all random numbers.
            task: a task, its name, or a table with its name and settings, as in a study file.
            methods: label -> a method, its name, its space alone (for a task whose methods are only spaces), or a table
                as in a study file, whose `method`, `space` and `searcher` may be objects.
            searcher: a searcher, its name, or a table with its name and settings.
            others: other keys of a study file, such as `description`, `budget` or `space`, which may be a Space.

        Raises:
            SpecError: with one line for each fault.
        """
        self._given: dict[tuple[str, str], object] = {}
        if isinstance(space := others.get("space"), Space):
            others["space"] = as_lines(space)
        read = {
            "name": name,
            **({} if trials is None else {"trials": trials}),
            "repeats": repeats,
            "seed": seed,
            "task": self._named(kinds.TASK, task, "task"),
            "methods": {label: self._method(label, method) for label, method in methods.items()},
            "searcher": self._named(kinds.SEARCHER, searcher, "searcher"),
            **others,
        }
        self.spec = spec_of(_plain(read))

    def plan(self) -> Plan:
        """The comparison with every name found. Raises SpecError with one line for each fault."""
        return resolve(self.spec, Registry.here(self.place.parent, given=self._given))

    @property
    def place(self) -> Path:
        """What a database records in the place of a study file: the script that runs, or this folder."""
        main = sys.modules[MAIN]
        script = vars(main).get("__file__") if main.__spec__ is None else None  # what `python -m` runs may be anywhere
        return Path(script).resolve() if isinstance(script, str) else Path.cwd() / IN_PYTHON

    def __repr__(self) -> str:
        return f"Comparison({', '.join(f'{key}={value!r}' for key, value in self.spec)})"

    def _named(self, kind: Kind[T], thing: object, otherwise: str) -> Json:
        """A plug-in's name with its settings; an object that no module holds is kept beside."""
        if isinstance(thing, Mapping):
            return {
                **(self._named(kind, thing["name"], otherwise) if "name" in thing else {}),
                **_without(thing, "name"),
            }
        if isinstance(thing, str):
            return {"name": thing}
        name = named(kind, thing, otherwise)
        if name.name.startswith(f"{MAIN}:"):
            self._given[kind.key, name.name] = thing
        return name.model_dump()

    def _method(self, label: str, method: object) -> Table:
        table = method if isinstance(method, Mapping) else {"space" if isinstance(method, Space) else "method": method}
        read = dict(table)
        if isinstance(space := table.get("space"), Space):
            read["space"] = as_lines(space)
        if table.get("method") is not None:
            found = self._named(kinds.METHOD, table["method"], label)
            read["method"] = found.pop("name")
            read["settings"] = {**found, **cast(Table, table.get("settings", {}))}
        if "searcher" in table:
            read["searcher"] = self._named(kinds.SEARCHER, table["searcher"], f"{label}.searcher")
        return read


def _without(table: Table, key: str) -> Table:
    return {name: value for name, value in table.items() if name != key}


def _plain(value: object) -> Json:
    """Tuples as lists and mappings as dictionaries: what a study file has."""
    return cast(Json, _as_read(value))


def _as_read(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _as_read(item) for key, item in value.items()}
    return [_as_read(item) for item in value] if isinstance(value, list | tuple) else value
