"""What modules hold, read from their text and not run: they may be unrelated."""

from __future__ import annotations

import ast
import pkgutil
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

NAME = re.compile(r"[\w-]+")
"""What a module in a folder may be named."""


def members(folders: Iterable[str], attribute: str) -> list[str]:
    """Names of the modules in some folders that hold the attribute."""
    return [
        module.name
        for module in pkgutil.iter_modules(list(folders))
        if (file := file_of(folders, module.name)) and holds(file, attribute)
    ]


def holding(folders: Iterable[Path], name: str, attribute: str) -> Path | None:
    """The first file of that name that holds the attribute."""
    files = (file_of([str(folder)], name) for folder in folders)
    return next((file for file in files if file and holds(file, attribute)), None)


def file_of(folders: Iterable[str], name: str) -> Path | None:
    """The first file of a module of that name in some folders."""
    if not NAME.fullmatch(name):
        return None
    places = (Path(folder) / part for folder in folders for part in (f"{name}.py", f"{name}/__init__.py"))
    return next((place for place in places if _is_file(place)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be looked into
        return False


def holds(file: Path, attribute: str, *, perhaps: bool = False) -> bool:
    """Whether a module defines or imports a name at its top level.

    With `perhaps` also one that imports everything of another module, which only running it can tell.
    """
    try:
        text = file.read_bytes()
    except OSError:
        return False
    if attribute.encode() not in text and not (perhaps and b"*" in text):
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):  # importing it will say what is wrong
        return re.search(rf"^{attribute}\b".encode(), text, re.MULTILINE) is not None
    wanted = {attribute, "*"} if perhaps else {attribute}
    return any(not wanted.isdisjoint(_bound(statement)) for statement in _top_level(tree.body))


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement) if isinstance(statement, ast.If | ast.Try | ast.With) else (statement,)


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign):
        targets = [name for target in node.targets for name in ast.walk(target)]
        yield from (target.id for target in targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    elif isinstance(node, ast.ClassDef):
        yield node.name
