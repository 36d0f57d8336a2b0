"""The study database: one SQLite file per comparison, and all SQL.

Only the driver writes, in short transactions that are on disk when they return (synchronous=FULL), so
that losing power costs at most the packs in flight. Anybody may read at any time. Floats are kept at
full precision; a value that is not finite becomes NULL with its reason beside it.
"""

from __future__ import annotations

import json
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, TypeVar

from hpsearch.contracts.correctness import Correctness, Part
from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Result
from hpsearch.contracts.space import Configuration, Space, space_as_json
from hpsearch.store import cells
from hpsearch.store.correct import all_of as all_correct
from hpsearch.store.correct import keep as keep_correct
from hpsearch.store.file import DatabaseFile, is_ours, unreadable
from hpsearch.store.outputs import drop_unused, keep, of_trial
from hpsearch.store.rows import (
    PROPOSING,
    Comparison,
    FailedAttempt,
    Look,
    Measured,
    MethodRow,
    NewStudy,
    Output,
    Run,
    SeedRow,
    StudyRow,
    Trial,
    TrialRow,
    epochs_of,
    stored,
)
from hpsearch.store.schema import columns
from hpsearch.store.seeds import all_of as all_seeds
from hpsearch.store.seeds import keep as keep_seeds
from hpsearch.study.schema import MOST, Spec

P = ParamSpec("P")
T = TypeVar("T")


