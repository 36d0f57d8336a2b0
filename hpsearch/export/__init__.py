"""Exports: a comparison's database as files that other tools open. One format a file, held there as EXPORT."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hpsearch.database import Database
from hpsearch.space import Space
from hpsearch.spec import member
from hpsearch.task import Objective, Progress


class ExportError(Exception):
    """What stands in the way of an export, in one sentence: what, where, and what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Format:
    """One format: `EXPORT(file, out, progress)` writes the database `file` as the new file or folder `out`.

    Attributes:
        ending: what `out` adds to the name of the database where nobody says otherwise.
        write: called as write(file, out, progress); makes `out`, which does not exist yet in a folder that does.
    """

    ending: str
    write: Callable[[Path, Path, Progress], None]

    def default_out(self, file: Path) -> Path:
        """Where the export of `file` goes by default: beside it."""
        return file.with_name(file.stem + self.ending)

    def __call__(self, file: Path, out: Path, progress: Progress) -> list[Path]:
        """Write `out`, whole or not at all; returns the files written, by name.

        The database may be written by a run meanwhile.

        Raises:
            ExportError: where `out` exists already, or a package is missing that the format needs.
            DatabaseError: where `file` is not a database that holds a comparison.
            OSError: where `out` cannot be written.
        """
        if out.exists():
            raise ExportError(f"{out}: exists already; remove it, or give another place with --out")
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".hpsearch-export-", dir=out.parent) as folder:
            self.write(file, Path(folder) / out.name, progress)
            (Path(folder) / out.name).rename(out)
        return sorted(out.iterdir()) if out.is_dir() else [out]


@dataclass(frozen=True)
class Study:
    """One study as exports need it.

    Attributes:
        name: comparison, method and repeat, with slashes between them.
        method: its label.
        repeat: from 1.
        seed: of the study.
        space: the method's.
        trials: rows of `Database.all_trials`, in order, without one that is proposed only.
    """

    name: str
    method: str
    repeat: int
    seed: int
    space: Space
    trials: Sequence[dict[str, Any]]


def read_studies(file: Path) -> tuple[Objective, list[Study]]:
    """What a comparison measures and all its studies, by method and repeat. Raises DatabaseError."""
    with Database(file) as database:
        name = database.existing()["name"]
        objective, methods, studies = database.objective(), database.methods(), database.studies()
        trials: dict[tuple[str, int], list[dict[str, Any]]] = {(s.method, s.repeat): [] for s in studies}
        for row in database.all_trials():
            if row["state"] != "proposed":
                trials[row["method"], row["repeat"]].append(row)
    return objective, [
        Study(
            f"{name}/{s.method}/{s.repeat}",
            s.method,
            s.repeat,
            s.seed,
            methods[s.method][0],
            trials[s.method, s.repeat],
        )
        for s in studies
    ]


def load_format(name: str) -> Format:
    """EXPORT of `hpsearch/export/<name>.py`. Raises SpecError with the valid names for any other."""
    found: Format = member(__name__, name, "--to").EXPORT
    return found


def optional(package: str) -> Any:
    """A package that hpsearch does without until somebody exports. Raises ExportError where it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExportError(
            f"this export needs {package}: pip install -e '.[export]' where hpsearch was installed from"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no log lines below errors, and everything as it was afterwards."""
    level = logging.root.manager.disable
    try:
        logging.disable(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
