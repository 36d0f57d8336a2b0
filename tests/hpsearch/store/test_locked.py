"""A file that another program has locked, or that lies where nothing can be written: one true sentence, no guess."""

import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Float, Space
from hpsearch.store import file as files
from hpsearch.store.database import Database
from hpsearch.store.rows import MethodRow, NewStudy
from tests.tools.by_hand import by_hand


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A database with a seed of 1, for which nobody is waited for long."""
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    with Database(tmp_path / "c.db", write=True) as database:
        laid_out = by_hand(["m"], 2, 1, Objective("accuracy", 0.1), name="c")
        database.create(laid_out, [MethodRow("m", Space((Float("x", 0.0, 1.0),)), {})], [NewStudy("m", 1, 1, 0)])
    return tmp_path / "c.db"


@contextmanager
def locked(file, journal):
    """Another program in the middle of a change: it has locked the file, and written into it without committing."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode={journal}")
        other.execute("PRAGMA cache_size=1")  # pages: what does not fit is written at once
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE studies SET seed = 99")
        other.execute("CREATE TABLE filler AS SELECT randomblob(50000) AS bytes")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("journal", ["DELETE", "MEMORY", "OFF"])
def test_what_another_program_has_locked_is_not_read(file, journal):
    with locked(file, journal), pytest.raises(DatabaseError, match=r"c\.db: another program has locked it; close"):
        Database(file)


def test_a_lock_that_comes_while_it_is_read_is_no_damage(file):
    with Database(file) as database:
        database.connection.execute("PRAGMA busy_timeout=0")
        with locked(file, "DELETE"), pytest.raises(DatabaseError, match=r"c\.db: another program has locked it"):
            database.studies()
        assert [study.seed for study in database.studies()] == [1]


def test_what_another_program_has_locked_is_not_written(file):
    with locked(file, "DELETE"), pytest.raises(DatabaseError, match=r"c\.db: another program has locked it"):
        Database(file, write=True)
    with Database(file, write=True) as database:
        database.connection.execute("PRAGMA busy_timeout=0")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseError, match=r"another program has locked it; .* is kept: run again"):
                database.end_run(1, "now")


def test_a_wrong_statement_of_ours_is_no_damage(file):
    with Database(file) as database:
        database._rows = lambda *_: database.connection.execute("SELECT sead FROM studies")
        with pytest.raises(sqlite3.OperationalError, match="no such column"):
            database.studies()


@pytest.fixture
def nobody():
    """As a user who may write nowhere, for the rest of the test."""
    if os.geteuid():
        pytest.skip("only root can become nobody")
    os.seteuid(65534)
    yield
    os.seteuid(0)


@pytest.fixture
def shut(file):
    """A copy of the database in a folder that others can read and not write."""
    with TemporaryDirectory() as name:  # into those of pytest only their owner may look
        folder = Path(name)
        folder.chmod(0o755)
        yield SimpleNamespace(folder=folder, copy=shutil.copy(file, folder / "c.db"))


def test_a_finished_file_is_read_where_nothing_can_be_written(shut, request):
    with closing(sqlite3.connect(shut.copy)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    request.getfixturevalue("nobody")
    with Database(shut.copy) as database:
        assert database.existing().name == "c"
    assert [path.name for path in shut.folder.iterdir()] == ["c.db"]


def test_a_log_that_cannot_be_read_is_named(file, shut, request):
    with closing(sqlite3.connect(file)) as connection:  # as a run that was killed leaves it
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE studies SET seed = 2")
        connection.commit()
        for ending in ("", "-wal"):
            shutil.copy(f"{file}{ending}", f"{shut.copy}{ending}")
    request.getfixturevalue("nobody")
    with pytest.raises(DatabaseError, match=r"c\.db: cannot be read with its log, c\.db-wal, in a folder that"):
        Database(shut.copy)


def test_half_a_write_of_a_killed_run_is_not_read(file, tmp_path):
    copy = tmp_path / "copy.db"
    with locked(file, "DELETE"):
        for ending in ("", "-journal"):
            shutil.copy(f"{file}{ending}", f"{copy}{ending}")
    with pytest.raises(DatabaseError, match=r"copy\.db: a run was killed while it wrote; the same command takes that"):
        Database(copy)
    with Database(copy, write=True) as database:
        assert [study.seed for study in database.studies()] == [1]


def test_a_file_that_may_not_be_read(shut, request):
    shut.copy.chmod(0o600)
    request.getfixturevalue("nobody")
    with pytest.raises(DatabaseError, match=r"c\.db: cannot be read: Permission denied"):
        Database(shut.copy)


@pytest.mark.parametrize("write", [True, False])
def test_a_path_that_is_too_long_for_sqlite(file, tmp_path, write):
    folder = tmp_path
    while len(os.fsencode(folder / "c.db")) <= files.LONGEST_PATH:
        folder /= "long" * 20
    folder.mkdir(parents=True)
    shutil.copy(file, folder)
    with pytest.raises(DatabaseError, match=r"c\.db: SQLite opens no path of more than 500 bytes; put it in"):
        Database(folder / "c.db", write=write)
    assert [path.name for path in folder.iterdir()] == ["c.db"]