LATER = {"halved": "0", "epochs": "NULL", "precision": "''"}
"""Columns of trials that an older version did not note -> what they have there, in SQL."""
FAILED = (
    "INSERT INTO attempts (study_id, trial, attempt, run_id, at, together, error, output_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def _reading(method: Callable[Concatenate[Database, P], T]) -> Callable[Concatenate[Database, P], T]:
    """Turn the errors of reading a damaged file into one sentence."""

    @wraps(method)
    def read(self: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (sqlite3.DatabaseError, UnicodeDecodeError, cells.UndecodableError) as error:
            if is_ours(error):
                raise
            traceback.clear_frames(error.__traceback__)  # in which a half-read table would keep the file locked
            raise unreadable(self.path, error) from error

    return read


class Database(DatabaseFile):
    """A comparison's database: all SQL that writes or reads it."""

    def _rows(self, sql: str, *parameters: int | str) -> list[Json]:
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    # Writing, by the driver alone.

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
            "seed_bits": comparison.seed_bits,
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

    def extend(
        self,
        spec: Spec,
        resolved: Json,
        data: Json,
        methods: Iterable[MethodRow],
        studies: Iterable[NewStudy],
    ) -> None:
        """Take over a study file that asks for more, and add methods and studies, in one transaction."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE comparison SET trials = ?, repeats = ?, spec = ?, resolved = ?, data = ?",
                (
                    spec.trials,
                    spec.repeats,
                    json.dumps(spec.model_dump(mode="json")),
                    json.dumps(resolved),
                    json.dumps(data),
                ),
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

    def clear(self) -> None:
        """Take back all that is laid out, in one transaction."""
        self._spaces.clear()
        with self.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys=ON")
            for table in {table for table, _ in columns(connection)}:
                connection.execute(f"DELETE FROM {table}")

    def add_look(self, look: Look) -> None:
        """Record a test of the comparison; there is one for each number of studies."""
        with self.transaction() as connection:
            connection.execute(
                "INSERT INTO looks (repeats, most, alpha, length, p, level, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (look.repeats, look.most, look.alpha, look.length, look.p, look.level, look.at),
            )

    def start_run(self, started: str, provenance: Json) -> int:
        """Record that a run begins, with its provenance; returns the run's id."""
        with self.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO runs (started, provenance) VALUES (?, ?)", (started, json.dumps(provenance))
            )
        return int(cursor.lastrowid or 0)

    def end_run(self, run_id: int, ended: str) -> None:
        """Record that a run ended in order, finished or stopped."""
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
        """Record trials that are about to be trained, (study id, trial, seed, configuration), in one transaction.

        `stand_ins` says for some of them, (study id, trial) -> why the searcher had no proposal of its own.
        """
        with self.transaction() as connection:
            connection.executemany(
                "INSERT INTO trials (study_id, trial, seed, configuration, state, run_id, proposed) "
                "VALUES (?, ?, ?, ?, 'proposed', ?, ?)",
                [(study, trial, seed, json.dumps(dict(c)), run_id, proposed) for study, trial, seed, c in trials],
            )
            connection.executemany(
                FAILED,
                [(*trial, PROPOSING, run_id, proposed, 1, why, None) for trial, why in (stand_ins or {}).items()],
            )
            self._count_warnings(connection, run_id, warnings)

    def record(
        self,
        run_id: int,
        results: Sequence[tuple[int, int, Result]],
        measured: Measured,
        warnings: int = 0,
        output: str = "",
        seeds: Mapping[tuple[int, int], Sequence[tuple[int, Result]]] | None = None,
        every_correct: bool = False,
    ) -> None:
        """Record results, (study id, trial, result), and what was printed, in one transaction. A result is final.

        `seeds` has what each seed gave, (study id, trial) -> (seed, result), of trials that are trained with several.
        Which examples a trial classified correctly is kept if it is an incumbent, or of all with `every_correct`.
        """
        changed = 0
        with self.transaction() as connection:
            output_id = keep(connection, output)
            for study_id, trial, result in results:
                kept, of_seeds = stored(result), (seeds or {}).get((study_id, trial), ())
                changed += (
                    new := connection.execute(
                        "UPDATE trials SET state = ?, objective = ?, metrics = ?, curves = ?, reason = ?, "
                        "run_id = ?, started = ?, ended = ?, seconds = ?, trained_together = ?, attempts = ?, "
                        "host = ?, device = ?, halved = ?, output_id = ?, epochs = ?, precision = ? "
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
                            output_id,
                            epochs_of([each for _, each in of_seeds] or [result]),
                            result.precision,
                            study_id,
                            trial,
                        ),
                    ).rowcount
                )
                if new:
                    keep_seeds(connection, study_id, trial, of_seeds)
                if new and kept.state == "complete":
                    keep_correct(connection, study_id, trial, result.correct, every_correct)
            if changed:
                self._count_warnings(connection, run_id, warnings)
            else:  # a stop at the end of a transaction has the same results recorded twice
                drop_unused(connection)

    def failed_attempt(
        self, run_id: int, at: str, trials: Sequence[tuple[int, int]], attempt: int, error: str, output: str = ""
    ) -> None:
        """Record that training these trials together, (study id, trial), failed, with the error's last lines."""
        with self.transaction() as connection:
            output_id = keep(connection, output)
            connection.executemany(
                FAILED,
                [(study, trial, attempt, run_id, at, len(trials), error, output_id) for study, trial in trials],
            )

    @_reading
    def outputs(self, method: str, repeat: int, trial: int) -> list[Output]:
        """What training a trial printed: each failed attempt, and then the training that is recorded."""
        return of_trial(self.connection, method, repeat, trial)

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
        return [FailedAttempt(**row) for row in rows]

    def stand_ins(self) -> list[FailedAttempt]:
        """One for each trial for which its searcher had no proposal, with the reason."""
        return [attempt for attempt in self.failed_attempts() if attempt.attempt == PROPOSING]

    @_reading
    def faults(self) -> list[str]:
        """Faults of the file itself, one sentence each."""
        found = [
            f"integrity: {row[0]}" for row in self.connection.execute("PRAGMA integrity_check(10)") if row[0] != "ok"
        ]
        found += [
            f"a row of {row[0]} refers to a row of {row[2]} that is not there"
            for row in self.connection.execute("PRAGMA foreign_key_check")
        ]
        return found

    def reopen(self, failures: Sequence[tuple[int, int]], parallel: int = 1) -> None:
        """Take back failures, (study id, trial), whose cause turned out to lie outside the trials.

        In each study those of the first round that has some are to be trained again; what else is finished of that
        round stays. Later proposals are removed: they came from a history in which those trials counted as chance.
        """
        first: dict[int, int] = {}
        for study_id, trial in failures:
            first[study_id] = min(trial, first.get(study_id, trial))
        with self.transaction() as connection:
            for study_id, trial in first.items():
                last = -(-trial // parallel) * parallel
                connection.execute("DELETE FROM trials WHERE study_id = ? AND trial > ?", (study_id, last))
                connection.executemany(
                    "UPDATE trials SET state = 'proposed', reason = '', objective = NULL, metrics = NULL, "
                    "curves = NULL, epochs = NULL, precision = '' WHERE study_id = ? AND trial = ?",
                    taken_back := [failure for failure in failures if failure[0] == study_id and failure[1] <= last],
                )
                # A task that said itself that it failed has left what each seed gave.
                connection.executemany("DELETE FROM seeds WHERE study_id = ? AND trial = ?", taken_back)
            drop_unused(connection)

    @staticmethod
    def _count_warnings(connection: sqlite3.Connection, run_id: int, warnings: int) -> None:
        connection.execute("UPDATE runs SET warnings = warnings + ? WHERE id = ?", (warnings, run_id))

    # Reading.

    @_reading
    def existing(self) -> Comparison:
        """The comparison. Raises DatabaseError if none is laid out yet."""
        found = self.comparison()
        if found is None:
            raise DatabaseError(f"{self.path}: holds no comparison yet: a run prepares its data, or was stopped before")
        return found

    @_reading
    def comparison(self) -> Comparison | None:
        """The comparison; None in a file just made."""
        rows = self._rows("SELECT * FROM comparison")
        labels = [row["label"] for row in self._rows("SELECT label FROM methods ORDER BY id")]
        if not rows:
            return None
        return cells.comparison(rows[0], labels, self._looks())

    def _looks(self) -> list[Json]:
        """Rows of the tests of a comparison that runs until it is decided; an older file has none."""
        if ("looks", "repeats") not in columns(self.connection):
            return []
        return self._rows("SELECT * FROM looks ORDER BY repeats")

    @_reading
    def methods(self) -> dict[str, MethodRow]:
        """Label -> method, in the study file's order."""
        return {row["label"]: cells.method(row) for row in self._rows("SELECT * FROM methods ORDER BY id")}

    @_reading
    def studies(self) -> list[StudyRow]:
        """All studies, by method and repeat."""
        rows = self._rows(
            "SELECT studies.*, label FROM studies JOIN methods ON methods.id = method_id ORDER BY method_id, repeat"
        )
        return [cells.study(row) for row in rows]

    @cached_property
    def _trial(self) -> str:
        """SQL for a trial's row as the loop needs it."""
        return f"SELECT {self._columns(TrialRow._fields)} FROM trials"

    def _columns(self, names: Sequence[str]) -> str:
        """SQL for these columns of trials, in files of any version."""
        there = columns(self.connection)
        missing = {name for name in LATER if ("trials", name) not in there}
        return ", ".join(f"{LATER[name]} AS {name}" if name in missing else f"trials.{name}" for name in names)

    @_reading
    def trials(self, study_id: int) -> list[TrialRow]:
        """The trials of one study, in order, without their metrics."""
        rows = self._rows(f"{self._trial} WHERE study_id = ? ORDER BY trial", study_id)
        return [cells.trial(row, self._space(study_id)) for row in rows]

    @cached_property
    def _spaces(self) -> dict[int, Space]:
        """The spaces of studies that were looked at: the loop reads back each trial that it records."""
        return {}

    def _space(self, study_id: int) -> Space:
        if study_id not in self._spaces:
            rows = self._rows(
                "SELECT label, space FROM methods JOIN studies ON methods.id = method_id WHERE studies.id = ?", study_id
            )
            for row in rows:
                self._spaces[study_id] = cells.space(row["space"], row["label"])
        return self._spaces[study_id]

    @_reading
    def trial(self, study_id: int, trial: int) -> TrialRow:
        """One trial of a study."""
        (row,) = self._rows(f"{self._trial} WHERE study_id = ? AND trial = ?", study_id, trial)
        return cells.trial(row, self._space(study_id))

    @_reading
    def last_failures(self, most: int) -> dict[str, list[tuple[int, int]]]:
        """Label -> the trials that failed since its last one that did not, (study id, trial), at most `most`."""
        rows = self._rows(
            "WITH placed AS (SELECT trials.*, label FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id), "
            "worked AS (SELECT label, max(ended) AS last FROM placed WHERE state IN ('complete', 'diverged') "
            "GROUP BY label) "
            "SELECT placed.label, study_id, trial FROM placed LEFT JOIN worked ON worked.label = placed.label "
            "WHERE state = 'failed' AND ended > coalesce(last, '') "
            "AND EXISTS (SELECT 1 FROM attempts WHERE attempts.study_id = placed.study_id "
            "AND attempts.trial = placed.trial AND attempt > ?) ORDER BY ended",
            PROPOSING,
        )
        found: dict[str, list[tuple[int, int]]] = {label: [] for label in self.methods()}
        for row in rows:
            found[row["label"]].append((row["study_id"], row["trial"]))
        return {label: failures[-most:] for label, failures in found.items()}

    @_reading
    def last_end(self) -> str:
        """The latest end of a recorded trial; empty if there is none."""
        found = str(self._rows("SELECT coalesce(max(ended), '') AS ended FROM trials")[0]["ended"])
        return cells.time(found) if found else ""

    @_reading
    def recorded_by(self, run_id: int) -> int:
        """How many finished trials a run has recorded."""
        rows = self._rows("SELECT count(*) AS n FROM trials WHERE run_id = ? AND state != 'proposed'", run_id)
        return int(rows[0]["n"])

    @_reading
    def has_results(self) -> bool:
        """Whether any trial is finished."""
        return bool(self._rows("SELECT 1 FROM trials WHERE state != 'proposed' LIMIT 1"))

    @_reading
    def counts(self, repeats: range | None = None) -> dict[str, dict[str, int]]:
        """Label -> state -> number of trials, of all repeats or of these."""
        counts: dict[str, dict[str, int]] = {label: {} for label in self.methods()}
        first, last = (1, MOST) if repeats is None else (repeats.start, repeats.stop - 1)
        for row in self._rows(
            "SELECT label, state, count(*) AS n FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id WHERE repeat BETWEEN ? AND ? GROUP BY label, state",
            first,
            last,
        ):
            counts[row["label"]][row["state"]] = row["n"]
        return counts

    @_reading
    def best_objectives(self) -> dict[str, float]:
        """Label -> best objective of the method's complete trials; a method without any is left out."""
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
        return [cells.run(row) for row in rows]

    @_reading
    def all_trials(self) -> list[Trial]:
        """Every trial, by method, repeat and trial."""
        found = self.comparison()
        spaces = {label: method.space for label, method in self.methods().items()}
        recorded = self._columns(Trial._fields[2:])
        rows = self.connection.execute(
            f"SELECT label, repeat, {recorded} FROM trials JOIN studies ON studies.id = study_id "
            "JOIN methods ON methods.id = method_id ORDER BY method_id, repeat, trial"
        ).fetchall()
        return cells.trials(rows, spaces, found.spec.parallel if found else 1)

    @_reading
    def seeds(self) -> list[SeedRow]:
        """What each seed gave, of trials that were trained with several, by method, repeat, trial and number."""
        return cells.seeds(all_seeds(self.connection))

    @_reading
    def correct(self) -> dict[tuple[str, int, int], dict[Part, Correctness]]:
        """Which examples incumbents classified correctly: (method, repeat, trial) -> part of the data -> how often."""
        return cells.correct(all_correct(self.connection))
