"""Find tasks, methods, searchers, executors, formats and data sets by name; nothing else looks for them.

A name is looked for in this order: `"module:NAME"`; a module of that name in the given folders, which are the study
file's and the current one; an entry point of an installed package. An entry point names an object, or a package in
which each file is found by its own name. What ships with hpsearch is declared in the same way, in pyproject.toml.

A database names its task too, and somebody may have sent it: of its names only what is installed is imported, unless
its folders are trusted.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar, cast

from hpsearch.contracts.dataset import DataSet
from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.executor import Executor
from hpsearch.contracts.export import Format
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.searcher import Searcher
from hpsearch.contracts.task import Task
from hpsearch.study.faults import unknown
from hpsearch.system.import_path import look_in
from hpsearch.system.stopping import Stopped

T = TypeVar("T")

MOVED = {
    "hpsearch.task": "write `from hpsearch import FunctionTask, Objective, Result` (Task, Method and TaskError too)",
    "hpsearch.space": "write `from hpsearch import Float, Int, Choice, Space`",
    "hpsearch.dataset": "write `from hpsearch.contracts.dataset import DataSet`",
    "hpsearch.spec": "it is now hpsearch.study",
    "hpsearch.database": "it is now hpsearch.store.database",
}
"""Modules of version 0.1, and what to write today."""


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of plug-in.

    Attributes:
        key: its name in messages and in the study file.
        attribute: the name under which a module holds one.
        group: its group of entry points.
        fault: says why an object does not fulfil the contract, and what to do; empty if it does.
    """

    key: str
    attribute: str
    group: str
    fault: Callable[[object], str]


def fault_of_task(found: object) -> str:
    """Say what can be seen to be wrong with a task before it trains; empty if nothing is."""
    if not isinstance(found, Task):
        return "is no task: derive its class from hpsearch.Task, or wrap a function in hpsearch.FunctionTask"
    try:
        objective: object = found.objective
    except Exception as error:  # it may be a property
        return f"has no objective: give it an hpsearch.Objective ({type(error).__name__}: {error})"
    if not isinstance(objective, Objective):
        return f"has no objective: give it an hpsearch.Objective, got {objective!r}"
    if type(found.pack) is not int or found.pack < 1:
        return f"has no pack: it must be a whole number from 1, got {found.pack!r}"
    return ""


def _instance(contract: type, advice: str) -> Callable[[object], str]:
    return lambda found: "" if isinstance(found, contract) else advice


def _fault_of_executor(found: object) -> str:
    fits = isinstance(found, type) and issubclass(found, Executor)
    return "" if fits else "is no executor: give the class itself, derived from hpsearch.Executor"


