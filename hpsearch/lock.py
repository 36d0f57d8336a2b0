"""Who may write a file: a lock file beside it, which names its holder.

On a local disk the operating system's lock (flock) decides: it ends with its holder, however that ends. On a file
system that several machines share, flock may bind each machine alone, or not exist. There a holder also counts in the
lock file as long as it lives, and one whose count stands still is dead: no clocks are compared.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import platform
import re
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

BEAT = 3.0
"""Seconds between two counts of a holder on a shared file system."""
PATIENCE = 15.0
"""Seconds for which a count has to stand still before its holder is taken for dead."""
CLAIM = 1.0
"""Seconds after which one who took a lock over looks whether somebody else did so at the same instant."""
NETWORK_FILE_SYSTEMS = (
    "nfs", "cifs", "smb", "fuse", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs", "virtiofs", "vboxsf", "panfs",
    "ocfs2", "gfs2", "wekafs",
)  # fmt: skip
MOUNTS = Path("/proc/mounts")
HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
LONGEST = 1024
"""Bytes of a lock file."""


class HeldError(Exception):
    """Somebody else holds the lock; the text says who, where that is known."""


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


class Lock:
    """The right to write `path`, from when this returns to `release` or the end of the process."""

    def __init__(self, path: Path, say: Callable[[str], None] = lambda _: None) -> None:
        """Take it, or raise HeldError. `say` is told before a wait; OSError means that nothing can be written there."""
        self._path = path.with_name(f".{path.name}.lock")
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
        """Raise HeldError if somebody took the lock over: this machine slept, or lost the file system for a while."""
        found = self._read()
        if (found.token != self._mine.token) if found else self._shared or not self._path.exists():
            raise HeldError(str(found) if found else "somebody who removed its lock file")

    def release(self) -> None:
        """Let the next one have it."""
        if not self._released.is_set():
            self._released.set()
            with suppress(OSError):  # the folder may have become read-only, or gone
                found = self._read()
                if found is None or found.token == self._mine.token:
                    self._path.unlink()
            if self._counting.is_alive():
                self._counting.join()  # or it might write into what gets this file's number next
            os.close(self._file)

    def _opened(self) -> int:
        """The lock file, open, and locked as far as the file system can."""
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                if fcntl is None:
                    raise OSError(errno.ENOSYS, "no flock")
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file), self._path.stat()):
                    return file
            except FileNotFoundError:
                pass  # its holder has just removed it: take the new one
            except OSError as error:
                if error.errno not in HELD:  # this file system has no such locks
                    self._shared = True
                    return file
                os.close(file)
                raise HeldError(str(self._read() or "")) from None
            os.close(file)

    def _outlive(self, say: Callable[[str], None]) -> None:
        """Wait until the holder that the file names has not counted for long."""
        before = self._bytes()
        found = _parsed(before)
        if not before.strip() or (found and found.machine == self._mine.machine and not _lives(found.pid)):
            return
        say(f"{self._path}: left by {found or 'somebody'}; looking for {PATIENCE:.0f} s whether that still runs")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            time.sleep(min(BEAT, PATIENCE) / 3)
            if (now := self._bytes()) != before:
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
            if self._shared:  # elsewhere it only says who it is
                raise

    def _read(self) -> _Holder | None:
        return _parsed(self._bytes())

    def _bytes(self) -> bytes:
        """Opened anew, since network file systems ask the server then."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""


def _parsed(contents: bytes) -> _Holder | None:
    try:
        return _Holder(**json.loads(contents))
    except (ValueError, TypeError):
        return None


def _digits(count: int) -> str:
    """Always as many, so that a count read while it changes is still one."""
    return f"{count:012d}"


def _lives(pid: int) -> bool:
    if fcntl is None:  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)  # or it is somebody else's
    return True


def _machine() -> str:
    """The same for all processes that see each other's numbers, from when the machine starts to when it stops."""
    found = platform.node()
    with suppress(OSError):  # only Linux has them; in a container, process numbers are its own
        found += " " + Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        found += " " + str(Path("/proc/self/ns/pid").readlink())
    return found


def is_shared(path: Path) -> bool:
    """Whether other machines may see this path, too."""
    return file_system(path).startswith(NETWORK_FILE_SYSTEMS)


def file_system(path: Path) -> str:
    """Type of the file system that holds `path` on Linux; empty elsewhere."""
    if not MOUNTS.is_file():
        return ""
    best, kind = "", ""
    folder = str(path.resolve().parent) + "/"
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        _, mount, this_kind, *_ = line.split(" ")
        mount = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), mount)  # as blanks are written there
        if folder.startswith(mount.rstrip("/") + "/") and len(mount) >= len(best):
            best, kind = mount, this_kind
    return kind
