"""Find tasks, methods, searchers, executors, formats and data sets by name; nothing else looks for them.

A name is looked for in this order: `"module:NAME"`; a module of that name in the given folders, which are the study
file's and the current one; an entry point of an installed package. An entry point names an object, or a package in
which each file is found by its own name. What ships with hpsearch is declared in the same way, in pyproject.toml.

A database names its task too, and somebody may have sent it: of its names only what is installed is imported, unless
its folders are trusted.
"""

from __future__ import annotations

import importlib
import tomllib
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar, cast

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.moved import advice
from hpsearch.study.faults import LONGEST, unknown
from hpsearch.study.kinds import KINDS, Kind
from hpsearch.study.source import NAME, file_of, holding, holds, members
from hpsearch.system.import_path import look_in
from hpsearch.system.stopping import Stopped

T = TypeVar("T")
MAIN = "__main__"
"""The module of a notebook or a script, which no other process can import."""


@dataclass(frozen=True)
class _Place:
    """Where a plug-in is: an attribute of a module, and the module's file if that is in one of the user's folders."""

    module: str
    attribute: str
    file: Path | None = None


@dataclass(frozen=True)
class Registry:
    """What can be found in some folders and among what is installed.

    Attributes:
        folders: where the user's own modules may lie, in the order of search.
        untrusted: folders where such modules may lie too; they are named instead of imported.
        given: (kind, name) -> a plug-in that no module holds, as one of a notebook's.
    """

    folders: tuple[Path, ...] = ()
    untrusted: tuple[Path, ...] = ()
    given: Mapping[tuple[str, str], object] = field(default_factory=dict)

    @classmethod
    def here(cls, *folders: Path, given: Mapping[tuple[str, str], object] | None = None) -> Registry:
        """Look in these folders, and then in the current one."""
        return cls(tuple(dict.fromkeys(folder.resolve() for folder in (*folders, Path.cwd()))), given=given or {})

    @classmethod
    def of_database(cls, file: Path, study_file: str, trust: bool) -> Registry:
        """Look for what a database names: among what is installed, and in its folders only with `trust`.

        Its folders are that of the study file it remembers, its own, and the current one.
        """
        found = cls.here(Path(study_file).parent, file.parent)
        return found if trust else cls(untrusted=found.folders)

    def find(self, kind: Kind[T], name: str, key: str = "", package: str | None = None) -> T:
        """The plug-in of this name, with its default settings.

        Args:
            kind: what is looked for.
            name: the name, as in a study file.
            key: what messages call the place of the name; the kind's own key if empty.
            package: the package whose member to take if several have one of this name.

        Raises:
            SpecError: with the nearest name if there is none, or with the reason why it cannot be imported.
        """
        key = key or kind.key
        if not name.replace(":", "").strip():
            raise SpecError(f"{key}: a name is needed, got {name!r}")
        if (kind.key, name) in self.given:
            return self._sound(kind, self.given[kind.key, name], f"{key}: {name}")
        if name.startswith(f"{MAIN}:"):
            raise SpecError(
                f"{key}: {name} was defined in a notebook or a script, which nothing else can import: define it in a "
                "module, and name that"
            )
        place = self._place(kind, name, package)
        if file := self._untrusted(kind, name, place):
            raise SpecError(
                f"{key}: {name} would be imported from {file}, which only --trust allows: a database may come from "
                "anybody"
            )
        if place is None:
            raise SpecError(self._nowhere(kind, name, key, package))
        module = self._import(place, key)
        try:
            found: object = vars(module)[place.attribute]
        except KeyError:
            raise SpecError(
                f"{key}: the module {place.module} has no {place.attribute}{self._hidden(module)}"
            ) from None
        return self._sound(kind, found, f"{key}: {place.module}.{place.attribute}")

    @staticmethod
    def _sound(kind: Kind[T], found: object, where: str) -> T:
        if fault := kind.fault(found):
            raise SpecError(f"{where} {fault}")
        return cast(T, found)

    def own_file(self, kind: Kind[T], name: str, package: str | None = None) -> Path | None:
        """The file of the module that holds a plug-in; None if it ships with hpsearch, or is in no file."""
        place = None if (kind.key, name) in self.given else self._place(kind, name, package)
        if place is None or place.module.partition(".")[0] in _shipped():
            return None
        origin = self._import(place, kind.key).__spec__
        return Path(origin.origin).resolve() if origin and origin.has_location and origin.origin else None

    def names(self, kind: Kind[T]) -> list[str]:
        """All names; only the packages that entry points name are imported."""
        found = {name for folder in self.folders for name in members([str(folder)], kind.attribute)}
        for entry in _declared(kind.group):
            if ":" in entry.value:
                found.add(entry.name)
            else:
                with suppress(SpecError):
                    found.update(members(_locations(entry), kind.attribute))
        return sorted(found)

    def everything(self, kind: Kind[T]) -> tuple[dict[str, T], list[str]]:
        """Name -> plug-in, and one sentence on each plug-in that was passed over; none stops another."""
        found: dict[str, T] = {}
        passed_over = []
        for entry in _declared(kind.group):
            if ":" not in entry.value:
                try:
                    _locations(entry)
                except SpecError as error:
                    passed_over.append(str(error))
        for name in self.names(kind):
            try:
                found[name] = self.find(kind, name)
            except SpecError as error:
                passed_over.append(str(error))
        return found, passed_over

    def _place(self, kind: Kind[T], name: str, package: str | None) -> _Place | None:
        if ":" in name:
            module, _, attribute = name.partition(":")
            return _Place(module, attribute)
        if file := holding(self.folders, name, kind.attribute):
            return _Place(name, kind.attribute, file)
        if package is not None and (place := self._member_of(package, name, kind)):
            return place
        for entry in _declared(kind.group):
            if ":" in entry.value:
                if entry.name == name:
                    module, _, attribute = entry.value.partition(":")
                    return _Place(module, attribute)
                continue
            with suppress(SpecError):
                if (file := file_of(_locations(entry), name)) and holds(file, kind.attribute):
                    return _Place(f"{entry.value}.{name}", kind.attribute)
        # Version 0.1 imported whatever module had the name.
        look_in(map(str, self.folders))
        importable = _installed(name)
        return _Place(name, kind.attribute) if importable and holds(importable, kind.attribute, perhaps=True) else None

    def _untrusted(self, kind: Kind[T], name: str, place: _Place | None) -> Path | None:
        """The file that a run would import and that nobody trusts; None if what is installed is the same file."""
        top = (place.module if place else name).partition(".")[0]
        by_module = ":" in name
        beside = file_of(map(str, self.untrusted), top) if by_module else holding(self.untrusted, name, kind.attribute)
        installed = _installed(top) if place else None
        if installed is None:
            return beside
        if top not in _shipped() and _folder(installed) in self.untrusted:  # Python looks in the current folder, too
            return installed
        member = _installed(place.module) if place else None
        if by_module or (beside and member and member.samefile(beside)):
            return None
        return beside

    def _member_of(self, package: str, name: str, kind: Kind[T]) -> _Place | None:
        """A file of the package that a task names, whether or not an entry point declares it."""
        file = file_of(self._within(package), name)
        return (
            _Place(f"{package}.{name}", kind.attribute) if file and holds(file, kind.attribute, perhaps=True) else None
        )

    def _within(self, package: str) -> list[str]:
        """The folders of a package; none where it cannot be imported."""
        look_in(map(str, self.folders))
        with suppress(SpecError):
            if there := _spec(package):
                return list(there.submodule_search_locations or [])
        return []

    def _nowhere(self, kind: Kind[T], name: str, key: str, package: str | None) -> str:
        known = self.names(kind) if package is None else members(self._within(package), kind.attribute)
        said = unknown(key, name, known or self.names(kind), what=f"no such {kind.key}")
        if not self.folders:
            return said
        module = name.removesuffix(".py")
        if file := file_of(map(str, self.folders), module):
            if holds(file, kind.attribute):
                return f"{said}; {file} has one: write {module!r}"
            return f"{said}; {file} has no {kind.attribute} at its top level"
        if not all(map(NAME.fullmatch, module.split("."))):
            return f"{said}; a module's name may have letters, digits, _ and - only"
        return f"{said}; looked for {module[:LONGEST]}.py with a {kind.attribute} in {self._where()}"

    def _raised_at(self, error: BaseException) -> str:
        """File and line in these folders where an error arose, in brackets; empty if it arose elsewhere."""
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if any(Path(f.filename).is_relative_to(folder) for folder in self.folders)]
        return f" ({Path(ours[-1].filename).name}:{ours[-1].lineno})" if ours else ""

    def _hidden(self, module: ModuleType) -> str:
        """Name a file in these folders that a module from elsewhere with its name hides; empty if there is none."""
        file = file_of(map(str, self.folders), module.__name__)
        if file is None or _is_file(module, file):
            return ""
        return f"; {file} has its name and is hidden by it: rename that"

    def _where(self) -> str:
        return " or ".join(map(str, self.folders))

    def _import(self, place: _Place, key: str) -> ModuleType:
        look_in(map(str, self.folders))
        try:
            module = importlib.import_module(place.module)
        except ModuleNotFoundError as error:
            if error.name and error.name.startswith("hpsearch."):
                raise SpecError(f"{key}: {place.module} imports {error.name}: {advice(error.name)}") from error
            if error.name is None or not (place.module == error.name or place.module.startswith(f"{error.name}.")):
                raise SpecError(
                    f"{key}: {place.module} needs the module {error.name}, which is not installed"
                ) from error
            where = f"; looked for it among what is installed and in {self._where()}" if self.folders else ""
            raise SpecError(f"{key}: no such module {place.module!r}{where}") from error
        except Stopped:
            raise
        except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
            said = f"{type(error).__name__}: {error}{self._raised_at(error)}"
            raise SpecError(f"{key}: importing {place.module} raised {said}") from error
        if place.file is not None and not _is_file(module, place.file):
            raise SpecError(
                f"{key}: {place.file} has the name of another module, {module.__name__} "
                f"({module.__spec__.origin if module.__spec__ else 'built in'}): rename it"
            )
        return module