TASK: Kind[Task] = Kind("task", "TASK", "hpsearch.tasks", fault_of_task)
METHOD: Kind[Method] = Kind(
    "method", "METHOD", "hpsearch.methods",
    _instance(Method, "is no method: make it a frozen dataclass derived from hpsearch.Method, or from "
                      "binarynet.method.BinaryMethod"),
)  # fmt: skip
SEARCHER: Kind[Searcher] = Kind(
    "searcher", "SEARCHER", "hpsearch.searchers",
    _instance(Searcher, "is no searcher: make it a frozen dataclass derived from hpsearch.Searcher"),
)  # fmt: skip
EXECUTOR: Kind[type[Executor]] = Kind("executor", "EXECUTOR", "hpsearch.executors", _fault_of_executor)
EXPORT: Kind[Format] = Kind(
    "export", "EXPORT", "hpsearch.exports", _instance(Format, "is no export: make it an instance of hpsearch.Format")
)
DATASET: Kind[DataSet] = Kind(
    "data set", "DATASET", "hpsearch.data",
    _instance(DataSet, "is no data set: make it an instance of hpsearch.DataSet"),
)  # fmt: skip


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
    """

    folders: tuple[Path, ...] = ()
    untrusted: tuple[Path, ...] = ()

    @classmethod
    def here(cls, *folders: Path) -> Registry:
        """Look in these folders, and then in the current one."""
        return cls(tuple(dict.fromkeys(folder.resolve() for folder in (*folders, Path.cwd()))))

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
        place = self._place(kind, name, package)
        if file := self._untrusted(kind, name, place):
            raise SpecError(
                f"{key}: {name} would be imported from {file}, which only --trust allows: a database may come from "
                "anybody"
            )
        if place is None:
            raise SpecError(self._nowhere(kind, name, key))
        module = self._import(place, key)
        try:
            found: object = vars(module)[place.attribute]
        except KeyError:
            raise SpecError(f"{key}: the module {place.module} has no {place.attribute}") from None
        if fault := kind.fault(found):
            raise SpecError(f"{key}: {place.module}.{place.attribute} {fault}")
        return cast(T, found)

    def own_file(self, kind: Kind[T], name: str, package: str | None = None) -> Path | None:
        """The file of the module that holds a plug-in; None if it ships with hpsearch, or is in no file."""
        place = self._place(kind, name, package)
        if place is None or place.module.partition(".")[0] in _shipped():
            return None
        origin = self._import(place, kind.key).__spec__
        return Path(origin.origin).resolve() if origin and origin.has_location and origin.origin else None

    def names(self, kind: Kind[T]) -> list[str]:
        """All names; only the packages that entry points name are imported."""
        found = {name for folder in self.folders for name in _members([str(folder)], kind.attribute)}
        for entry in _declared(kind.group):
            if ":" in entry.value:
                found.add(entry.name)
            else:
                with suppress(SpecError):
                    found.update(_members(_locations(entry), kind.attribute))
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
        if file := _holding(self.folders, name, kind.attribute):
            return _Place(name, kind.attribute, file)
        # A member of the wanted package comes before one of the same name elsewhere.
        for entry in sorted(_declared(kind.group), key=lambda entry: entry.value != package):
            if ":" in entry.value:
                if entry.name == name:
                    module, _, attribute = entry.value.partition(":")
                    return _Place(module, attribute)
                continue
            with suppress(SpecError):
                if (file := _file_of(_locations(entry), name)) and _holds(file, kind.attribute):
                    return _Place(f"{entry.value}.{name}", kind.attribute)
        if package is not None and package not in {entry.value for entry in _declared(kind.group)}:
            return self._member_of(package, name, kind)
        return None

    def _untrusted(self, kind: Kind[T], name: str, place: _Place | None) -> Path | None:
        """The file that a run would have imported and nobody trusts; None if what is installed is the same file."""
        module, colon, _ = name.partition(":")
        if colon:  # what is installed comes first
            top = module.partition(".")[0]
            return _file_of(map(str, self.untrusted), top) if _installed(top) is None else None
        file = _holding(self.untrusted, name, kind.attribute)
        installed = _installed(place.module) if place else None
        return None if file and installed and installed.samefile(file) else file

    def _member_of(self, package: str, name: str, kind: Kind[T]) -> _Place | None:
        """A file of a package that the user's own task names and that no entry point declares."""
        look_in(map(str, self.folders))
        try:
            there = find_spec(package)
        except ImportError:
            return None
        file = _file_of(there.submodule_search_locations or [], name) if there else None
        return _Place(f"{package}.{name}", kind.attribute) if file else None

    def _nowhere(self, kind: Kind[T], name: str, key: str) -> str:
        said = unknown(key, name, self.names(kind), what=f"no such {kind.key}")
        folders = " or ".join(map(str, self.folders))
        return f"{said}; looked for {name}.py with a {kind.attribute} in {folders}" if folders else said

    def _import(self, place: _Place, key: str) -> ModuleType:
        look_in(map(str, self.folders))
        try:
            module = importlib.import_module(place.module)
        except ModuleNotFoundError as error:
            if error.name in MOVED:
                raise SpecError(f"{key}: {place.module} imports {error.name}: {MOVED[error.name]}") from error
            if error.name is None or not (place.module == error.name or place.module.startswith(f"{error.name}.")):
                raise SpecError(
                    f"{key}: {place.module} needs the module {error.name}, which is not installed"
                ) from error
            raise SpecError(f"{key}: no such module {place.module!r}") from error
        except Stopped:
            raise
        except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
            raise SpecError(f"{key}: importing {place.module} raised {type(error).__name__}: {error}") from error
        if place.file is not None and not _is_file(module, place.file):
            raise SpecError(
                f"{key}: {place.file} has the name of another module, {module.__name__} "
                f"({module.__spec__.origin if module.__spec__ else 'built in'}): rename it"
            )
        return module


