"""Images decoded once, for all trainings: one memory-mapped array a part, filled shard by shard in processes.

The arrays have their final size from the start, and each process writes shards at their places. A shard counts as
there when a line of the folder's ledger holds its checksum, which is written after its bytes are safe on the disk. So
whatever ends a pass, the next one goes on with the shards that lack a line; no byte is copied or written twice.
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

import numpy as np
import PIL
from numpy.typing import NDArray

from hpsearch.contracts import dataset
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress
from hpsearch.system.children import end_with_driver, importing_main, kill, without_ctrl_c
from hpsearch.system.cores import available_cores
from hpsearch.system.only_one import only_one
from imagenet_task import decoding
from imagenet_task.datasets.imagenet import Images, Part

SHARD_BYTES = 2**24
"""At most; a process has one shard in memory. At 256 x 256 it is 85 images, half a second's work for one core."""
WORTH_A_PROCESS = 4
"""Shards; a process takes three seconds to start, for torch comes along with the task."""
LEDGER = "ledger.txt"

Shard = tuple[str, int]
"""A part's name, and a number from 0."""
Job = Callable[[], int]
"""Does something with a shard and returns its checksum."""


@dataclass(frozen=True)
class Cached:
    """Decoded images.

    Attributes:
        training: (n, side, side, 3), uint8, memory-mapped for reading only, in the order of the listing.
        validation: the same of the other part.
        sha256: of the checksums of all shards: it tells the pixels, wherever the files came from.
    """

    training: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    sha256: str


