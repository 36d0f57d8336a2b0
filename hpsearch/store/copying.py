"""Copy studies from databases into a new one: their trials with seeds, failed attempts and outputs, and the runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hpsearch.contracts.errors import DatabaseError, FileError
from hpsearch.store.database import Database
from hpsearch.store.schema import UPGRADES, columns, columns_of

Row = dict[str, Any]


class Source(NamedTuple):
    """A database to copy from, and the studies to copy: study id there -> study id in the new one."""

    database: Database
    studies: dict[int, int]


def copy_studies(target: Database, sources: Sequence[Source]) -> None:
    """Copy studies into a database in which they are laid out and have no trials, in one transaction.

    All runs of the sources are copied, in the order in which they began; one that several have is copied once. An
    older version's database lacks columns; they get what its upgrade would give them.
    """
    with target.transaction() as connection:
        runs = _copy_runs(connection, [source.database.connection for source in sources])
        for source, new_runs in zip(sources, runs, strict=True):
            _copy_trials(connection, source, new_runs)


def _copy_runs(target: sqlite3.Connection, sources: Sequence[sqlite3.Connection]) -> list[dict[int, int]]:
    """The new id of each run, run id -> run id, for each source."""
    found: list[dict[int, int]] = [{} for _ in sources]
    all_runs = [
        [(row["started"], row["provenance"], number, row) for row in _rows(source, "runs", "ORDER BY id")]
        for number, source in enumerate(sources)
    ]
    in_order = merge(*all_runs, key=lambda run: run[:2])
    for _, same in groupby(in_order, key=lambda run: run[:2]):
        rows = [(number, row) for _, _, number, row in same]
        longest = max((row for _, row in rows), key=lambda row: (row["warnings"], row["ended"] or ""))
        new = _insert(target, "runs", {**longest, "id": None})
        for number, row in rows:
            found[number][row["id"]] = new
    return found


def _copy_trials(target: sqlite3.Connection, source: Source, runs: dict[int, int]) -> None:
    connection, outputs = source.database.connection, dict[int, int]()

    def new_output(old: int | None) -> int | None:
        if old is None:
            return None
        if old not in outputs:
            (row,) = _rows(connection, "outputs", "WHERE id = ?", (old,))
            outputs[old] = _insert(target, "outputs", {**row, "id": None})
        return outputs[old]

    for old, new in source.studies.items():
        for table in ("trials", "attempts", "seeds"):
            for row in _rows(connection, table, "WHERE study_id = ? ORDER BY rowid", (old,)):
                changed: Row = {"study_id": new}
                if "run_id" in row:
                    changed["run_id"] = runs[row["run_id"]]
                if "output_id" in row:
                    changed["output_id"] = new_output(row["output_id"])
                _insert(target, table, {**row, **changed})


def _rows(connection: sqlite3.Connection, table: str, which: str, parameters: tuple[int, ...] = ()) -> list[Row]:
    """Rows of a table, with the columns that this version knows; none if the file's version has no such table."""
    names = _known(columns(connection), table)
    if not names:
        return []
    found = connection.execute(f"SELECT {', '.join(names)} FROM {table} {which}", parameters)
    return [dict(zip(names, row, strict=True)) for row in found]


def _known(there: Collection[tuple[str, str]], table: str) -> list[str]:
    """The columns of a table that a file has, of those that this version knows."""
    return sorted(name for of, name in columns_of(len(UPGRADES)) if of == table and (of, name) in there)


def _insert(connection: sqlite3.Connection, table: str, row: Row) -> int:
    marks = ", ".join("?" * len(row))
    done = connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
    return int(done.lastrowid or 0)


@contextmanager
def new_database(file: Path) -> Iterator[Database]:
    """A database to write, which gets its name when it is whole. Raises FileError if the name is taken."""
    if file.exists():
        raise FileError(f"{file}: exists already; remove it, or give another name")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".hpsearch-copy-", dir=file.parent) as folder:
            written = Path(folder) / file.name
            with Database(written, write=True) as database:
                yield database
            written.rename(file)
    except OSError as error:
        raise FileError(f"{file}: cannot be written: {error.strerror or error}") from error


@contextmanager
def snapshot(file: Path) -> Iterator[Database]:
    """A database as it is at this moment, whatever a run records meanwhile. Raises DatabaseError if it is faulty."""
    with Database(file) as database:
        database.connection.execute("BEGIN")
        if found := database.faults():
            raise DatabaseError(f"{file}: damaged ({found[0]}); go on from a copy of it")
        yield database
