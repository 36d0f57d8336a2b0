"""A command for the first minute: it writes a task file and a study file that run as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.completion import kinds_of_starters


def _known(kind: str) -> str:
    from hpsearch.study.shipped import starters

    if kind not in starters():
        raise typer.BadParameter(f"there is no {kind!r}; there are {', '.join(starters())}")
    return kind


def new(
    name: Annotated[str, typer.Argument(help="Name of the comparison and its files.")] = "my_training",
    kind: Annotated[
        str,
        typer.Option(
            help="What trains: a function, pytorch, scikit-learn, or a command of the shell.",
            autocompletion=kinds_of_starters,
            callback=_known,
        ),
    ] = "function",
) -> None:
    """Write a task and a study file to begin with, which run as they are: NAME.py and NAME.toml, in this folder."""
    from hpsearch.contracts.errors import FileError, UsageError
    from hpsearch.study.shipped import STARTER, starters

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,98}", name):
        raise UsageError(f"{name}: a name has letters, digits, - and _, and begins with a letter")
    module = name.replace("-", "_")
    _refuse_taken(name, module)
    study, task = Path(f"{name}.toml"), Path(f"{module}.py")
    for file in (study, task):
        if file.exists():
            raise FileError(f"{file}: exists already; give another name, or remove it")
    folder = starters()[kind]
    text = (folder / f"{STARTER}.toml").read_text(encoding="utf-8").replace(STARTER, module)
    text = text.replace(f'name = "{module}"', f'name = "{name}"', 1)
    task.write_text((folder / f"{STARTER}.py").read_text(encoding="utf-8").replace(STARTER, module), encoding="utf-8")
    study.write_text(text, encoding="utf-8")
    print(f"wrote {task}, what is trained, and {study}, what is compared; both are yours to change\n\nnext:")
    following = {
        f"hpsearch show {study}": "what it asks for",
        f"hpsearch run {study}": f"into {name}.db; the same command goes on after any interruption",
        f"hpsearch report {name}.db": f"the answer: open {name}-report/index.html in a browser",
    }
    wide = max(map(len, following))
    for command, said in following.items():
        print(f"  {command:<{wide}}  # {said}")


def _refuse_taken(name: str, module: str) -> None:
    """Raise UsageError if Python would take something else than the new file for a module of this name."""
    import keyword
    import sys
    from importlib.util import find_spec

    from hpsearch.contracts.errors import UsageError

    there = keyword.iskeyword(module) or module in sys.modules or module in sys.stdlib_module_names
    if there or (find_spec(module) is not None and not Path(f"{module}.py").exists()):
        raise UsageError(f"{name}: a package that is installed here has this name, as a module; give another one")
