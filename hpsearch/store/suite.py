"""The folder of a suite: a database for each setting, and a list that says which is which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.contracts.errors import FileError
from hpsearch.contracts.text import in_characters

LIST = "suite.json"
"""The list of settings, beside their databases."""
CONFIRMED = ("-confirm-along", "-confirm")
"""What `hpsearch confirm` adds to a database's name for the file of its incumbents with fresh seeds; fuller first."""

Value = bool | int | float | str


@dataclass(frozen=True)
class Setting:
    """One setting of a suite: a comparison under it.

    Attributes:
        label: what the suite calls it.
        file: its database, which is missing until it is begun.
        at: axis -> value, where the suite varies along axes; empty where its settings are a list.
    """

    label: str
    file: Path
    at: Mapping[str, Value] = field(default_factory=dict)

    @property
    def confirmed(self) -> Path | None:
        """The file beside the database that has its incumbents with fresh seeds, or None."""
        beside = (self.file.with_name(f"{self.file.stem}{ending}.db") for ending in CONFIRMED)
        return next((file for file in beside if file.is_file()), None)


@dataclass(frozen=True)
class Suite:
    """A suite as it lies in a folder.

    Attributes:
        name: what reports call it.
        description: the question that it asks.
        settings: in the order of the suite's file.
    """

    name: str
    description: str
    settings: tuple[Setting, ...]

    @property
    def begun(self) -> tuple[Setting, ...]:
        """The settings that have a database."""
        return tuple(setting for setting in self.settings if setting.file.is_file())


def gathered(files: Sequence[Path], name: str) -> Suite:
    """Databases that were made by hand as one suite, each labelled by its file's name.

    Raises FileError if two have one name, since nothing would tell them apart.
    """
    labels = [in_characters(file.stem) for file in files]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise FileError(f"{twice}.db: is given twice; give every database a name of its own")
    return Suite(name, "", tuple(Setting(label, file) for label, file in zip(labels, files, strict=True)))


def suite_in(folder: Path) -> Suite:
    """The suite in a folder: what its list says, or else all databases in it that confirm no other.

    Raises FileError if the folder holds neither, or a list that is damaged.
    """
    try:
        text = (folder / LIST).read_text(encoding="utf-8")
    except FileNotFoundError:
        files = sorted(folder.glob("*.db"))
        files = [file for file in files if not file.stem.endswith(CONFIRMED)]
        if not files:
            raise FileError(f"{folder}: holds no suite and no databases; give the folder of `hpsearch run`") from None
        return gathered(files, in_characters(folder.resolve().name))
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{folder / LIST}: cannot be read: {error}") from error
    try:
        read = json.loads(text)
        settings = tuple(
            Setting(str(entry["label"]), folder / _own(entry["file"]), dict(entry["at"])) for entry in read["settings"]
        )
        return Suite(str(read["name"]), str(read["description"]), settings)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{folder / LIST}: is no list of a suite: {error}; run the suite again to write it") from error


def _own(name: object) -> str:
    """The name of a file in the suite's folder; a folder from elsewhere must not point out of itself."""
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        raise ValueError(f"{name!r} is no file of this folder")
    return name


def write_list(suite: Suite, folder: Path) -> None:
    """Write the list into the folder, whole or not at all."""
    entries = [{"label": s.label, "file": s.file.name, "at": dict(s.at)} for s in suite.settings]
    text = json.dumps({"name": suite.name, "description": suite.description, "settings": entries}, indent=1)
    partial = folder / f".{LIST}.partial"
    try:
        partial.write_text(f"{text}\n", encoding="utf-8")
        partial.replace(folder / LIST)
    except OSError as error:
        raise FileError(f"{folder}: cannot be written: {error.strerror}; give another folder with --to") from error
