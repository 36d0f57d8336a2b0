"""Which examples incumbents classified correctly: counts in two bytes each, compressed."""

from __future__ import annotations

import sqlite3
import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence

from hpsearch.contracts.correctness import Correctness, Part

SINCE = 8
"""The first version of a file that has them."""


def keep(
    connection: sqlite3.Connection, study_id: int, trial: int, correct: Mapping[Part, Correctness], every: bool
) -> None:
    """Keep those of a trial if it is an incumbent, and drop those of trials that it shows not to be any.

    Trials of a round end in any order. So what is kept after each of them is what has led, by the order of numbers,
    among those that have ended: the same in the end, whatever the order.

    Args:
        connection: in a transaction that has recorded the trial, which is complete.
        study_id: the trial's study.
        trial: its number.
        correct: of each part of the data; nothing is looked for if there is none.
        every: whether to keep those of trials that are no incumbents, too.
    """
    if not correct:
        return
    if not every and not _leads(connection, study_id, trial):
        return
    connection.executemany(
        "INSERT INTO correct VALUES (?, ?, ?, ?, ?, ?)",
        [(study_id, trial, part, len(of.counts), of.of, _packed(of.counts)) for part, of in correct.items()],
    )


def _leads(connection: sqlite3.Connection, study_id: int, trial: int) -> bool:
    """Whether a trial is an incumbent; drops what is kept of those that it shows not to be any."""
    (direction,) = connection.execute("SELECT direction FROM comparison").fetchone()
    best = ">" if direction == "maximise" else "<"
    this = "SELECT objective FROM trials WHERE study_id = ?1 AND trial = ?2"
    ahead = connection.execute(
        f"SELECT 1 FROM trials WHERE study_id = ?1 AND trial < ?2 AND state = 'complete' "
        f"AND NOT ({this}) {best} objective LIMIT 1",
        (study_id, trial),
    ).fetchone()
    if ahead is not None:
        return False
    connection.execute(
        "DELETE FROM correct WHERE study_id = ?1 AND trial IN (SELECT trial FROM trials "
        f"WHERE study_id = ?1 AND trial > ?2 AND NOT objective {best} ({this}))",
        (study_id, trial),
    )
    return True


def all_of(connection: sqlite3.Connection) -> list[tuple[str, int, int, str, int, int, bytes]]:
    """The rows of all incumbents by method, repeat and trial: these, the part, examples, tries, and packed counts."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < SINCE:
        return []
    return connection.execute(
        "SELECT label, repeat, trial, part, examples, tries, counts FROM correct "
        "JOIN studies ON studies.id = study_id JOIN methods ON methods.id = method_id "
        "ORDER BY method_id, repeat, trial, part"
    ).fetchall()


def unpacked(packed: bytes, examples: int) -> list[int]:
    """The counts of so many examples. Raises ValueError if they are not there."""
    inflate = zlib.decompressobj()
    try:
        found = inflate.decompress(packed, 2 * examples + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(found) != 2 * examples or not inflate.eof:
        raise ValueError(f"are not of {examples} examples")
    return _swapped(array("H", found)).tolist()


def _packed(counts: Sequence[int]) -> bytes:
    return zlib.compress(_swapped(array("H", counts)).tobytes(), 9)


def _swapped(counts: array[int]) -> array[int]:
    """Counts in the order of bytes of a file, or from there: little-endian everywhere."""
    if sys.byteorder == "big":
        counts.byteswap()
    return counts