def _spec(module: str) -> ModuleSpec | None:
    """Where Python finds a module; None if nowhere. Raises SpecError if a package around it cannot be imported."""
    try:
        return find_spec(module)
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # it imports the packages around it, which may raise anything
        raise SpecError(f"cannot be imported: {type(error).__name__}: {error}") from error


def _installed(module: str) -> Path | None:
    """The file that importing a module would run; None where there is none."""
    with suppress(SpecError):
        there = _spec(module)
        return Path(there.origin) if there and there.origin and Path(there.origin).exists() else None
    return None


def _folder(file: Path) -> Path:
    """The folder in which Python found a module at top level, given the module's file."""
    return (file.parent.parent if file.name == "__init__.py" else file.parent).resolve()


def _is_file(module: ModuleType, file: Path) -> bool:
    origin = module.__spec__.origin if module.__spec__ else None
    return origin is not None and Path(origin).exists() and Path(origin).samefile(file)


@cache
def _shipped() -> frozenset[str]:
    """Packages at top level whose members hpsearch itself declares."""
    entries = [entry for kind in KINDS for entry in _declared(kind.group) if _is_ours(entry)]
    return frozenset(entry.value.partition(":")[0].partition(".")[0] for entry in entries)


@cache
def _declared(group: str) -> tuple[EntryPoint, ...]:
    """Entry points of all installed packages; of hpsearch's own checkout, those in its pyproject.toml.

    A checkout may not be installed, or have been when it declared less.
    """
    found = tuple(entry_points(group=group))
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if not any(map(_is_ours, found)) and project.is_file():
        ours = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"].get(group, {})
        found += tuple(EntryPoint(name, value, group) for name, value in ours.items())
    return found


def _is_ours(entry: EntryPoint) -> bool:
    return entry.dist is None or entry.dist.name == "hpsearch"


def _locations(entry: EntryPoint) -> list[str]:
    """Folders of the package that an entry point names. Raises SpecError if there is none."""
    try:
        there = _spec(entry.value)
    except SpecError as error:
        raise SpecError(f"{entry.group}: {entry.value} of {entry.name} {error}") from error
    if there is None or not there.submodule_search_locations:
        raise SpecError(f"{entry.group}: {entry.value} of {entry.name} is no package; name an object as module:NAME")
    return list(there.submodule_search_locations)
