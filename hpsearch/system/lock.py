"""A lock decides which process may write a file: a lock file beside it names the holder.

On a local disk the operating system's lock (flock) decides, and it ends with its holder, however that ends. On a file
system that several machines share, flock may work within one machine only, or not exist. So a holder there also keeps
counting in the lock file while it lives. A holder whose count stands still is dead; no clocks are compared.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hpsearch.system.file_system import is_shared

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

BEAT = 3.0
"""Seconds between two counts of a holder on a shared file system."""
PATIENCE = 15.0
"""Seconds after which a count that stands still means that its holder is dead."""
CLAIM = 1.0
"""Seconds after which the new holder of a lock looks whether somebody else took it at the same instant."""
HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
GLANCE = 0.2
"""Seconds for which a taker waits out what may only be a look of `holder`, which takes microseconds."""
SOMEBODY = "somebody"
LONGEST = 1024
"""Most bytes in a lock file."""


class HeldError(Exception):
    """Somebody else holds the lock; the text says who, if that is known."""


@dataclass(frozen=True)
class _Holder:
    host: str
    pid: int
    since: str
    machine: str
    token: str
    count: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def holder(path: Path, say: Callable[[str], None] = lambda _: None) -> str:
    """Who holds the right to write `path`, as HeldError says it; empty if nobody does.

    It takes no lock for longer than a taker waits anyway, and makes, changes and removes no file. `say` is told one
    sentence before it waits to see whether a holder on another machine is dead.
    """
    path = path.resolve()
    file = _lock_file(path)
    try:
        before = file.read_bytes()
        held = _is_locked(file)
    except FileNotFoundError:
        return ""
    except OSError:  # another user's file, which may not be read: that it is there is all that is known
        return SOMEBODY
    found = _parsed(before)
    if held:
        return str(found or SOMEBODY)
    if (held is False and not is_shared(path)) or _is_left(before, found):
        return ""
    say(_looking(file, found))
    for now in _glances(file):
        if now != before:
            return str(_parsed(now) or found or SOMEBODY) if now else ""
    return ""


class Lock:
    """The right to write a file, held from the constructor's return to `release` or the end of the process."""

    def __init__(
        self, path: Path, say: Callable[[str], None] = lambda _: None, *, lock_file: Path | None = None
    ) -> None:
        """Take the right to write `path`.

        Args:
            path: the file to write; it need not exist.
            say: called with one sentence before a wait to see whether the last holder is dead.
            lock_file: the file that names the holder; .NAME.lock beside `path` if None.

        Raises:
            HeldError: if somebody else holds the lock.
            OSError: if the lock file cannot be written.
        """
        self._path = lock_file or _lock_file(path)
        self._shared = is_shared(path)
        self._mine = _Holder(
            platform.node(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), _machine(), uuid.uuid4().hex,
            _digits(0),
        )  # fmt: skip
        self._released = threading.Event()
        self._counting = threading.Thread(target=self._count, daemon=True)
        self._file = self._opened()
        try:
            if self._shared:
                self._outlive(say)
            self._write(self._mine)
            if self._shared:
                time.sleep(CLAIM)
                self.check()
                self._counting.start()
        except BaseException:
            os.close(self._file)
            raise

    def check(self) -> None:
        """Raise HeldError if somebody took over the lock while this machine slept or had lost the file system."""
        found = self._read()
        if (found.token != self._mine.token) if found else self._shared or not self._path.exists():
            raise HeldError(str(found) if found else "somebody who removed its lock file")

    def release(self) -> None:
        """Give up the lock."""
        if not self._released.is_set():
            self._released.set()
            with suppress(OSError):  # the folder may have become read-only, or gone
                found = self._read()
                if found is None or found.token == self._mine.token:
                    self._path.unlink()
            if self._counting.is_alive():
                self._counting.join()  # or it might write into the next file that gets this number
            os.close(self._file)

    def _opened(self) -> int:
        """Open the lock file, and lock it as far as the file system can."""
        end = time.monotonic() + GLANCE
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                if fcntl is None:
                    raise OSError(errno.ENOSYS, "no flock")
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file), self._path.stat()):
                    return file
            except FileNotFoundError:
                pass  # its holder has just removed it: make a new file
            except OSError as error:
                if error.errno not in HELD:  # this file system has no such locks
                    self._shared = True
                    return file
                if time.monotonic() > end:
                    os.close(file)
                    raise HeldError(str(self._read() or "")) from None
                time.sleep(0.01)
            os.close(file)

    def _outlive(self, say: Callable[[str], None]) -> None:
        """Wait until the count of the holder in the file has stood still for PATIENCE, or raise HeldError."""
        before = self._bytes()
        found = _parsed(before)
        if _is_left(before, found):
            return
        say(_looking(self._path, found))
        for now in _glances(self._path):
            if now != before:
                raise HeldError(str(_parsed(now) or found or ""))

    def _count(self) -> None:
        for count in itertools.count(1):
            if self._released.wait(BEAT):
                return
            with suppress(OSError, HeldError):  # the next write of the database will say so
                self.check()
                self._write(replace(self._mine, count=_digits(count)))

    def _write(self, holder: _Holder) -> None:
        text = json.dumps(asdict(holder))[: LONGEST - 1].ljust(LONGEST - 1) + "\n"
        try:
            # In place: renaming a new file over it would lose the lock on the old one.
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, text.encode("ascii"))
            os.fsync(self._file)
        except OSError:
            if self._shared:  # on a local disk the file only says who holds the lock
                raise

    def _read(self) -> _Holder | None:
        return _parsed(self._bytes())

    def _bytes(self) -> bytes:
        return _bytes_of(self._path)


