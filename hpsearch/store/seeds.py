"""What each seed of a trial gave, where a trial is trained with several."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from hpsearch.contracts.objective import Result
from hpsearch.store.rows import stored

SINCE = 5
"""The first version of a file that has them."""


def keep(connection: sqlite3.Connection, study_id: int, trial: int, results: Sequence[tuple[int, Result]]) -> None:
    """Keep the results of a trial's seeds, (seed, result) in the order of their numbers, which count from 1."""
    rows = []
    for number, (seed, result) in enumerate(results, 1):
        kept = stored(result)
        numbers = (json.dumps(kept.metrics), json.dumps(kept.curves))
        rows.append((study_id, trial, number, seed, kept.state, kept.objective, *numbers, kept.reason))
    connection.executemany("INSERT INTO seeds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def all_of(connection: sqlite3.Connection) -> list[Sequence[object]]:
    """The rows of all seeds by method, repeat, trial and number, in the order of the fields of SeedRow."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < SINCE:
        return []
    return connection.execute(
        "SELECT label, repeat, trial, number, seeds.seed, state, objective, metrics, curves, reason FROM seeds "
        "JOIN studies ON studies.id = study_id JOIN methods ON methods.id = method_id "
        "ORDER BY method_id, repeat, trial, number"
    ).fetchall()
