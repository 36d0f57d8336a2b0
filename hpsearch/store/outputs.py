"""What tasks print, kept once for all trials that were trained together, and for each attempt that failed."""

from __future__ import annotations

import sqlite3

from hpsearch.store.rows import Output

SINCE = 4
"""The first version of a file that has them."""


def keep(connection: sqlite3.Connection, text: str) -> int | None:
    """Keep what a training printed, if anything; returns its id, for trials and attempts to refer to."""
    return connection.execute("INSERT INTO outputs (text) VALUES (?)", (text,)).lastrowid if text else None


def drop_unused(connection: sqlite3.Connection) -> None:
    """Drop what no trial or attempt refers to any more."""
    connection.execute(
        "DELETE FROM outputs WHERE id NOT IN (SELECT output_id FROM trials WHERE output_id IS NOT NULL "
        "UNION ALL SELECT output_id FROM attempts WHERE output_id IS NOT NULL)"
    )


def of_trial(connection: sqlite3.Connection, method: str, repeat: int, trial: int) -> list[Output]:
    """What training a trial printed: each failed attempt, and then the training that is recorded."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < SINCE:
        return []
    this = (
        "JOIN outputs ON outputs.id = output_id JOIN studies ON studies.id = study_id "
        "JOIN methods ON methods.id = method_id WHERE label = ?1 AND repeat = ?2 AND trial = ?3"
    )
    rows = connection.execute(
        f"SELECT 1 AS failed, attempt, together, text FROM attempts {this} UNION ALL "
        "SELECT 0, attempts, (SELECT count(*) FROM trials AS mates WHERE mates.output_id = outputs.id), text "
        f"FROM trials {this} ORDER BY failed DESC, attempt",
        (method, repeat, trial),
    )
    return [Output(bool(failed), *row) for failed, *row in rows]
