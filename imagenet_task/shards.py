"""Arrays that are computed once, for all trainings: a memory-mapped .npy file each, filled shard by shard.

The files have their final size from the start, and shards are written at their places, in one process or in several. A
shard counts as there when a line of the folder's ledger holds its checksum, which is written after its bytes are safe
on the disk. So whatever ends a pass, the next one goes on with the shards that lack a line; no byte is copied or
written twice.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress
from hpsearch.system.children import end_with_driver, importing_main, kill, without_ctrl_c
from hpsearch.system.cores import available_cores
from hpsearch.system.only_one import only_one

WORTH_A_PROCESS = 4
"""Shards; a process takes three seconds to start, for torch comes along with the task."""
LEDGER = "ledger.txt"

Shard = tuple[str, int]
"""An array's name, and a number from 0."""
Job = Callable[[], int]
"""Does something with a shard and returns its checksum."""


@dataclass(frozen=True)
class Array:
    """A file: an .npy header, then the rows, one for each image; all shards but the last have as many.

    Attributes:
        path: of the file.
        rows: how many there are.
        row: shape of one.
        dtype: of the numbers, as numpy writes it: "|u1", "<f2".
        a_shard: rows of a shard.
    """

    path: Path
    rows: int
    row: tuple[int, ...]
    dtype: str
    a_shard: int

    @property
    def header(self) -> bytes:
        """The file's first bytes, which say its shape."""
        file = io.BytesIO()
        shape = (self.rows, *self.row)
        np.lib.format.write_array_header_1_0(file, {"descr": self.dtype, "fortran_order": False, "shape": shape})
        return file.getvalue()

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return int(np.prod(self.row)) * np.dtype(self.dtype).itemsize

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + self.rows * self.row_bytes

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.rows // self.a_shard)

    def span(self, shard: int) -> range:
        """The rows of a shard."""
        return range(shard * self.a_shard, min((shard + 1) * self.a_shard, self.rows))

    def begins(self, shard: int) -> int:
        """Where a shard's bytes begin in the file."""
        return len(self.header) + shard * self.a_shard * self.row_bytes

    def is_there(self) -> bool:
        """Whether the file is there with its header and size; the ledger says what of it is filled."""
        try:
            with self.path.open("rb") as file:
                return file.read(len(self.header)) == self.header and file.seek(0, os.SEEK_END) == self.size
        except OSError:
            return False

    def make(self) -> None:
        """Make the file at its whole size, without contents, which a file system need not store."""
        with self.path.open("wb") as file:
            file.write(self.header)
            file.truncate(self.size)

    def write(self, shard: int, values: NDArray[Any]) -> int:
        """Write a shard, contiguous, to its place; returns its checksum when it is safe there."""
        with self.path.open("r+b") as file:
            file.seek(self.begins(shard))
            file.write(values.data)
            file.flush()
            os.fsync(file.fileno())
        return zlib.crc32(values.data)

    def checksum(self, shard: int) -> int:
        """CRC-32 of a shard's bytes, which finds what a disk did, at a gigabyte a second; -1 if they cannot be read."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.begins(shard))
                return zlib.crc32(file.read(len(self.span(shard)) * self.row_bytes))
        except OSError:
            return -1


@dataclass(frozen=True)
class Words:
    """What messages call a pass.

    Attributes:
        what: that is kept: "decoded images".
        doing: "decoding images".
        does: what one of its processes does: "decodes images".
        waiting: "waiting for another process to decode the images".
        smaller: what else to do where the disk is too small, with a comma and "or" before it; or nothing.
    """

    what: str
    doing: str
    does: str
    waiting: str
    smaller: str = ""


@dataclass(frozen=True)
class Kept:
    """Whole arrays.

    Attributes:
        arrays: by name, memory-mapped for reading only.
        sha256: of the checksums of all shards: it tells the contents.
    """

    arrays: Mapping[str, NDArray[Any]]
    sha256: str


def kept(
    folder: Path,
    arrays: Mapping[str, Array],
    job: Callable[[str, int], Job],
    words: Words,
    progress: Progress,
    *,
    verify: bool = False,
    processes: bool = False,
) -> Kept:
    """The arrays of a folder, filled where they are not.

    Args:
        folder: holds the files of the arrays, and its ledger.
        arrays: by name.
        job: makes the job that fills a shard, given an array's name and the shard's number.
        words: for messages.
        progress: told in rows.
        verify: whether every shard is read and compared with its checksum, and filled again if a disk has changed it.
        processes: whether jobs can be sent to other processes.

    Raises:
        TaskError: from a job, or if the folder cannot be written.
    """
    wanted = [(name, shard) for name, array in arrays.items() for shard in range(array.shards)]
    known = _known(folder, arrays)
    damaged = _damaged(arrays, known, words, progress, processes) if verify else set()
    if damaged or len(known) < len(wanted):
        if processes and importing_main():
            # A process of the pass, importing its driver's script, would wait for ever for its own driver.
            raise TaskError(f"a script that {words.does} must do it below `if __name__ == '__main__':`")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = folder.with_name(f".{folder.name}.lock")
            with only_one(lock, words.waiting, progress):
                known = _fill(folder, arrays, job, damaged, words, progress, processes)
        except OSError as error:
            raise TaskError(
                f"{words.what} cannot be kept in {folder.parent}: {error.strerror or error}; make room there, or let "
                "HPSEARCH_CACHE name another folder; what is there is kept"
            ) from error
    opened = {name: np.load(array.path, mmap_mode="r") for name, array in arrays.items()}
    checksums = json.dumps([known[shard] for shard in wanted]).encode()
    return Kept(opened, hashlib.sha256(checksums).hexdigest())


def _known(folder: Path, arrays: Mapping[str, Array]) -> dict[Shard, int]:
    """Checksums of the shards that are filled, by the ledger; the last line about a shard holds."""
    found: dict[Shard, int] = {}
    try:
        text = (folder / LEDGER).read_text(encoding="ascii", errors="replace")
    except OSError:
        return found
    there = {name for name, array in arrays.items() if array.is_there()}
    for line in text[: text.rfind("\n") + 1].splitlines():  # a kill may have left the last line without its end
        words = line.split()
        if len(words) == 3 and words[0] in there and words[1].isdigit() and words[2].isdigit():
            name, shard, checksum = words[0], int(words[1]), int(words[2])
            if shard < arrays[name].shards:
                found[name, shard] = checksum
    return found


def _damaged(
    arrays: Mapping[str, Array], known: Mapping[Shard, int], words: Words, progress: Progress, processes: bool
) -> set[Shard]:
    """Shards whose bytes are no longer those of their checksum."""
    found: dict[Shard, int] = {}
    jobs: dict[Shard, Job] = {(name, shard): partial(arrays[name].checksum, shard) for name, shard in known}
    _run(jobs, arrays, f"checking {words.what}", words.does, found.__setitem__, progress, processes)
    return {shard for shard, checksum in found.items() if checksum != known[shard]}


def _fill(
    folder: Path,
    arrays: Mapping[str, Array],
    job: Callable[[str, int], Job],
    damaged: set[Shard],
    words: Words,
    progress: Progress,
    processes: bool,
) -> dict[Shard, int]:
    """Fill the shards that are missing or damaged; returns the checksums of all."""
    known = _known(folder, arrays)  # again: another process may have filled some before we had the lock
    missing = {
        (name, shard): job(name, shard)
        for name, array in arrays.items()
        for shard in range(array.shards)
        if (name, shard) not in known or (name, shard) in damaged
    }
    _needs_room(folder, sum(len(arrays[name].span(shard)) * arrays[name].row_bytes for name, shard in missing), words)
    known = {shard: checksum for shard, checksum in known.items() if shard not in missing}
    # Lines about a file that was lost must go before it is made anew, and a line that a kill left without its end
    # before the next one is joined to it.
    fresh = folder / f".{LEDGER}"
    with fresh.open("wb") as file:
        file.writelines(_line(shard, checksum) for shard, checksum in known.items())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / LEDGER)
    for array in arrays.values():
        if not array.is_there():
            array.make()
    with (folder / LEDGER).open("ab") as ledger:

        def filled(shard: Shard, checksum: int) -> None:
            known[shard] = checksum
            ledger.write(_line(shard, checksum))
            ledger.flush()
            os.fsync(ledger.fileno())

        _run(missing, arrays, words.doing, words.does, filled, progress, processes)
    return known


def _line(shard: Shard, checksum: int) -> bytes:
    """A shard's line in the ledger."""
    return f"{shard[0]} {shard[1]} {checksum}\n".encode("ascii")


