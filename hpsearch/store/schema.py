"""The schema of the study database: its tables, and the upgrades of older files, one after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable


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


UPGRADES: list[Callable[[sqlite3.Connection], None]] = [_create, _note_halved_packs, _keep_failed_attempts]
"""Upgrade i takes a file from version i to i + 1; each runs in one transaction with its record."""


def shape(connection: sqlite3.Connection) -> int:
    """The version that a file's tables and columns are of, whatever it says."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempts'").fetchone():
        return 3
    return 2 if any(row[1] == "halved" for row in connection.execute("PRAGMA table_info(trials)")) else 1


STATES = ("complete", "diverged", "failed", "proposed")
"""What a trial may be."""
TABLES = frozenset(("comparison", "methods", "studies", "runs", "trials"))
"""The tables that every version has."""
