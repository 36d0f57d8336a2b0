"""The study database: one SQLite file a comparison, and all SQL.

Only the driver writes, in short transactions that are on disk when they return (synchronous=FULL), so
that losing power costs at most the packs in flight. Anybody may read at any time. Floats are kept at
full precision; what is not finite becomes NULL with its reason beside it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import orjson

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.space import Configuration, space_as_json, space_from_json
from hpsearch.store.file import DatabaseFile
from hpsearch.store.rows import (
    PROPOSING,
    Comparison,
    FailedAttempt,
    Measured,
    MethodRow,
    NewStudy,
    Run,
    StudyRow,
    Trial,
    TrialRow,
    stored,
)
from hpsearch.store.schema import STATES
from hpsearch.study.schema import Spec, from_record

P = ParamSpec("P")
T = TypeVar("T")


TRIAL = "SELECT study_id, trial, seed, configuration, state, objective FROM trials"
FAILED = "INSERT INTO attempts (study_id, trial, attempt, run_id, at, together, error) VALUES (?, ?, ?, ?, ?, ?, ?)"


class UndecodableError(ValueError):
    """A cell of a database that does not hold what it should."""


@contextmanager
def _decoding() -> Iterator[None]:
    """Where cells are turned into values; what fails there is the file's fault."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UndecodableError(f"{type(error).__name__}: {error}".splitlines()[0]) from error


def _reading(method: Callable[Concatenate[Database, P], T]) -> Callable[Concatenate[Database, P], T]:
    """Say in one sentence what a damaged file makes of reading it."""

    @wraps(method)
    def read(self: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.Error, UnicodeDecodeError, UndecodableError) as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            if isinstance(error, UndecodableError):  # which says what the cell's own error was
                said = str(error)
            raise DatabaseError(f"{self.path}: damaged, or not readable ({said}); go on from a copy of it") from error

    return read


