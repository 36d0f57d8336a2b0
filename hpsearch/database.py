"""The study database: one SQLite file a comparison, its schema and upgrades, and all SQL.

Only the driver writes, in short transactions that are on disk when they return (synchronous=FULL), so
that losing power costs at most the packs in flight. Anybody may read at any time. Floats are kept at
full precision; what is not finite becomes NULL with its reason beside it.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote

import orjson

from hpsearch.lock import HeldError, Lock, is_shared
from hpsearch.space import Configuration, Space, space_as_json, space_from_json
from hpsearch.task import Objective, Result

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseError(Exception):
    """What is wrong with a database file, in one sentence: what, where, and what to do."""

    exit_code = 3


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
    # One row each time that training a trial failed, with or without its pack mates.
    connection.execute(
        """CREATE TABLE attempts (
            study_id INTEGER NOT NULL, trial INTEGER NOT NULL, attempt INTEGER NOT NULL,
            run_id INTEGER NOT NULL REFERENCES runs, at TEXT NOT NULL, together INTEGER NOT NULL, error TEXT NOT NULL,
            FOREIGN KEY (study_id, trial) REFERENCES trials ON DELETE CASCADE
        ) STRICT"""
    )


UPGRADES: list[Callable[[sqlite3.Connection], None]] = [_create, _note_halved_packs, _keep_failed_attempts]
"""Upgrade i takes a file from version i to i + 1; each runs in one transaction with its record."""


def _shape(connection: sqlite3.Connection) -> int:
    """The version that a file's tables and columns are of, whatever it says."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'attempts'").fetchone():
        return 3
    return 2 if any(row[1] == "halved" for row in connection.execute("PRAGMA table_info(trials)")) else 1


COMPARISON = (
    "name", "spec", "study_file", "trials", "repeats", "seed", "pack_size", "objective", "unit", "direction", "chance",
    "data", "created", "resolved",
)  # fmt: skip
"""Columns of the comparison's row."""
TRIALS = (
    "method", "repeat", "trial", "seed", "configuration", "state", "objective", "metrics", "curves", "reason",
    "seconds",
)  # fmt: skip
"""Columns that every version has of a trial."""
STATES = ("complete", "diverged", "failed", "proposed")
"""Of a trial."""
TABLES = frozenset(("comparison", "methods", "studies", "runs", "trials"))
"""That every version has."""
TRIAL = "SELECT study_id, trial, seed, configuration, state, objective FROM trials"


@dataclass(frozen=True)
class StudyRow:
    """One study as the driver needs it."""

    id: int
    method: str
    repeat: int
    seed: int
    pack: int


@dataclass(frozen=True)
class TrialRow:
    """One recorded trial; `objective` is None unless the trial completed with a finite one."""

    study_id: int
    trial: int
    seed: int
    configuration: Configuration
    state: str
    objective: float | None


@dataclass(frozen=True)
class Measured:
    """A pack's training around its results: when, how long, how many together, and where."""

    started: str
    ended: str
    seconds: float
    trained_together: int
    attempts: int
    host: str
    device: str
    halved: bool = False


