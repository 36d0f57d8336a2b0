"""Let only one process at a time do something; the others say that they wait for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hpsearch.contracts.progress import Progress
from hpsearch.system.lock import HeldError, Lock

POLL = 0.2
"""Seconds between two tries to take a lock that somebody else holds."""


@contextmanager
def only_one(lock_file: Path, waiting: str, progress: Progress) -> Iterator[None]:
    """Hold a lock while the block runs; the lock ends with the block, or with the process however that ends.

    Args:
        lock_file: the file that names the holder; it is removed at the end.
        waiting: what `progress` is told if somebody else holds the lock.
        progress: told at most once, before the wait.

    Raises:
        OSError: if the folder cannot be written.
    """
    told = False

    def tell(_: str = "") -> None:
        nonlocal told
        if not told:
            told = True
            progress(waiting, 0, 1)

    while True:
        try:
            lock = Lock(lock_file, tell, lock_file=lock_file)
            break
        except HeldError:
            tell()
            time.sleep(POLL)
    try:
        yield
    finally:
        lock.release()