def _needs_room(folder: Path, needed: int, words: Words) -> None:
    """Raise TaskError where the disk is too small for what is missing, before hours of work and not after."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise TaskError(
            f"{words.what} need {needed / 1e9:,.1f} GB in {folder.parent}, where {free / 1e9:,.1f} GB are free: make "
            f"room there, or let HPSEARCH_CACHE name another folder{words.smaller}"
        )


def _run(
    jobs: Mapping[Shard, Job],
    arrays: Mapping[str, Array],
    what: str,
    does: str,
    done: Callable[[Shard, int], None],
    progress: Progress,
    processes: bool,
) -> None:
    """All jobs, in processes where there are enough of them; `done` is called here with each shard and its checksum."""
    rows = {shard: len(arrays[shard[0]].span(shard[1])) for shard in jobs}
    total, ready = sum(rows.values()), 0

    def finished(shard: Shard, checksum: int) -> None:
        nonlocal ready
        done(shard, checksum)
        ready += rows[shard]
        progress(what, ready, total)

    if not processes or len(jobs) <= WORTH_A_PROCESS:
        for shard, job in jobs.items():
            finished(shard, job())
        return
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(available_cores(), spawned, end_with_driver) as pool:
        try:
            with without_ctrl_c():
                futures = {pool.submit(job): shard for shard, job in jobs.items()}
            progress(what, 0, total)
            for future in as_completed(futures):
                finished(futures[future], future.result())
        except BrokenProcessPool as error:
            raise TaskError(
                f"a process that {does} died (killed, out of memory, or begun by a script that lacks "
                "`if __name__ == '__main__':`); what is there is kept"
            ) from error
        except BaseException:
            kill(pool)  # what they were writing has no line in the ledger, and so is not there
            raise
