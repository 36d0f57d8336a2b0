"""Names into tasks, methods, searchers, executors, formats and data sets: the one place that looks for them.

A name is looked for in this order: `"module:NAME"`; a module of that name in the given folders, which are the study
file's and the current one; an entry point of an installed package. An entry point names an object, or a package each
of whose files is a member under its own name. What ships with hpsearch is declared in the same way, in pyproject.toml.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import tomllib
import traceback
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
from hpsearch.contracts.searcher import Searcher
from hpsearch.contracts.task import Task
from hpsearch.study.faults import unknown
from hpsearch.study.task_faults import fault_of_task
from hpsearch.system.import_path import look_in
from hpsearch.system.stopping import Stopped

T = TypeVar("T")
LONGEST_NAME = 200
"""How many characters a module's name may have, for a file's may have some 250 bytes."""

MOVED = {
    "hpsearch.task": "write `from hpsearch import FunctionTask, Objective, Result` (Task, Method and TaskError too)",
    "hpsearch.space": "write `from hpsearch import Float, Int, Choice, Space`",
    "hpsearch.dataset": "write `from hpsearch.contracts.dataset import DataSet`",
    "hpsearch.spec": "it is now hpsearch.study",
    "hpsearch.database": "it is now hpsearch.store.database",
}
"""Modules that version 0.1 had, and what to write today."""


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of plug-in.

    Attributes:
        key: what messages call it, as the study file does.
        attribute: the name under which a module holds one.
        group: its group of entry points.
        fault: what is wrong with an object that does not fulfil the contract, and what to do; empty if it does.
    """

    key: str
    attribute: str
    group: str
    fault: Callable[[object], str]


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
    """Where a plug-in is: an attribute of a module, and the module's file if that lies in a folder of the user's."""

    module: str
    attribute: str
    file: Path | None = None


@dataclass(frozen=True)
class Registry:
    """What can be found in some folders and among what is installed.

    Attributes:
        folders: where modules of one's own may lie, in the order in which they are looked through.
    """

    folders: tuple[Path, ...] = ()

    @classmethod
    def here(cls, *folders: Path) -> Registry:
        """Look in these folders, and then in the current one."""
        return cls(tuple(dict.fromkeys(folder.resolve() for folder in (*folders, Path.cwd()))))

    def find(self, kind: Kind[T], name: str, key: str = "", package: str | None = None) -> T:
        """The plug-in of that name, with its own settings.

        Args:
            kind: what is looked for.
            name: as in a study file.
            key: what messages call the place of the name; the kind's own if empty.
            package: where several packages have a member of that name, take this one's.

        Raises:
            SpecError: with the nearest name if there is none, or with the reason why it cannot be imported.
        """
        key = key or kind.key
        if not name.replace(":", "").strip():
            raise SpecError(f"{key}: a name is needed, got {name!r}")
        place = self._place(kind, name, package)
        if place is None:
            raise SpecError(self._nowhere(kind, name, key))
        module = self._import(place, key)
        try:
            found: object = vars(module)[place.attribute]
        except KeyError:
            raise SpecError(
                f"{key}: the module {place.module} has no {place.attribute}{self._hidden(module)}"
            ) from None
        if fault := kind.fault(found):
            raise SpecError(f"{key}: {place.module}.{place.attribute} {fault}")
        return cast(T, found)

    def names(self, kind: Kind[T]) -> list[str]:
        """Every name there is; nothing is imported but the packages that entry points name."""
        found = {name for folder in self.folders for name in _members([str(folder)], kind.attribute)}
        for entry in _declared(kind.group):
            if ":" in entry.value:
                found.add(entry.name)
            else:
                with suppress(SpecError):
                    found.update(_members(_locations(entry), kind.attribute))
        return sorted(found)

    def everything(self, kind: Kind[T]) -> tuple[dict[str, T], list[str]]:
        """Name -> plug-in, and a sentence on each that was passed over, which stops no other."""
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
        for folder in self.folders:
            if (file := _file_of([str(folder)], name)) and _holds(file, kind.attribute):
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

    def _member_of(self, package: str, name: str, kind: Kind[T]) -> _Place | None:
        """A file of a package that a task of the user's own names, without declaring it as an entry point."""
        look_in(map(str, self.folders))
        try:
            there = find_spec(package)
        except ImportError:
            return None
        file = _file_of(there.submodule_search_locations or [], name) if there else None
        return _Place(f"{package}.{name}", kind.attribute) if file else None

    def _nowhere(self, kind: Kind[T], name: str, key: str) -> str:
        said = unknown(key, name, self.names(kind), what=f"no such {kind.key}")
        if not self.folders:
            return said
        module = name.removesuffix(".py")
        for folder in self.folders:
            if (file := _file_of([str(folder)], module)) and not _holds(file, kind.attribute):
                return f"{said}; {file} has no {kind.attribute} at its top level"
            if file:
                return f"{said}; {file} has one: write {module!r}"
        if not module.isidentifier():
            return f"{said}; Python cannot import a module of that name: it may have letters, digits and _ only"
        return f"{said}; looked for {module[:LONGEST_NAME]}.py with a {kind.attribute} in {self._where()}"

    def _raised_at(self, error: BaseException) -> str:
        """Where in the files of our folders an error arose; empty where it did not, or says so itself."""
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if any(Path(f.filename).is_relative_to(folder) for folder in self.folders)]
        return f" ({Path(ours[-1].filename).name}:{ours[-1].lineno})" if ours else ""

    def _hidden(self, module: ModuleType) -> str:
        """A file in our folders that one would take for this module, which comes before it; empty if there is none."""
        file = _file_of(map(str, self.folders), module.__name__)
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
            if error.name in MOVED:
                raise SpecError(f"{key}: {place.module} imports {error.name}: {MOVED[error.name]}") from error
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


def _is_file(module: ModuleType, file: Path) -> bool:
    origin = module.__spec__.origin if module.__spec__ else None
    return origin is not None and Path(origin).exists() and Path(origin).samefile(file)


@cache
def _declared(group: str) -> tuple[EntryPoint, ...]:
    """Entry points of all that is installed; of a checkout that is not installed, what its pyproject.toml says."""
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


def _file_of(folders: Iterable[str], name: str) -> Path | None:
    if not name.isidentifier() or len(name) > LONGEST_NAME:
        return None
    places = (Path(folder) / part for folder in folders for part in (f"{name}.py", f"{name}/__init__.py"))
    return next((place for place in places if place.is_file()), None)


def _holds(file: Path, attribute: str) -> bool:
    """Whether a module defines or imports a name at its top level, read and not run: it may be unrelated."""
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
