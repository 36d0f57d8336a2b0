"""The database as a file: checked when it is opened, locked while it is written, upgraded, and closed whole."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from hpsearch.contracts.errors import DatabaseError
from hpsearch.store.schema import TABLES, UPGRADES, contradiction
from hpsearch.system.file_system import is_shared
from hpsearch.system.lock import HeldError, Lock

PATIENCE = 30.0
"""Seconds for which another program's lock is waited out."""
LONGEST_PATH = 500
"""Bytes of a path that SQLite opens, whatever the system allows."""
LOCKED = "another program has locked it"


class DatabaseFile:
    """A comparison's file on its disk, open for reading, or for writing by the one driver."""

    def __init__(self, path: Path, *, write: bool = False, say: Callable[[str], None] = lambda _: None) -> None:
        """Open an existing file, or with `write` also a new one; `say` gets a sentence on what this waits for.

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
            self.connection = _connect(self._file, write)
            try:
                self._open(write)
            except BaseException:
                self.connection.close()
                raise
        except BaseException as error:
            self._release()
            if isinstance(error, sqlite3.Error | UnicodeDecodeError):
                raise unreadable(path, error, "not a readable hpsearch database") from error
            raise

    def _open(self, write: bool) -> None:
        """Look before touching anything, then set up for writing."""
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        tables = {name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if version < 0 or (version and not tables >= TABLES):  # many programs count versions from 1
            raise DatabaseError(f"{self.path}: not a readable hpsearch database: its tables are another program's")
        if version > len(UPGRADES):
            raise DatabaseError(
                f"{self.path}: written by a newer hpsearch (version {version}, this one knows {len(UPGRADES)}); "
                "upgrade hpsearch to read it"
            )
        if version and (said := contradiction(self.connection, version)):
            raise DatabaseError(f"{self.path}: damaged: {said}; nothing was written: go on from a copy of it")
        if version == 0 and (tables or not write):
            raise DatabaseError(f"{self.path}: not a readable hpsearch database: it holds no comparison")
        # Find a torn page or a missing end before a write makes it worse.
        (found,) = self.connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            found = " ".join(found.split())
            raise DatabaseError(f"{self.path}: damaged ({found}); nothing was written: go on from a copy of it")
        if write:
            self.connection.execute(f"PRAGMA journal_mode={_journal_mode(self._file)}")
            self.connection.execute("PRAGMA synchronous=FULL")
            self.connection.execute("PRAGMA foreign_keys=ON")
            self.connection.execute("PRAGMA wal_autocheckpoint=100")  # pages: a lost log loses little
            if version < len(UPGRADES):
                self._upgrade(version)
            self._opened = self._file.stat()

    def __enter__(self) -> Self:
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
                unused = self.connection.execute("SELECT 1 FROM comparison").fetchone() is None
                try:
                    self.connection.execute("PRAGMA journal_mode=DELETE")
                except sqlite3.OperationalError:  # somebody is reading: the log stays, but holds nothing new
                    with suppress(sqlite3.OperationalError):  # the disk is full: the log stays, with what it holds
                        self.connection.execute("PRAGMA wal_checkpoint")
                self.connection.close()
                if unused:
                    self._file.unlink(missing_ok=True)
        finally:
            self.connection.close()
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
        """Upgrade in one transaction. A file that holds something is first copied to NAME.vN.db."""
        if version:
            self._copy(f"v{version}")
        with self.transaction():
            for number in range(version, len(UPGRADES)):
                UPGRADES[number](self.connection)
            self.connection.execute(f"PRAGMA user_version={len(UPGRADES)}")

    def _copy(self, version: str) -> None:
        """Copy the file, whole or not at all, under a name that is not taken."""
        stem, suffix = self._file.stem, self._file.suffix
        again = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        places = (self._file.with_name(f"{stem}.{version}{number}{suffix}") for number in again)
        kept = next(place for place in places if not place.exists())
        partial = kept.with_name(f".{kept.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(partial)) as copy:
                self.connection.backup(copy)
            partial.rename(kept)
        except (sqlite3.Error, OSError) as error:
            partial.unlink(missing_ok=True)
            raise DatabaseError(
                f"{self.path}: cannot be copied to {kept.name} before it is upgraded: {error}; nothing was changed"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction while the lock is ours. Raises DatabaseError if the file cannot be written."""
        try:
            try:
                self.connection.execute("BEGIN IMMEDIATE")
                self._check_lock()
                yield self.connection
                self._check_lock()
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # on a full disk SQLite has rolled back already
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:  # a full disk, a lost one, a file that has become read-only or damaged
            if is_locked(error):
                raise DatabaseError(f"{self.path}: {LOCKED}; everything recorded before is kept: run again") from error
            raise DatabaseError(
                f"{self.path}: cannot be written: {error}; everything recorded before is kept: run again"
            ) from error


def _locked(file: Path, path: Path, say: Callable[[str], None]) -> Lock:
    try:
        return Lock(file, say)
    except HeldError as error:
        who = f": {error}" if str(error) else ""
        raise DatabaseError(f"{path}: another run is writing it{who}") from None
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be written there: {error.strerror}") from error


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise DatabaseError(f"{path}: SQLite opens no path of more than {LONGEST_PATH} bytes; put it in a shorter one")
    if not write:
        try:
            path.open("rb").close()  # SQLite would not say why it cannot
        except OSError as error:
            raise DatabaseError(f"{path}: cannot be read: {error.strerror}") from error
    # Autocommit: every transaction is begun and committed by name.
    name = f"file:{quote(os.fsencode(path))}?mode={'rwc' if write else 'ro'}"
    connection = sqlite3.connect(name, uri=True, isolation_level=None, timeout=PATIENCE)
    if write:
        return connection
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.Error as error:
        connection.close()
        if _code(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        # To read a log takes a folder that can be written; a finished file has none, and is read as it is.
        if path.with_name(f"{path.name}-journal").exists():
            raise DatabaseError(
                f"{path}: a run was killed while it wrote; the same command takes that back and goes on"
            ) from None
        if path.with_name(f"{path.name}-wal").exists():
            raise DatabaseError(
                f"{path}: cannot be read with its log, {path.name}-wal, in a folder that cannot be written; copy both "
                "to another one"
            ) from None
        return sqlite3.connect(f"{name}&immutable=1", uri=True, isolation_level=None)
    return connection


def _code(error: Exception) -> int | None:
    """The kind of error that SQLite told; None where it told none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_locked(error: Exception) -> bool:
    """Whether another program's lock is all that is wrong."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_ours(error: Exception) -> bool:
    """Whether our own statement is wrong: the tables and columns were looked at when the file was opened."""
    return isinstance(error, sqlite3.ProgrammingError) or _code(error) == sqlite3.SQLITE_ERROR


def unreadable(path: Path, error: Exception, what: str = "") -> DatabaseError:
    """One sentence on a file that cannot be read, or not now; `what` is said in place of what SQLite says of it."""
    if is_locked(error):
        return DatabaseError(f"{path}: {LOCKED}; close that program, or try again later")
    said = str(error).splitlines()[0]
    if not what:
        damaged = _code(error) in (None, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        what, said = ("damaged", f"{said}; go on from a copy of it") if damaged else ("cannot be read", said)
    return DatabaseError(f"{path}: {what}: {said}")


def _journal_mode(path: Path) -> str:
    """WAL on a local disk, else DELETE: WAL lets others read during a write, but needs memory that all share."""
    return "DELETE" if is_shared(path) else "WAL"