def _installed(module: str) -> Path | None:
    """The file that importing a module would run; None where there is none."""
    try:
        there = find_spec(module)
    except Exception:  # it imports the packages around it, which may raise anything
        return None
    return Path(there.origin) if there and there.origin and Path(there.origin).exists() else None


def _is_file(module: ModuleType, file: Path) -> bool:
    origin = module.__spec__.origin if module.__spec__ else None
    return origin is not None and Path(origin).exists() and Path(origin).samefile(file)


@cache
def _shipped() -> frozenset[str]:
    """Packages at top level whose members hpsearch itself declares."""
    entries = [entry for kind in (TASK, METHOD, SEARCHER, EXECUTOR, EXPORT, DATASET) for entry in _declared(kind.group)]
    return frozenset(
        entry.value.partition(":")[0].partition(".")[0]
        for entry in entries
        if entry.dist is None or entry.dist.name == "hpsearch"
    )


@cache
def _declared(group: str) -> tuple[EntryPoint, ...]:
    """Entry points of all installed packages; for a checkout that is not installed, those in its pyproject.toml."""
    found = tuple(entry_points(group=group))
    try:
        distribution("hpsearch")
    except PackageNotFoundError:
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        if project.is_file():
            ours = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"].get(group, {})
            found += tuple(EntryPoint(name, value, group) for name, value in ours.items())
    return found


def _locations(entry: EntryPoint) -> list[str]:
    """Folders of the package that an entry point names. Raises SpecError if there is none."""
    try:
        there = find_spec(entry.value)
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # it imports the packages around it, which may raise anything
        raise SpecError(
            f"{entry.group}: {entry.value} of {entry.name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if there is None or not there.submodule_search_locations:
        raise SpecError(f"{entry.group}: {entry.value} of {entry.name} is no package; name an object as module:NAME")
    return list(there.submodule_search_locations)


def _members(folders: Iterable[str], attribute: str) -> list[str]:
    """Names of the modules in some folders that hold the attribute."""
    return [
        module.name
        for module in pkgutil.iter_modules(list(folders))
        if (file := _file_of(folders, module.name)) and _holds(file, attribute)
    ]


def _holding(folders: Iterable[Path], name: str, attribute: str) -> Path | None:
    """The first file of that name that holds the attribute."""
    files = (_file_of([str(folder)], name) for folder in folders)
    return next((file for file in files if file and _holds(file, attribute)), None)


def _file_of(folders: Iterable[str], name: str) -> Path | None:
    if not name.isidentifier():
        return None
    places = (Path(folder) / part for folder in folders for part in (f"{name}.py", f"{name}/__init__.py"))
    return next((place for place in places if place.is_file()), None)


def _holds(file: Path, attribute: str) -> bool:
    """Whether a module defines or imports a name at its top level. It is read, not run, for it may be unrelated."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
    if attribute not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return re.search(rf"^{attribute}\b", text, re.MULTILINE) is not None  # importing it will say what is wrong
    return any(attribute in _bound(statement) for statement in _top_level(tree.body))


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement) if isinstance(statement, ast.If | ast.Try | ast.With) else (statement,)


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, ast.ClassDef):
        yield node.name