def _reading(method: Callable[Concatenate[Database, P], T]) -> Callable[Concatenate[Database, P], T]:
    """What a damaged file makes of reading it, as one sentence."""

    @wraps(method)
    def read(self: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (
            sqlite3.Error,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:  # UnicodeDecodeError is a ValueError
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise DatabaseError(f"{self.path}: damaged, or not readable ({said}); go on from a copy of it") from None

    return read


class Database:
    """A comparison's file, open for reading, or for writing by the one driver."""

    def __init__(self, path: Path, *, write: bool = False, say: Callable[[str], None] = lambda _: None) -> None:
        """Open an existing file, or with `write` also a new one; `say` is told what it waits for.

        Raises DatabaseError.
        """
        self.path, self._write = path, write
        self._file = path.resolve()  # a link to it has no lock of its own
        self._opened: os.stat_result | None = None
        if path.is_dir():
            raise DatabaseError(f"{path}: is a folder, not a database")
        if not write and not path.is_file():
            raise DatabaseError(f"{path}: no such file; `hpsearch run STUDY` makes one")
        if write and path.exists() and path.stat().st_nlink > 1:
            raise DatabaseError(
                f"{path}: has another name on this disk (a hard link), under which another run could write it; "
                "copy it instead"
            )
        self._lock = _locked(self._file, path, say) if write else None
        try:
            self._connection = _connect(self._file, write)
            try:
                self._open(write)
            except BaseException:
                self._connection.close()
                raise
        except BaseException as error:
            self._release()
            if isinstance(error, sqlite3.Error | UnicodeDecodeError):
                said = str(error).splitlines()[0]
                raise DatabaseError(f"{path}: not a readable hpsearch database: {said}") from error
            raise

    def _open(self, write: bool) -> None:
        """Look before touching anything, then set up for writing."""
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if version < 0 or (version and not tables >= TABLES):  # many programs count versions from 1
            raise DatabaseError(f"{self.path}: not a readable hpsearch database: another program's, by its tables")
        if version > len(UPGRADES):
            raise DatabaseError(
                f"{self.path}: written by a newer hpsearch (version {version}, this one knows {len(UPGRADES)}); "
                "upgrade hpsearch to read it"
            )
        if 0 < version < len(UPGRADES) and version < _shape(self._connection):
            raise DatabaseError(
                f"{self.path}: damaged: it says that it is of version {version}, and has what later ones added; "
                "nothing was written: go on from a copy of it"
            )
        if version == 0 and (tables or not write):
            raise DatabaseError(f"{self.path}: not a readable hpsearch database: it holds no comparison")
        # A torn page or a missing end: found before anything is written that would make it worse.
        (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise DatabaseError(f"{self.path}: damaged ({found}); nothing was written: go on from a copy of it")
        if write:
            self._connection.execute(f"PRAGMA journal_mode={_journal_mode(self._file)}")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA foreign_keys=ON")
            self._connection.execute("PRAGMA wal_autocheckpoint=100")  # pages: a lost log loses little
            if version < len(UPGRADES):
                self._upgrade(version)
            self._opened = self._file.stat()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close. A writer leaves one complete file, without a log beside it, that can be copied and mailed.

        A new file in which no comparison was laid out, because its task could not start, is removed.
        """
        try:
            if self._write and self._is_still_ours():
                self._write = False
                unused = self.comparison() is None
                try:
                    self._connection.execute("PRAGMA journal_mode=DELETE")
                except sqlite3.OperationalError:  # somebody is reading: the log stays, but holds nothing new
                    with suppress(sqlite3.OperationalError):  # the disk is full: the log stays, with what it holds
                        self._connection.execute("PRAGMA wal_checkpoint")
                self._connection.close()
                if unused:
                    self._file.unlink(missing_ok=True)
        finally:
            self._connection.close()
            self._release()

    def _is_still_ours(self) -> bool:
        try:
            self._check_lock()
        except DatabaseError:
            return False
        return True

    def _check_lock(self) -> None:
        assert self._lock is not None
        if self._opened is not None and not self._is_in_place(self._opened):
            raise DatabaseError(
                f"{self.path}: was removed, moved or replaced while it was written; this run stops, and what it "
                "recorded lies in the moved file, if there is one"
            )
        try:
            self._lock.check()
        except HeldError as error:
            raise DatabaseError(f"{self.path}: taken over meanwhile by {error}; this run stops") from None
        except OSError as error:
            raise DatabaseError(f"{self.path}: its lock cannot be read: {error.strerror}; run again") from error

    def _is_in_place(self, opened: os.stat_result) -> bool:
        try:
            return os.path.samestat(self._file.stat(), opened)
        except OSError:
            return False

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _upgrade(self, version: int) -> None:
        """All steps in one transaction; of a file with something in it after a copy, NAME.vN.db."""
        if version:
            self._copy(f"v{version}")
        with self._transaction():
            for number in range(version, len(UPGRADES)):
                UPGRADES[number](self._connection)
            self._connection.execute(f"PRAGMA user_version={len(UPGRADES)}")

    def _copy(self, version: str) -> None:
        """Whole or absent, under a name that nothing has yet."""
        stem, suffix = self._file.stem, self._file.suffix
        again = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        places = (self._file.with_name(f"{stem}.{version}{number}{suffix}") for number in again)
        kept = next(place for place in places if not place.exists())
        partial = kept.with_name(f".{kept.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(partial)) as copy:
                self._connection.backup(copy)
            partial.rename(kept)
        except (sqlite3.Error, OSError) as error:
            partial.unlink(missing_ok=True)
            raise DatabaseError(
                f"{self.path}: cannot be copied to {kept.name} before it is upgraded: {error}; nothing was changed"
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._check_lock()
                yield self._connection
                self._check_lock()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # of a full disk SQLite has taken it back already
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:  # a full disk, a lost one, a file that has become read-only or damaged
            raise DatabaseError(
                f"{self.path}: cannot be written: {error}; everything recorded before is kept: run again"
            ) from error

    def _rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        cursor = self._connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    # What the driver writes.

    def create(
        self,
        comparison: Mapping[str, Any],
        methods: Iterable[tuple[str, Space, Mapping[str, str]]],
        studies: Iterable[tuple[str, int, int, int]],
    ) -> None:
        """Lay out a comparison: its row, its methods, and its studies (label, repeat, seed, pack)."""
        with self._transaction() as connection:
            columns = ", ".join(comparison)
            marks = ", ".join("?" * len(comparison))
            connection.execute(
                f"INSERT INTO comparison (id, {columns}) VALUES (1, {marks})", tuple(comparison.values())
            )
            self._add(connection, methods, studies)
        # From now on the file alone tells what it holds, should its log be lost or damaged.
        with suppress(sqlite3.OperationalError):  # somebody is reading
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def extend(
        self,
        comparison: Mapping[str, Any],
        methods: Iterable[tuple[str, Space, Mapping[str, str]]],
        studies: Iterable[tuple[str, int, int, int]],
    ) -> None:
        """Change columns of the comparison and add methods and studies, in one transaction."""
        with self._transaction() as connection:
            columns = ", ".join(f"{column} = ?" for column in comparison)
            connection.execute(f"UPDATE comparison SET {columns}", tuple(comparison.values()))
            self._add(connection, methods, studies)

    @staticmethod
    def _add(
        connection: sqlite3.Connection,
        methods: Iterable[tuple[str, Space, Mapping[str, str]]],
        studies: Iterable[tuple[str, int, int, int]],
    ) -> None:
        connection.executemany(
            "INSERT INTO methods (label, space, schedules) VALUES (?, ?, ?)",
            [(label, json.dumps(space_as_json(space)), json.dumps(dict(s))) for label, space, s in methods],
        )
        connection.executemany(
            "INSERT INTO studies (method_id, repeat, seed, pack) "
            "VALUES ((SELECT id FROM methods WHERE label = ?), ?, ?, ?)",
            list(studies),
        )

    def start_run(self, started: str, provenance: Mapping[str, Any]) -> int:
        """Record who runs now; returns the run's id."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (started, provenance) VALUES (?, ?)", (started, json.dumps(provenance))
            )
        return int(cursor.lastrowid or 0)

    def end_run(self, run_id: int, ended: str) -> None:
        """Record an orderly end, finished or stopped."""
        with self._transaction() as connection:
            connection.execute("UPDATE runs SET ended = ? WHERE id = ?", (ended, run_id))

    def propose(
        self,
        run_id: int,
        proposed: str,
        trials: Sequence[tuple[int, int, int, Configuration]],
        warnings: int = 0,
    ) -> None:
        """Record what is about to be trained: (study id, trial, seed, configuration), one transaction."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO trials (study_id, trial, seed, configuration, state, run_id, proposed) "
                "VALUES (?, ?, ?, ?, 'proposed', ?, ?)",
                [(study, trial, seed, json.dumps(dict(c)), run_id, proposed) for study, trial, seed, c in trials],
            )
            self._count_warnings(connection, run_id, warnings)

    def record(
        self,
        run_id: int,
        results: Sequence[tuple[int, int, Result]],
        measured: Measured,
        warnings: int = 0,
    ) -> None:
        """Record what came out: (study id, trial, result), one transaction. A result is final."""
        changed = 0
        with self._transaction() as connection:
            for study_id, trial, result in results:
                columns = stored(result)
                changed += connection.execute(
                    "UPDATE trials SET state = ?, objective = ?, metrics = ?, curves = ?, reason = ?, "
                    "run_id = ?, started = ?, ended = ?, seconds = ?, trained_together = ?, attempts = ?, "
                    "host = ?, device = ?, halved = ? "
                    "WHERE study_id = ? AND trial = ? AND state = 'proposed'",
                    (
                        columns["state"],
                        columns["objective"],
                        json.dumps(columns["metrics"]),
                        json.dumps(columns["curves"]),
                        columns["reason"],
                        run_id,
                        measured.started,
                        measured.ended,
                        measured.seconds,
                        measured.trained_together,
                        measured.attempts,
                        measured.host,
                        measured.device,
                        measured.halved,
                        study_id,
                        trial,
                    ),
                ).rowcount
            if changed:  # a stop at the end of a transaction has the same results recorded twice
                self._count_warnings(connection, run_id, warnings)

    def failed_attempt(self, run_id: int, at: str, trials: Sequence[tuple[int, int]], attempt: int, error: str) -> None:
        """Record that training these trials together, (study id, trial), failed, with the error's last lines."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO attempts (study_id, trial, attempt, run_id, at, together, error) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(study, trial, attempt, run_id, at, len(trials), error) for study, trial in trials],
            )

    @_reading
    def failed_attempts(self) -> list[dict[str, Any]]:
        """Every failed attempt: method, repeat, trial, attempt, at, together, error."""
        if self._connection.execute("PRAGMA user_version").fetchone()[0] < 3:
            return []
        return self._rows(
            "SELECT methods.label AS method, repeat, trial, attempt, at, together, error FROM attempts "
            "JOIN studies ON studies.id = study_id JOIN methods ON methods.id = method_id "
            "ORDER BY studies.id, trial, attempt"
        )

    @_reading
    def faults(self) -> list[str]:
        """What is wrong with the file itself, a sentence each."""
        found = [
            f"integrity: {row[0]}" for row in self._connection.execute("PRAGMA integrity_check(10)") if row[0] != "ok"
        ]
        found += [
            f"a row of {row[0]} refers to one of {row[2]} that is not there"
            for row in self._connection.execute("PRAGMA foreign_key_check")
        ]
        return found

    def reopen(self, failures: Sequence[tuple[int, int]]) -> None:
        """Take back failures, (study id, trial), whose cause turned out to lie outside of them.

        Of each study the first of them is to be trained again. What was proposed after it goes: it came from
        a history in which that trial counted as chance.
        """
        first: dict[int, int] = {}
        for study_id, trial in failures:
            first[study_id] = min(trial, first.get(study_id, trial))
        with self._transaction() as connection:
            for study_id, trial in first.items():
                connection.execute("DELETE FROM trials WHERE study_id = ? AND trial > ?", (study_id, trial))
                connection.execute(
                    "UPDATE trials SET state = 'proposed', reason = '' WHERE study_id = ? AND trial = ?",
                    (study_id, trial),
                )

    @staticmethod
    def _count_warnings(connection: sqlite3.Connection, run_id: int, warnings: int) -> None:
        connection.execute("UPDATE runs SET warnings = warnings + ? WHERE id = ?", (warnings, run_id))

    # What is read.

    @_reading
    def existing(self) -> dict[str, Any]:
        """The comparison's row, as of `comparison`. Raises DatabaseError where none is laid out yet."""
        found = self.comparison()
        if found is None:
            raise DatabaseError(f"{self.path}: holds no comparison yet: a run prepares its data, or was stopped at it")
        return found

    @_reading
    def comparison(self) -> dict[str, Any] | None:
        """The comparison's row, its spec, data and resolved settings decoded; None in a file just made."""
        rows = self._rows("SELECT * FROM comparison")
        if not rows:
            return None
        if missing := [name for name in COMPARISON if name not in rows[0]]:
            raise KeyError(f"no column {missing[0]}")
        found = {**rows[0], **{name: json.loads(rows[0][name]) for name in ("spec", "data", "resolved")}}
        labels = [row["label"] for row in self._rows("SELECT label FROM methods ORDER BY id")]
        if not all(isinstance(found[name], dict) for name in ("spec", "data", "resolved")):
            raise TypeError("its settings are not what they should be")
        for known in (found["resolved"].get("methods", labels), found["spec"].get("methods", labels)):
            if sorted(known) != sorted(labels):
                raise ValueError(f"its methods are {', '.join(labels)}, and others in its settings")
        return found

    @_reading
    def objective(self) -> Objective:
        """What the comparison measures."""
        row = self._rows("SELECT objective, unit, direction, chance FROM comparison")[0]
        return Objective(row["objective"], row["chance"], row["direction"], row["unit"])

    @_reading
    def methods(self) -> dict[str, tuple[Space, dict[str, str]]]:
        """Label -> space and schedules, in the study file's order."""
        return {
            row["label"]: (space_from_json(json.loads(row["space"])), json.loads(row["schedules"]))
            for row in self._rows("SELECT * FROM methods ORDER BY id")
        }

    @_reading
    def studies(self) -> list[StudyRow]:
        """All studies, by method and repeat."""
        return [
            StudyRow(row["id"], row["label"], row["repeat"], row["seed"], row["pack"])
            for row in self._rows(
                "SELECT studies.*, label FROM studies JOIN methods ON methods.id = method_id ORDER BY method_id, repeat"
            )
        ]

    @_reading
    def trials(self, study_id: int) -> list[TrialRow]:
        """The trials of one study, in order. Metrics are not among what this returns."""
        return [_trial(row) for row in self._rows(f"{TRIAL} WHERE study_id = ? ORDER BY trial", study_id)]

    @_reading
    def trial(self, study_id: int, trial: int) -> TrialRow:
        """One of them."""
        (row,) = self._rows(f"{TRIAL} WHERE study_id = ? AND trial = ?", study_id, trial)
        return _trial(row)

    @_reading
    def last_failures(self, most: int) -> list[tuple[int, int]]:
        """(study id, trial) of the trials that raised since the last that did not fail, at most so many, in order."""
        rows = self._rows(
            "SELECT study_id, trial FROM trials WHERE state = 'failed' "
            "AND ended > coalesce((SELECT max(ended) FROM trials WHERE state IN ('complete', 'diverged')), '') "
            "AND EXISTS (SELECT 1 FROM attempts WHERE attempts.study_id = trials.study_id "
            "AND attempts.trial = trials.trial) ORDER BY ended DESC LIMIT ?",
            most,
        )
        return [(row["study_id"], row["trial"]) for row in rows][::-1]

    @_reading
    def last_end(self) -> str:
        """The latest end of a recorded trial; empty where there is none."""
        found = str(self._rows("SELECT coalesce(max(ended), '') AS ended FROM trials")[0]["ended"])
        if found:
            datetime.fromisoformat(found)  # a ValueError where it is none
        return found

    @_reading
    def counts(self) -> dict[str, dict[str, int]]:
        """Label -> state -> number of trials."""
        counts: dict[str, dict[str, int]] = {label: {} for label in self.methods()}
        for row in self._rows(
            "SELECT label, state, count(*) AS n FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id GROUP BY label, state"
        ):
            counts[row["label"]][row["state"]] = row["n"]
        return counts

    @_reading
    def best_objectives(self) -> dict[str, float]:
        """Label -> best objective of all its complete trials; a method without any is left out."""
        best = "max" if self.objective().direction == "maximise" else "min"
        rows = self._rows(
            f"SELECT label, {best}(objective) AS best FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id WHERE state = 'complete' AND objective IS NOT NULL "
            "GROUP BY label"
        )
        return {row["label"]: row["best"] for row in rows}

    @_reading
    def runs(self) -> list[dict[str, Any]]:
        """Every run with its provenance decoded, the first one first."""
        rows = self._rows("SELECT * FROM runs ORDER BY id")
        found = [{**row, "provenance": json.loads(row["provenance"])} for row in rows]
        if not all(isinstance(row["provenance"], dict) for row in found):
            raise TypeError("a run's provenance is not what it should be")
        return found

    @_reading
    def all_trials(self) -> list[dict[str, Any]]:
        """Every column of every trial with its method and repeat, by method, repeat and trial."""
        rows = self._rows(
            "SELECT label AS method, repeat, trials.* FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id ORDER BY method_id, repeat, trial"
        )
        if rows and (missing := [name for name in TRIALS if name not in rows[0]]):
            raise KeyError(f"no column {missing[0]}")
        for column in ("configuration", "metrics", "curves"):
            # All at once: a call for each of a hundred thousand cells costs more than reading them.
            values = orjson.loads(f"[{','.join(row[column] or '{}' for row in rows)}]")
            for row, value in zip(rows, values, strict=True):
                row[column] = value
        if strange := {row["state"] for row in rows}.difference(STATES):
            raise ValueError(f"a trial's state is {min(strange)!r}")
        if not all(isinstance(row[column], dict) for row in rows for column in ("configuration", "metrics", "curves")):
            raise TypeError("a trial's configuration, metrics or curves are not what they should be")
        return rows


def _trial(row: Mapping[str, Any]) -> TrialRow:
    objective = row["objective"] if row["state"] == "complete" else None
    return TrialRow(
        row["study_id"], row["trial"], row["seed"], json.loads(row["configuration"]), row["state"], objective
    )


def stored(result: Result) -> dict[str, Any]:
    """A result as the trials table gives it back: state, objective, metrics, curves, reason; None for NaN."""
    return {
        "state": result.outcome,
        "objective": _finite(result.objective),
        "metrics": {name: _finite(value) for name, value in result.metrics.items()},
        "curves": {name: [_finite(value) for value in values] for name, values in result.curves.items()},
        "reason": result.reason,
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _locked(file: Path, path: Path, say: Callable[[str], None]) -> Lock:
    try:
        return Lock(file, say)
    except HeldError as error:
        who = f": {error}" if str(error) else ""
        raise DatabaseError(f"{path}: another run is writing it{who}") from None
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be written there: {error.strerror}") from error


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    # Autocommit: every transaction is begun and committed by name.
    name = f"file:{quote(os.fsencode(path))}?mode={'rwc' if write else 'ro'}"
    connection = sqlite3.connect(name, uri=True, isolation_level=None, timeout=30)
    beside = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    if not write and not any(p.exists() for p in beside):
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            # A finished file in a folder that cannot be written: no log to share, so read it as it is.
            with closing(connection):
                return sqlite3.connect(f"{name}&immutable=1", uri=True, isolation_level=None)
    return connection


def _journal_mode(path: Path) -> str:
    """WAL lets others read during a write, but needs memory that all of them share: a local disk."""
    return "DELETE" if is_shared(path) else "WAL"
