"""A worker's standard output and error as a file in memory, whoever writes them: Python, a C library, a child."""

from __future__ import annotations

import ctypes
import io
import os
import sys
import tempfile
import threading
import time
from contextlib import suppress

from hpsearch.system.ends import FIRST, GAP, LAST, Ends

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

MOST = 1_000_000
"""Bytes after which the file loses its middle."""
EVERY = 0.1
"""Seconds between two looks at its length."""

_own: int | None = None
_lock = threading.Lock()


def new_file() -> int | None:
    """An empty file for a worker's output, gone with the last process that has it open; None where there is none."""
    if fcntl is None:
        return None
    for number in (0, 1, 2):  # or a pipe to the worker might get one of these, which the worker gives to its task
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if hasattr(os, "memfd_create"):  # no disk, which may be full
        file = os.memfd_create("hpsearch-output")
    else:
        with tempfile.TemporaryFile() as unnamed:
            file = os.dup(unnamed.fileno())
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_APPEND)
    return file


def own(file: int) -> None:
    """From now on this process and its children write their standard output and error to `file`."""
    global _own
    os.ftruncate(file, 0)  # which an earlier process may have written to
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        os.dup2(file, number)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    _own = file
    threading.Thread(target=_keep_short, args=(file,), daemon=True).start()


def owned() -> bool:
    """Whether this process is a worker whose output goes to a file."""
    return _own is not None


def empty() -> None:
    """Forget what this worker has written so far."""
    assert _own is not None
    _flush()
    with _lock:
        os.ftruncate(_own, 0)


def text() -> str:
    """What this worker has written since `empty`."""
    assert _own is not None
    _flush()
    with _lock:
        return text_of(_own)


def text_of(file: int) -> str:
    """What a worker has written to its file; its beginning and its end where it is long."""
    ends, size = Ends(), os.fstat(file).st_size
    ends.add(os.pread(file, min(size, FIRST + LAST), 0))
    if size > FIRST + LAST:
        ends.add(os.pread(file, LAST + 1, size - LAST - 1))  # a byte more, to tell that something is left out
    return ends.text()


def shorten(file: int) -> None:
    """Take out the middle of a file that has become long; what is written in that very instant may get lost."""
    size = os.fstat(file).st_size
    if size > MOST:
        end = os.pread(file, LAST, size - LAST)
        os.ftruncate(file, FIRST)
        os.write(file, GAP + end)


def _keep_short(file: int) -> None:
    while True:
        time.sleep(EVERY)
        with _lock:
            shorten(file)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a task may have closed it, or put anything in its place
            stream.flush()
    ctypes.CDLL(None).fflush(None)
