"""Find study files: the shipped ones by name, all others by path."""

from __future__ import annotations

from pathlib import Path

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.text import in_characters
from hpsearch.study.faults import unknown

STARTER = "my_training"
"""What the files to begin with are named, the study in them and the task."""
IN_PYTHON = "a Python session"
"""What a database remembers in the place of a study file's name if a notebook described the comparison."""


def shipped_studies() -> dict[str, Path]:
    """The study files that come with the tool, by name."""
    return _shipped("studies")


def shipped_suites() -> dict[str, Path]:
    """The suite files that come with the tool, by name; no study has the name of one."""
    return _shipped("suites")


def _shipped(kind: str) -> dict[str, Path]:
    here = Path(__file__).resolve().parent.parent
    folder = next((f for f in (here / kind, here.parent / kind) if f.is_dir()), here)
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def starters() -> dict[str, Path]:
    """The folders of a task file and a study file to begin with, by the kind of training."""
    here = Path(__file__).resolve().parent.parent
    folder = next((f for f in (here / "starters", here.parent / "examples" / "starters") if f.is_dir()), here)
    return {path.name: path for path in sorted(folder.iterdir()) if (path / f"{STARTER}.toml").is_file()}


def find_study(name: str) -> Path:
    """The study file at this path, with or without its .toml, or the shipped study of this name."""
    for path in (Path(name), Path(f"{name}.toml")):
        if path.is_file():
            return path
    shipped = shipped_studies()
    if name in shipped:
        return shipped[name]
    raise SpecError(unknown(name, name, shipped, what="no such study file, and no shipped study"))


def recorded_name(path: Path) -> str:
    """What a database remembers about the place of its study file: the name of a shipped one, else the path."""
    shipped = {study.resolve() for study in shipped_studies().values()}
    return in_characters(path.name if path.resolve() in shipped else str(path.resolve()))
