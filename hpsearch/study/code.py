"""Which code of one's own a comparison depends on, known by what it does: a comment changes nothing, a statement does.

It covers each module that the plan's task, methods and searchers come from, and the modules beside it that it imports
(by statements, in functions too). What ships with hpsearch is known by its version, and a file that is opened by a
task, or a module imported by a computed name, is not seen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from hpsearch.contracts.json import Json
from hpsearch.contracts.method import Method
from hpsearch.study import kinds
from hpsearch.study.live_code import LiveCode
from hpsearch.study.meaning import hashed, meaning
from hpsearch.study.registry import Registry
from hpsearch.study.schema import Spec
from hpsearch.system.provenance import commit


def own_code(spec: Spec, found_in: Registry, methods: str | type[Method] | None) -> Json:
    """What a run records: hashes of what the user's own modules do, and the commit of the folder that holds them.

    "training" has those of the task and the methods, "proposing" those of the searchers, each module -> hash, and the
    name of what no module holds -> hash. Both are empty where all that is compared ships with hpsearch.

    Args:
        spec: the study file.
        found_in: where its names are looked for.
        methods: where its task takes methods from, as `Task.methods` says.
    """
    training = {found_in.own_file(kinds.TASK, spec.task.name)}
    if methods is not None:
        package = methods if isinstance(methods, str) else None
        names = {spec.method_name(label) for label in spec.methods}
        training |= {found_in.own_file(kinds.METHOD, name, package) for name in names}
    searchers = {(method.searcher or spec.searcher).name for method in spec.methods.values()}
    proposing = {found_in.own_file(kinds.SEARCHER, name) for name in searchers}
    live = {kind_and_name: LiveCode.of(thing) for kind_and_name, thing in found_in.given.items()}
    live_proposing = {name: code for (kind, name), code in live.items() if kind == kinds.SEARCHER.key}
    live_training = {name: code for (kind, name), code in live.items() if kind != kinds.SEARCHER.key}
    training |= _used(live_training.values(), found_in.folders)
    proposing |= _used(live_proposing.values(), found_in.folders)
    files = sorted(file for file in training | proposing if file is not None)
    return {
        "training": _hashes(training, found_in.folders) | {name: code.hash for name, code in live_training.items()},
        "proposing": _hashes(proposing, found_in.folders) | {name: code.hash for name, code in live_proposing.items()},
        "commit": commit(files[0].parent) if files else None,
    }


def _hashes(files: Iterable[Path | None], folders: tuple[Path, ...]) -> dict[str, str]:
    modules = {name: path for file in files if file is not None for name, path in _with_imports(file, folders)}
    return {name: hashed(meaning(_parsed(path))) for name, path in sorted(modules.items())}


def _used(live: Iterable[LiveCode], folders: tuple[Path, ...]) -> set[Path | None]:
    """Files in these folders of the modules that code uses which no module holds."""
    modules = [sys.modules[name] for code in live for name in code.modules if name in sys.modules]
    files = [Path(file).resolve() for module in modules if isinstance(file := vars(module).get("__file__"), str)]
    return {file for file in files if _top(file) in folders}


def _top(file: Path) -> Path:
    """The folder in which Python finds a module, or the package around it."""
    top = file.parent
    while (top / "__init__.py").is_file():
        top = top.parent
    return top


def _with_imports(file: Path, folders: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    """(module, file) of a module and of all modules beside it that it imports, however indirectly."""
    top = _top(file)
    # Beside an installed module lie those of everybody: of these only its own package counts.
    within = top if top.resolve() in folders else top / file.relative_to(top).parts[0]
    found: dict[Path, str] = {}
    waiting = [file]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = ".".join(path.relative_to(top).with_suffix("").parts).removesuffix(".__init__")
        waiting += [other for other in _imported(path, top) if other.is_relative_to(within)]
    for path, name in found.items():
        yield name, path


def _imported(file: Path, top: Path) -> Iterator[Path]:
    """Files below `top` that are imported with a module: by its statements, and the packages around each."""
    package = list(file.parent.relative_to(top).parts)
    names = [package]
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            names += [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = package[: len(package) - node.level + 1] if node.level else []
            module = around + (node.module.split(".") if node.module else [])
            names += [[*module, alias.name] for alias in node.names]
    for name in names:
        for depth in range(1, len(name) + 1):
            folder = top.joinpath(*name[:depth])
            yield from (path for path in (folder.with_suffix(".py"), folder / "__init__.py") if path.is_file())


def _parsed(file: Path) -> ast.AST:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):  # compiled, or changed since it was imported
        return ast.Module(body=[ast.Expr(ast.Constant(file.read_bytes() if file.is_file() else b""))], type_ignores=[])
