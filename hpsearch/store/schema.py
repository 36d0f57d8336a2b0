"""The schema of the study database: its tables, and the upgrades that bring older files to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache


def _create(connection: sqlite3.Connection) -> None:
    for statement in (
        # One row: what is compared, and on what.
        """CREATE TABLE comparison (
            id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, spec TEXT NOT NULL,
            study_file TEXT NOT NULL, trials INTEGER NOT NULL, repeats INTEGER NOT NULL,
            seed INTEGER NOT NULL, pack_size INTEGER NOT NULL, objective TEXT NOT NULL, unit TEXT NOT NULL,
            direction TEXT NOT NULL, chance REAL NOT NULL, data TEXT NOT NULL, created TEXT NOT NULL,
            resolved TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE methods (
            id INTEGER PRIMARY KEY, label TEXT NOT NULL UNIQUE, space TEXT NOT NULL, schedules TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE studies (
            id INTEGER PRIMARY KEY, method_id INTEGER NOT NULL REFERENCES methods, repeat INTEGER NOT NULL,
            seed INTEGER NOT NULL, pack INTEGER NOT NULL, UNIQUE (method_id, repeat)
        ) STRICT""",
        # One row each time somebody runs the comparison: on what and with which versions.
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY, started TEXT NOT NULL, ended TEXT, provenance TEXT NOT NULL,
            warnings INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        """CREATE TABLE trials (
            study_id INTEGER NOT NULL REFERENCES studies, trial INTEGER NOT NULL, seed INTEGER NOT NULL,
            configuration TEXT NOT NULL, state TEXT NOT NULL, objective REAL, metrics TEXT, curves TEXT,
            reason TEXT NOT NULL DEFAULT '', run_id INTEGER NOT NULL REFERENCES runs,
            proposed TEXT NOT NULL, started TEXT, ended TEXT, seconds REAL, trained_together INTEGER,
            attempts INTEGER NOT NULL DEFAULT 0,
            host TEXT, device TEXT, PRIMARY KEY (study_id, trial)
        ) STRICT""",
    ):
        connection.execute(statement)


def _note_halved_packs(connection: sqlite3.Connection) -> None:
    # Whether a trial's pack had to be made smaller for want of memory.
    connection.execute("ALTER TABLE trials ADD COLUMN halved INTEGER NOT NULL DEFAULT 0")


def _keep_failed_attempts(connection: sqlite3.Connection) -> None:
    # One row each time that training a trial failed, with or without its pack mates; its attempt 0 is its proposal.
    connection.execute(
        """CREATE TABLE attempts (
            study_id INTEGER NOT NULL, trial INTEGER NOT NULL, attempt INTEGER NOT NULL,
            run_id INTEGER NOT NULL REFERENCES runs, at TEXT NOT NULL, together INTEGER NOT NULL, error TEXT NOT NULL,
            FOREIGN KEY (study_id, trial) REFERENCES trials ON DELETE CASCADE
        ) STRICT"""
    )


def _keep_outputs(connection: sqlite3.Connection) -> None:
    # What tasks print: one row a training, to which all trials that were trained in it refer, or that it failed with.
    connection.execute("CREATE TABLE outputs (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
    for table in ("trials", "attempts"):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN output_id INTEGER REFERENCES outputs")
    # How long the trials' seeds are: they had 63 bits until a comparison said otherwise.
    connection.execute("ALTER TABLE comparison ADD COLUMN seed_bits INTEGER NOT NULL DEFAULT 63")


def _keep_seeds_and_epochs(connection: sqlite3.Connection) -> None:
    # One row for each seed of a trial that was trained with several, whose own row has their means.
    connection.execute(
        """CREATE TABLE seeds (
            study_id INTEGER NOT NULL, trial INTEGER NOT NULL, number INTEGER NOT NULL, seed INTEGER NOT NULL,
            state TEXT NOT NULL, objective REAL, metrics TEXT NOT NULL, curves TEXT NOT NULL, reason TEXT NOT NULL,
            PRIMARY KEY (study_id, trial, number),
            FOREIGN KEY (study_id, trial) REFERENCES trials ON DELETE CASCADE
        ) STRICT"""
    )
    # How many epochs a trial was trained for, with all its seeds: the values of its curves, if it has any.
    connection.execute("ALTER TABLE trials ADD COLUMN epochs INTEGER")


def _keep_precisions(connection: sqlite3.Connection) -> None:
    # The type of numbers that a trial was trained in, if its task says so: "auto" is another one on another machine.
    connection.execute("ALTER TABLE trials ADD COLUMN precision TEXT NOT NULL DEFAULT ''")


def _keep_looks(connection: sqlite3.Connection) -> None:
    # One row each time that a comparison was tested which runs until it is decided: what it was told, and what it told.
    connection.execute(
        """CREATE TABLE looks (
            repeats INTEGER PRIMARY KEY, most INTEGER NOT NULL, alpha REAL NOT NULL, length TEXT NOT NULL,
            p REAL, level REAL NOT NULL, at TEXT NOT NULL
        ) STRICT"""
    )


def _keep_correct(connection: sqlite3.Connection) -> None:
    # How often each example was classified correctly, of so many tries, by the trials that became incumbents.
    connection.execute(
        """CREATE TABLE correct (
            study_id INTEGER NOT NULL, trial INTEGER NOT NULL, part TEXT NOT NULL,
            examples INTEGER NOT NULL, tries INTEGER NOT NULL, counts BLOB NOT NULL,
            PRIMARY KEY (study_id, trial, part),
            FOREIGN KEY (study_id, trial) REFERENCES trials ON DELETE CASCADE
        ) STRICT"""
    )


UPGRADES: list[Callable[[sqlite3.Connection], None]] = [
    _create,
    _note_halved_packs,
    _keep_failed_attempts,
    _keep_outputs,
    _keep_seeds_and_epochs,
    _keep_precisions,
    _keep_looks,
    _keep_correct,
]
"""Upgrade i takes a file from version i to i + 1, in the transaction that records the new version."""


def columns(connection: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Every (table, column) that a file has."""
    return frozenset(
        connection.execute(
            "SELECT sqlite_master.name, columns.name FROM sqlite_master "
            "JOIN pragma_table_info(sqlite_master.name) AS columns WHERE sqlite_master.type = 'table'"
        )
    )


@cache
def columns_of(version: int) -> frozenset[tuple[str, str]]:
    """Every (table, column) that a file of a version has."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for upgrade in UPGRADES[:version]:
            upgrade(made)
        return columns(made)


def contradiction(connection: sqlite3.Connection, version: int) -> str:
    """What a file that says that it is of `version` lacks, or has of a later one; empty if it is what it says."""
    there, said = columns(connection), columns_of(version)
    if missing := said - there:
        return f"it says that it is of version {version}, and lacks {'.'.join(min(missing))}"
    if later := there & columns_of(len(UPGRADES)) - said:
        return f"it says that it is of version {version}, and has {'.'.join(min(later))}, which later ones added"
    return ""


STATES = ("complete", "diverged", "failed", "proposed")
"""The states of a trial."""
TABLES = frozenset(("comparison", "methods", "studies", "runs", "trials"))
"""The tables that every version has."""