class Database(DatabaseFile):
    """A comparison's database: all SQL that writes or reads it."""

    def _rows(self, sql: str, *parameters: int | str) -> list[Json]:
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    # What the driver writes.

    def create(self, comparison: Comparison, methods: Iterable[MethodRow], studies: Iterable[NewStudy]) -> None:
        """Lay out a comparison: its row, its methods, and its studies."""
        measured = comparison.objective
        columns = {
            "name": comparison.name,
            "spec": json.dumps(comparison.spec.model_dump(mode="json")),
            "study_file": comparison.study_file,
            "trials": comparison.trials,
            "repeats": comparison.repeats,
            "seed": comparison.seed,
            "pack_size": comparison.pack_size,
            "objective": measured.name,
            "unit": measured.unit,
            "direction": measured.direction,
            "chance": measured.chance,
            "data": json.dumps(comparison.data),
            "created": comparison.created,
            "resolved": json.dumps(comparison.resolved),
        }
        with self.transaction() as connection:
            marks = ", ".join("?" * len(columns))
            connection.execute(
                f"INSERT INTO comparison (id, {', '.join(columns)}) VALUES (1, {marks})", tuple(columns.values())
            )
            self._add(connection, methods, studies)
        # From now on the file alone tells what it holds, should its log be lost or damaged.
        with suppress(sqlite3.OperationalError):  # somebody is reading
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def extend(self, spec: Spec, resolved: Json, methods: Iterable[MethodRow], studies: Iterable[NewStudy]) -> None:
        """Take over a study file that asks for more, and add methods and studies, in one transaction."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE comparison SET trials = ?, repeats = ?, spec = ?, resolved = ?",
                (spec.trials, spec.repeats, json.dumps(spec.model_dump(mode="json")), json.dumps(resolved)),
            )
            self._add(connection, methods, studies)

    @staticmethod
    def _add(connection: sqlite3.Connection, methods: Iterable[MethodRow], studies: Iterable[NewStudy]) -> None:
        connection.executemany(
            "INSERT INTO methods (label, space, schedules) VALUES (?, ?, ?)",
            [(m.label, json.dumps(space_as_json(m.space)), json.dumps(dict(m.schedules))) for m in methods],
        )
        connection.executemany(
            "INSERT INTO studies (method_id, repeat, seed, pack) "
            "VALUES ((SELECT id FROM methods WHERE label = ?), ?, ?, ?)",
            [(study.method, study.repeat, study.seed, study.pack) for study in studies],
        )

    def start_run(self, started: str, provenance: Json) -> int:
        """Record who runs now; returns the run's id."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (started, provenance) VALUES (?, ?)", (started, json.dumps(provenance))
            )
        return int(cursor.lastrowid or 0)

    def end_run(self, run_id: int, ended: str) -> None:
        """Record an orderly end, finished or stopped."""
        with self.transaction() as connection:
            connection.execute("UPDATE runs SET ended = ? WHERE id = ?", (ended, run_id))

    def propose(
        self,
        run_id: int,
        proposed: str,
        trials: Sequence[tuple[int, int, int, Configuration]],
        stand_ins: Mapping[tuple[int, int], str] | None = None,
        warnings: int = 0,
    ) -> None:
        """Record what is about to be trained: (study id, trial, seed, configuration), one transaction.

        `stand_ins` says of some of them, by (study id, trial), why the searcher had no proposal of its own.
        """
        with self.transaction() as connection:
            connection.executemany(
                "INSERT INTO trials (study_id, trial, seed, configuration, state, run_id, proposed) "
                "VALUES (?, ?, ?, ?, 'proposed', ?, ?)",
                [(study, trial, seed, json.dumps(dict(c)), run_id, proposed) for study, trial, seed, c in trials],
            )
            connection.executemany(
                FAILED, [(*trial, PROPOSING, run_id, proposed, 1, why) for trial, why in (stand_ins or {}).items()]
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
        with self.transaction() as connection:
            for study_id, trial, result in results:
                kept = stored(result)
                changed += connection.execute(
                    "UPDATE trials SET state = ?, objective = ?, metrics = ?, curves = ?, reason = ?, "
                    "run_id = ?, started = ?, ended = ?, seconds = ?, trained_together = ?, attempts = ?, "
                    "host = ?, device = ?, halved = ? "
                    "WHERE study_id = ? AND trial = ? AND state = 'proposed'",
                    (
                        kept.state,
                        kept.objective,
                        json.dumps(kept.metrics),
                        json.dumps(kept.curves),
                        kept.reason,
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
        with self.transaction() as connection:
            connection.executemany(
                FAILED, [(study, trial, attempt, run_id, at, len(trials), error) for study, trial in trials]
            )

    @_reading
    def failed_attempts(self) -> list[FailedAttempt]:
        """Every failed attempt to propose or to train, by study, trial and attempt."""
        if self.connection.execute("PRAGMA user_version").fetchone()[0] < 3:
            return []
        rows = self._rows(
            "SELECT methods.label AS method, repeat, trial, attempt, at, together, error FROM attempts "
            "JOIN studies ON studies.id = study_id JOIN methods ON methods.id = method_id "
            "ORDER BY studies.id, trial, attempt"
        )
        with _decoding():
            return [FailedAttempt(**row) for row in rows]

    def stand_ins(self) -> list[FailedAttempt]:
        """One for each trial that its searcher had no proposal for, with the reason."""
        return [attempt for attempt in self.failed_attempts() if attempt.attempt == PROPOSING]

    @_reading
    def faults(self) -> list[str]:
        """What is wrong with the file itself, a sentence each."""
        found = [
            f"integrity: {row[0]}" for row in self.connection.execute("PRAGMA integrity_check(10)") if row[0] != "ok"
        ]
        found += [
            f"a row of {row[0]} refers to one of {row[2]} that is not there"
            for row in self.connection.execute("PRAGMA foreign_key_check")
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
        with self.transaction() as connection:
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
    def existing(self) -> Comparison:
        """The comparison. Raises DatabaseError where none is laid out yet."""
        found = self.comparison()
        if found is None:
            raise DatabaseError(f"{self.path}: holds no comparison yet: a run prepares its data, or was stopped at it")
        return found

    @_reading
    def comparison(self) -> Comparison | None:
        """The comparison; None in a file just made."""
        rows = self._rows("SELECT * FROM comparison")
        labels = [row["label"] for row in self._rows("SELECT label FROM methods ORDER BY id")]
        if not rows:
            return None
        with _decoding():
            row = rows[0]
            objective = Objective(row["objective"], row["chance"], row["direction"], row["unit"])
            spec, data, resolved = (_object(row[name]) for name in ("spec", "data", "resolved"))
            known = from_record(spec)
            for settings in (resolved.get("methods", labels), known.methods):
                if sorted(settings) != sorted(labels):
                    raise ValueError(f"its methods are {', '.join(labels)}, and others in its settings")
            return Comparison(
                name=row["name"],
                spec=known,
                study_file=row["study_file"],
                trials=_whole(row["trials"]),
                repeats=_whole(row["repeats"]),
                seed=_whole(row["seed"]),
                pack_size=_whole(row["pack_size"]),
                objective=objective,
                data=data,
                created=row["created"],
                resolved=resolved,
            )

    @_reading
    def methods(self) -> dict[str, MethodRow]:
        """Label -> method, in the study file's order."""
        rows = self._rows("SELECT * FROM methods ORDER BY id")
        with _decoding():
            return {
                row["label"]: MethodRow(
                    row["label"], space_from_json(json.loads(row["space"])), _object(row["schedules"])
                )
                for row in rows
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
        rows = self._rows(f"{TRIAL} WHERE study_id = ? ORDER BY trial", study_id)
        with _decoding():
            return [_trial(row) for row in rows]

    @_reading
    def trial(self, study_id: int, trial: int) -> TrialRow:
        """One trial of a study."""
        rows = self._rows(f"{TRIAL} WHERE study_id = ? AND trial = ?", study_id, trial)
        with _decoding():
            (row,) = rows
            return _trial(row)

    @_reading
    def last_failures(self, most: int) -> list[tuple[int, int]]:
        """(study id, trial) of the trials that raised since the last that did not fail, at most so many, in order."""
        rows = self._rows(
            "SELECT study_id, trial FROM trials WHERE state = 'failed' "
            "AND ended > coalesce((SELECT max(ended) FROM trials WHERE state IN ('complete', 'diverged')), '') "
            "AND EXISTS (SELECT 1 FROM attempts WHERE attempts.study_id = trials.study_id "
            "AND attempts.trial = trials.trial AND attempt > ?) ORDER BY ended DESC LIMIT ?",
            PROPOSING,
            most,
        )
        return [(row["study_id"], row["trial"]) for row in rows][::-1]

    @_reading
    def last_end(self) -> str:
        """The latest end of a recorded trial; empty where there is none."""
        found = str(self._rows("SELECT coalesce(max(ended), '') AS ended FROM trials")[0]["ended"])
        if found:
            with _decoding():
                datetime.fromisoformat(found)
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
        best = "max" if self.existing().objective.direction == "maximise" else "min"
        rows = self._rows(
            f"SELECT label, {best}(objective) AS best FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id WHERE state = 'complete' AND objective IS NOT NULL "
            "GROUP BY label"
        )
        return {row["label"]: row["best"] for row in rows}

    @_reading
    def runs(self) -> list[Run]:
        """Every run, the first one first."""
        rows = self._rows("SELECT id, started, ended, provenance, warnings FROM runs ORDER BY id")
        with _decoding():
            return [Run(**{**row, "provenance": _object(row["provenance"])}) for row in rows]

    @_reading
    def all_trials(self) -> list[Trial]:
        """Every trial, by method, repeat and trial."""
        columns = {row[1] for row in self.connection.execute("PRAGMA table_info(trials)")}
        recorded = ", ".join(f"trials.{name}" for name in Trial._fields[2:-1])
        halved = "trials.halved" if "halved" in columns else "0"  # a file from before this was noted
        cursor = self.connection.execute(
            f"SELECT label, repeat, {recorded}, {halved} FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id ORDER BY method_id, repeat, trial"
        )
        rows = cursor.fetchall()
        with _decoding():
            configurations, metrics, curves = (
                _objects([row[Trial._fields.index(name)] for row in rows])
                for name in ("configuration", "metrics", "curves")
            )
            # By place: a hundred thousand rows by name take seconds.
            found = [
                Trial._make((*row[:4], configuration, *row[5:7], measured, curve, *row[9:]))
                for row, configuration, measured, curve in zip(rows, configurations, metrics, curves, strict=True)
            ]
            if strange := {str(trial.state) for trial in found}.difference(STATES):
                raise ValueError(f"a trial's state is {min(strange)!r}")
            return found


def _object(text: str) -> Json:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("its settings are not what they should be")
    return found


def _objects(texts: Sequence[str | None]) -> list[Json]:
    """All at once: a call for each of a hundred thousand cells costs more than reading them."""
    found: list[Json] = orjson.loads(f"[{','.join(text or '{}' for text in texts)}]")
    if len(found) != len(texts) or not all(isinstance(value, dict) for value in found):
        raise TypeError("a trial's configuration, metrics or curves are not what they should be")
    return found


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _trial(row: Json) -> TrialRow:
    objective = row["objective"] if row["state"] == "complete" else None
    return TrialRow(
        row["study_id"], row["trial"], row["seed"], json.loads(row["configuration"]), row["state"], objective
    )
