import contextlib
import json
import math
import os
import shutil
import sqlite3
from dataclasses import replace

import pandas as pd
import pytest

import hpsearch
from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.seeds import SEED_BITS
from hpsearch.contracts.space import Float, Space
from hpsearch.export.csv import tables
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import provenance_facts
from hpsearch.store.database import Database
from hpsearch.store.rows import Measured, MethodRow, NewStudy, Output
from hpsearch.store.schema import UPGRADES
from hpsearch.store.tables import load_tables
from tests.tools.by_hand import by_hand
from tests.tools.editing import edited
from tests.tools.studies import OWN_TASK, run_to_end

SPACE = Space((Float("x", 0.0, 1.0),))
NOW = Measured("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01+00:00", 1.0, 1, 1, "h", "cpu")
LAID_OUT = by_hand(["m"], 2, 2, Objective("accuracy", 0.1), name="c")
METHODS = [MethodRow("m", SPACE, {})]
STUDIES = [NewStudy("m", 1, 11, 0), NewStudy("m", 2, 12, 1)]


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "c.db", write=True) as database:
        database.create(LAID_OUT, METHODS, STUDIES)
        yield database


def propose(database, trial=1):
    run = database.start_run(NOW.started, {})
    database.propose(run, NOW.started, [(1, trial, 2**62 + 1, {"x": 0.1 + 0.2})], warnings=3)
    return run


def test_floats_and_seeds_come_back_to_the_last_bit(database):
    run = propose(database)
    value = 0.1 + 0.7
    database.record(run, [(1, 1, Result(value, {"test": value / 3}, {"loss": [value]}))], NOW, warnings=2)
    (row,) = database.all_trials()
    assert row.objective == value
    assert row.metrics["test"] == value / 3
    assert row.curves["loss"] == [value]
    assert row.configuration["x"] == 0.1 + 0.2
    assert row.seed == 2**62 + 1
    assert database.runs()[0].warnings == 5


def test_the_precision_of_each_trial_is_kept_exported_and_said(own_study):
    task = edited(OWN_TASK, 'curves={"loss": [1.0, value]}', 'precision="fp16" if configuration["x"] > 1 else ""')
    file = run_to_end(own_study(task))
    with Database(file) as database:
        rows = database.all_trials()
    assert [row.precision for row in rows] == ["fp16" if row.configuration["x"] > 1 else "" for row in rows]
    assert tables(file)["training"]["precision"] == [row.precision for row in rows]
    trained = sum(row.precision == "fp16" for row in rows)
    assert load_tables(file).precisions == {"fp16": trained}
    facts = dict(provenance_facts(ReportContext(load_tables(file), (file,))))
    assert facts["trained in"] == f"fp16 ({trained} trials)"


def test_what_is_not_finite_becomes_null_with_its_reason(database):
    run = propose(database)
    result = Result(math.nan, {"test": math.inf}, {"loss": [1.0, math.nan]}, "diverged", "loss was nan")
    database.record(run, [(1, 1, result)], NOW)
    (row,) = database.all_trials()
    assert (row.objective, row.metrics, row.reason) == (None, {"test": None}, "loss was nan")
    assert row.curves == {"loss": [1.0, None]}


def test_a_result_is_final(database):
    run = propose(database)
    database.record(run, [(1, 1, Result(0.5))], NOW)
    database.record(run, [(1, 1, Result(0.9))], NOW)
    assert [t.objective for t in database.trials(1)] == [0.5]


def test_a_searchers_view_of_a_trial_has_no_objective_unless_it_completed(database):
    run = propose(database)
    database.record(run, [(1, 1, Result(0.5, outcome="diverged", reason="r"))], NOW)
    assert database.trials(1)[0].objective is None
    assert database.all_trials()[0].objective == 0.5


def test_a_transaction_is_whole_or_absent(database):
    propose(database)
    with pytest.raises(DatabaseError, match="UNIQUE constraint failed"):
        database.propose(1, NOW.started, [(2, 1, 5, {"x": 0.5}), (1, 1, 5, {"x": 0.5})])
    assert database.trials(2) == []


def test_others_read_while_a_run_writes(database):
    propose(database)
    with Database(database.path) as reader:
        assert reader.counts() == {"m": {"proposed": 1}}
        propose(database, trial=2)
        assert reader.counts() == {"m": {"proposed": 2}}
    assert len(hpsearch.load(database.path).trials) == 2


def test_a_closed_file_alone_is_complete(database, tmp_path):
    propose(database)
    database.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.db"]
    copy = shutil.copy(tmp_path / "c.db", tmp_path / "copy.db")
    assert len(hpsearch.load(copy).trials) == 1
    with sqlite3.connect(copy) as connection:
        frame = pd.read_sql("SELECT * FROM trials", connection)
    assert json.loads(frame["configuration"][0]) == {"x": 0.1 + 0.2}


def test_commits_are_on_disk_when_they_return(database):
    assert database.connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert database.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert database.connection.execute("PRAGMA user_version").fetchone()[0] == len(UPGRADES)


