"""One process at a time does what several may want: the others wait for it, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from hpsearch.task import Progress


@contextmanager
def only_one(lock_file: Path, waiting: str, progress: Progress) -> Iterator[None]:
    """Hold a lock on a file, which ends with the process however that ends.

    Args:
        lock_file: the file; it stays.
        waiting: what progress is told if another process holds it.
        progress: told once, before the wait.
    """
    lock = filelock.FileLock(lock_file)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        progress(waiting, 0, 1)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