@dataclass(frozen=True)
class _Array:
    """The file of a part: an .npy header, then (images, side, side, 3) bytes; all shards but the last are alike."""

    path: Path
    images: int
    side: int
    a_shard: int

    @property
    def header(self) -> bytes:
        """The file's first bytes, which say its shape."""
        file = io.BytesIO()
        shape = (self.images, self.side, self.side, 3)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return file.getvalue()

    @property
    def image_bytes(self) -> int:
        return 3 * self.side**2

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.header) + self.images * self.image_bytes

    @property
    def shards(self) -> int:
        return -(-self.images // self.a_shard)

    def span(self, shard: int) -> range:
        """The images of a shard."""
        return range(shard * self.a_shard, min((shard + 1) * self.a_shard, self.images))

    def begins(self, shard: int) -> int:
        """Where a shard's bytes begin in the file."""
        return len(self.header) + shard * self.a_shard * self.image_bytes

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


def stored_side(resolution: int) -> int:
    """Side of a cached image for crops of a resolution: 8/7 of it, as 256 is of the usual 224."""
    return round(resolution * 8 / 7)


def cached_images(images: Images, resolution: int, progress: Progress, *, verify: bool = False) -> Cached:
    """The listed images, from the cache or decoded into it.

    The cache is a folder named by a hash of the images' names, places, sizes and times, the side, Pillow's version and
    the bytes of imagenet_task/decoding.py. Names, sizes and times stand for the contents, as they do for make and
    rsync: to read 150 GB before every training would cost more than it finds. A copy with other times is decoded
    again, which costs time and no truth.

    With `verify` every shard is read and compared with its checksum, and decoded again if a disk has changed it.

    Raises:
        TaskError: if an image cannot be read, or the cache not be written.
    """
    side = stored_side(resolution)
    parts = {"train": images.training, "val": images.validation}
    folder = dataset.cache_folder() / "imagenet" / _key(parts, side)
    a_shard = max(1, SHARD_BYTES // (3 * side**2))
    arrays = {name: _Array(folder / f"{name}.npy", len(part.names), side, a_shard) for name, part in parts.items()}
    wanted = [(name, shard) for name, array in arrays.items() for shard in range(array.shards)]
    known = _known(folder, arrays)
    damaged = _damaged(arrays, known, progress) if verify else set()
    if damaged or len(known) < len(wanted):
        if importing_main():
            # A process of the pass, importing its driver's script, would wait for ever for its own driver.
            raise TaskError("a script that decodes images must do it below `if __name__ == '__main__':`")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = folder.with_name(f".{folder.name}.lock")
            with only_one(lock, "waiting for another process to decode the images", progress):
                known = _fill(folder, arrays, parts, damaged, progress)
        except OSError as error:
            raise TaskError(
                f"decoded images cannot be kept in {folder.parent}: {error.strerror or error}; make room there, or let "
                "HPSEARCH_CACHE name another folder; what is decoded is kept"
            ) from error
    opened = {name: np.load(array.path, mmap_mode="r") for name, array in arrays.items()}
    checksums = json.dumps([known[shard] for shard in wanted]).encode()
    return Cached(opened["train"], opened["val"], hashlib.sha256(checksums).hexdigest())


def _key(parts: Mapping[str, Part], side: int) -> str:
    made_by = [PIL.__version__, hashlib.sha256(Path(decoding.__file__).read_bytes()).hexdigest()]
    key = hashlib.sha256(json.dumps([side, SHARD_BYTES, *made_by]).encode())
    for name, part in parts.items():
        key.update(json.dumps([name, len(part.names), *part.names]).encode())
        key.update(part.stamps.tobytes())
    return key.hexdigest()[:32]


def _known(folder: Path, arrays: Mapping[str, _Array]) -> dict[Shard, int]:
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
            part, shard, checksum = words[0], int(words[1]), int(words[2])
            if shard < arrays[part].shards:
                found[part, shard] = checksum
    return found


def _damaged(arrays: Mapping[str, _Array], known: Mapping[Shard, int], progress: Progress) -> set[Shard]:
    """Shards whose bytes are no longer those of their checksum."""
    found: dict[Shard, int] = {}
    jobs: dict[Shard, Job] = {(part, shard): partial(_checksum, arrays[part], shard) for part, shard in known}
    _run(jobs, arrays, "checking decoded images", found.__setitem__, progress)
    return {shard for shard, checksum in found.items() if checksum != known[shard]}


def _checksum(array: _Array, shard: int) -> int:
    """CRC-32 of a shard's bytes, which finds what a disk did, at a gigabyte a second; -1 if they cannot be read."""
    try:
        with array.path.open("rb") as file:
            file.seek(array.begins(shard))
            return zlib.crc32(file.read(len(array.span(shard)) * array.image_bytes))
    except OSError:
        return -1


def _fill(
    folder: Path,
    arrays: Mapping[str, _Array],
    parts: Mapping[str, Part],
    damaged: set[Shard],
    progress: Progress,
) -> dict[Shard, int]:
    """Decode the shards that are missing or damaged; returns the checksums of all."""
    known = _known(folder, arrays)  # again: another process may have filled some before we had the lock
    missing = {
        (name, shard): partial(_decode_shard, parts[name].some(array.span(shard)), array, shard)
        for name, array in arrays.items()
        for shard in range(array.shards)
        if (name, shard) not in known or (name, shard) in damaged
    }
    _needs_room(folder, sum(len(arrays[name].span(shard)) * arrays[name].image_bytes for name, shard in missing))
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

        _run(missing, arrays, "decoding images", filled, progress)
    return known


def _line(shard: Shard, checksum: int) -> bytes:
    """A shard's line in the ledger."""
    return f"{shard[0]} {shard[1]} {checksum}\n".encode("ascii")


def _needs_room(folder: Path, needed: int) -> None:
    """Raise TaskError where the disk is too small for what is missing, before hours of work and not after."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise TaskError(
            f"decoded images need {needed / 1e9:,.1f} GB in {folder.parent}, where {free / 1e9:,.1f} GB are free: make "
            "room there, let HPSEARCH_CACHE name another folder, or choose a smaller resolution"
        )


def _decode_shard(part: Part, array: _Array, shard: int) -> int:
    """Decode the images of a shard, write them to their place, and return their checksum when they are safe there."""
    pixels = np.empty((len(part.names), array.side, array.side, 3), np.uint8)
    for image in range(len(pixels)):
        pixels[image] = _decoded(part, image, array.side)
    with array.path.open("r+b") as file:
        file.seek(array.begins(shard))
        file.write(pixels.data)
        file.flush()
        os.fsync(file.fileno())
    return zlib.crc32(pixels.data)


def _decoded(part: Part, image: int, side: int) -> NDArray[np.uint8]:
    """The square of one image. Raises TaskError, which names it, if it cannot be read."""
    offset, size, _ = part.stamps[image].tolist()
    path = part.source / part.names[image] if part.source.is_dir() else part.source
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return decoding.square(file.read(size), side)
    except Exception as error:  # a broken image may raise anything
        why = error.strerror if isinstance(error, OSError) and error.strerror else _plain(error)
        raise TaskError(
            f"{part.place(image)} cannot be read as an image ({why}): copy it again, or remove it from the data set; "
            "what is decoded is kept"
        ) from error


def _plain(error: Exception) -> str:
    """An error in a few words; Pillow's own names an object in memory where it finds no image at all."""
    return "no image in a known format" if isinstance(error, PIL.UnidentifiedImageError) else str(error)


def _run(
    jobs: Mapping[Shard, Job],
    arrays: Mapping[str, _Array],
    what: str,
    done: Callable[[Shard, int], None],
    progress: Progress,
) -> None:
    """All jobs, in processes where there are enough of them; `done` is called here with each shard and its checksum."""
    images = {shard: len(arrays[shard[0]].span(shard[1])) for shard in jobs}
    total, ready = sum(images.values()), 0

    def finished(shard: Shard, checksum: int) -> None:
        nonlocal ready
        done(shard, checksum)
        ready += images[shard]
        progress(what, ready, total)

    if len(jobs) <= WORTH_A_PROCESS:
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
                "a process that decodes images died (killed, out of memory, or begun by a script that lacks "
                "`if __name__ == '__main__':`); what is decoded is kept"
            ) from error
        except BaseException:
            kill(pool)  # what they were writing has no line in the ledger, and so is not there
            raise