def test_what_is_no_database_is_said_and_left_alone(tmp_path):
    path = tmp_path / "text.db"
    path.write_text("not a database at all, " * 100)
    before = path.read_bytes()
    for write in (False, True, True):
        with pytest.raises(DatabaseError, match=r"text\.db: not a readable hpsearch database"):
            Database(path, write=write)
    assert path.read_bytes() == before
    with pytest.raises(DatabaseError, match="no such file"):
        Database(tmp_path / "none.db")


def test_a_second_writer_is_refused_and_told_who_holds_the_file(database):
    with pytest.raises(
        DatabaseError, match=rf"another run is writing it: process {os.getpid()} on \S+, since 2\d\d\d-"
    ):
        Database(database.path, write=True)
    database.close()
    Database(database.path, write=True).close()


def test_a_link_to_it_is_the_same_file(database, tmp_path):
    (tmp_path / "link.db").symlink_to(database.path)
    with pytest.raises(DatabaseError, match=r"link\.db: another run is writing it"):
        Database(tmp_path / "link.db", write=True)


def test_a_stop_as_a_transaction_begins_or_ends_leaves_none_open_and_counts_nothing_twice(database):
    propose(database)

    class Stopping:
        """A connection in which a signal arrives right after a statement."""

        def __init__(self, connection, statement):
            self.connection, self.statement = connection, statement

        def __getattr__(self, name):
            return getattr(self.connection, name)

        def execute(self, sql, *parameters):
            found = self.connection.execute(sql, *parameters)
            if sql.startswith(self.statement):
                raise KeyboardInterrupt
            return found

    connection = database.connection
    for statement in ("BEGIN", "COMMIT"):
        database.connection = Stopping(connection, statement)
        with pytest.raises(KeyboardInterrupt):
            database.record(1, [(1, 1, Result(0.5))], NOW, warnings=2)
        database.connection = connection
        assert not connection.in_transaction
    database.record(1, [(1, 1, Result(0.5))], NOW, warnings=2)  # as the loop does when it is asked to stop
    assert database.runs()[0].warnings == 3 + 2