def _lock_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _bytes_of(lock_file: Path) -> bytes:
    """What is in a lock file, opened anew, since that makes a network file system ask its server."""
    try:
        return lock_file.read_bytes()
    except FileNotFoundError:
        return b""


def _glances(lock_file: Path) -> Iterator[bytes]:
    """What is in a lock file, again and again for PATIENCE."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(min(BEAT, PATIENCE) / 3)
        yield _bytes_of(lock_file)


def _looking(lock_file: Path, found: _Holder | None) -> str:
    return f"{lock_file}: left by {found or SOMEBODY}; waiting {PATIENCE:.0f} s to see whether that still runs"


def _is_left(contents: bytes, found: _Holder | None) -> bool:
    """Whether a lock file by itself says that nobody holds it."""
    return not contents.strip() or (found is not None and found.machine == _machine() and not _lives(found.pid))


def _is_locked(lock_file: Path) -> bool | None:
    """Whether somebody holds the operating system's lock; None where the file system has no such locks.

    The system tells that only to who tries: a shared lock, for some microseconds, and only where nobody holds one.
    """
    if fcntl is None:
        return None
    file = os.open(lock_file, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return True if error.errno in HELD else None
    finally:
        os.close(file)
    return False


def _parsed(contents: bytes) -> _Holder | None:
    try:
        found = _Holder(**json.loads(contents))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (found.host, found.since, found.machine, found.token, found.count)
    known = all(isinstance(text, str) for text in texts) and type(found.pid) is int and found.pid > 0
    return found if known else None


def _digits(count: int) -> str:
    """A count with a fixed number of digits, so that a read during a write still sees a count."""
    return f"{count:012d}"


def _lives(pid: int) -> bool:
    if fcntl is None:  # on Windows, signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except OverflowError:  # no process has such a number
        return False
    except OSError as error:
        return not isinstance(error, ProcessLookupError)  # any other error: the process is another user's
    return True


def _machine() -> str:
    """A name for this machine until it restarts, shared by all processes that see each other's process numbers."""
    found = platform.node()
    with suppress(OSError):  # only Linux has these files; a container numbers its processes itself
        found += " " + Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        found += " " + str(Path("/proc/self/ns/pid").readlink())
    return found