def test_an_error_while_it_is_opened_leaves_it_free(database, monkeypatch):
    database.close()
    with monkeypatch.context() as patch:
        patch.setattr(Database, "_open", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Database(database.path, write=True)
    Database(database.path, write=True).close()


def test_a_newer_file_is_refused_and_left_alone(database):
    database.connection.execute("PRAGMA user_version=99")
    database.close()
    before = database.path.read_bytes()
    for write in (False, True):
        with pytest.raises(DatabaseError, match="newer hpsearch"):
            Database(database.path, write=write)
    assert database.path.read_bytes() == before


@pytest.mark.parametrize("version", range(len(UPGRADES) + 1))
def test_somebody_elses_database_is_refused_and_left_alone(tmp_path, version):
    path = tmp_path / "photos.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
        connection.execute(f"PRAGMA user_version={version}")
        connection.commit()
    before = path.read_bytes()
    for write in (False, True):
        with pytest.raises(DatabaseError, match=r"holds no comparison|another program's"):
            Database(path, write=write)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["photos.db"]


def test_a_file_without_a_comparison_is_not_left_behind(tmp_path):
    Database(tmp_path / "new.db", write=True).close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_version_1_is_read_as_it_is_and_goes_on(own_study, tmp_path):
    """Made by taking away what later versions added: tables, columns, and a setting that the task had not got."""
    study = own_study()
    file = run_to_end(study, seed_bits=SEED_BITS)
    expected = load_tables(file).trials
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as old:
        for column in ("output_id", "epochs", "precision"):
            old.execute(f"ALTER TABLE trials DROP COLUMN {column}")
        old.execute("ALTER TABLE comparison DROP COLUMN seed_bits")
        for table in ("attempts", "outputs", "seeds", "looks", "correct"):
            old.execute(f"DROP TABLE {table}")
        old.execute("ALTER TABLE trials DROP COLUMN halved")
        old.execute("DELETE FROM trials WHERE trial > 4")
        (settings,) = old.execute("SELECT resolved FROM comparison").fetchone()
        settings = json.loads(settings)
        del settings["task"]["objective"]["searchable"]
        old.execute("UPDATE comparison SET resolved = ?", (json.dumps(settings),))
        old.execute("PRAGMA user_version = 1")
    before = file.read_bytes()
    assert len(load_tables(file).trials) == 24
    assert load_tables(file).halved == 0
    assert file.read_bytes() == before
    run_to_end(study)
    found = load_tables(file).trials
    assert found.drop(columns="seconds").equals(expected.drop(columns="seconds"))
    with contextlib.closing(sqlite3.connect(file)) as upgraded:
        assert upgraded.execute("PRAGMA user_version").fetchone() == (len(UPGRADES),)


@pytest.mark.parametrize("how", ["removed", "moved", "replaced"])
def test_a_file_that_goes_away_while_it_is_written_stops_the_run(database, how):
    run = propose(database)
    if how == "replaced":
        shutil.copy(database.path, database.path.with_name("new.db"))
        database.path.with_name("new.db").replace(database.path)
    elif how == "moved":
        database.path.rename(database.path.with_name("moved.db"))
    else:
        database.path.unlink()
    with pytest.raises(DatabaseError, match=r"c\.db: was removed, moved or replaced while it was written"):
        database.record(run, [(1, 1, Result(0.5))], NOW)
    with pytest.raises(DatabaseError, match="was removed"):
        database.end_run(run, NOW.started)


def test_a_file_with_another_name_is_not_written(database, tmp_path):
    database.close()
    os.link(tmp_path / "c.db", tmp_path / "d.db")
    for name in ("c.db", "d.db"):
        with pytest.raises(DatabaseError, match="has another name on this disk"):
            Database(tmp_path / name, write=True)
        with Database(tmp_path / name) as other:
            assert other.existing().name == "c"


def test_what_was_laid_out_lies_in_the_file_at_once_and_not_in_its_log_alone(database, tmp_path):
    shutil.copy(tmp_path / "c.db", tmp_path / "copy.db")
    with Database(tmp_path / "copy.db") as copy:
        assert copy.existing().name == "c"
        assert len(copy.studies()) == 2


def test_a_name_that_is_no_text(tmp_path):
    file = tmp_path / os.fsdecode(b"\xff#%41.db")
    with Database(file, write=True) as database:
        database.create(LAID_OUT, METHODS, [])
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    with Database(file) as database:
        assert database.existing().name == "c"


def test_failures_in_a_row_are_those_that_raised_after_their_methods_last_that_did_not_fail(tmp_path):
    """Two studies of m, and one of n, which another method's success does not reach."""
    laid_out = by_hand(["m", "n"], 2, 2, Objective("accuracy", 0.1), name="c")
    with Database(tmp_path / "c.db", write=True) as database:
        database.create(laid_out, [*METHODS, MethodRow("n", SPACE, {})], [*STUDIES, NewStudy("n", 1, 13, 0)])
        run = database.start_run(NOW.started, {})
        ends = (f"2026-01-01T00:00:0{second}.000+00:00" for second in range(9))
        for study, trial, outcome, raised in (
            (3, 1, "failed", True), (1, 1, "failed", True), (1, 2, "complete", False), (2, 1, "failed", True),
            (3, 2, "failed", True), (2, 2, "failed", False),
        ):  # fmt: skip
            database.propose(run, NOW.started, [(study, trial, 1, {"x": 0.5})])
            if raised:
                database.failed_attempt(run, NOW.started, [(study, trial)], 1, "OSError")
            value = 0.5 if outcome == "complete" else None
            database.record(run, [(study, trial, Result(value, outcome=outcome))], replace(NOW, ended=next(ends)))
        assert database.last_failures(9) == {"m": [(2, 1)], "n": [(3, 1), (3, 2)]}
        assert database.last_failures(1) == {"m": [(2, 1)], "n": [(3, 2)]}
        assert database.last_end() == "2026-01-01T00:00:05.000+00:00"


class TestOutputs:
    """What tasks print is kept once for a pack, and for each attempt that failed."""

    def stored(self, database):
        return [row[0] for row in database.connection.execute("SELECT text FROM outputs ORDER BY id")]

    def test_a_packs_output_is_kept_once_and_belongs_to_each_of_its_trials(self, database):
        run = database.start_run(NOW.started, {})
        database.propose(run, NOW.started, [(1, 1, 5, {"x": 0.1}), (2, 1, 6, {"x": 0.2})])
        database.failed_attempt(run, NOW.started, [(1, 1), (2, 1)], 1, "OSError", "first try\n")
        database.record(run, [(1, 1, Result(0.5)), (2, 1, Result(0.6))], NOW, output="second try\n")
        expected = [Output(True, 1, 2, "first try\n"), Output(False, 1, 2, "second try\n")]
        assert database.outputs("m", 1, 1) == database.outputs("m", 2, 1) == expected
        assert self.stored(database) == ["first try\n", "second try\n"]
        assert database.outputs("m", 2, 2) == []

    def test_nothing_is_kept_where_nothing_is_printed_or_recorded(self, database):
        run = propose(database)
        database.record(run, [(1, 1, Result(0.5))], NOW)
        database.record(run, [(1, 1, Result(0.5))], NOW, output="recorded before")
        assert self.stored(database) == []
        assert database.outputs("m", 1, 1) == []

    def test_what_is_taken_back_leaves_no_output_behind(self, database):
        run = database.start_run(NOW.started, {})
        for trial in (1, 2):
            database.propose(run, NOW.started, [(1, trial, 5, {"x": 0.1})])
            database.failed_attempt(run, NOW.started, [(1, trial)], 1, "OSError", f"trial {trial}")
            database.record(run, [(1, trial, Result(None, outcome="failed"))], NOW)
        database.reopen([(1, 1), (1, 2)])
        assert self.stored(database) == ["trial 1"]
        assert database.faults() == []
