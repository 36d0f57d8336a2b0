"""WAV files of a corpus on disk: read strictly, checked all at once, identified by their contents."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_task.cache import cache_folder, write_whole
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress

OPEN = (0, 0xFFFFFFFF, 0x7FFFF000)
"""Sizes that programs which write to a pipe give for what they have yet to write."""
SHOWN = 10
"""How many files a message names at most; it counts the others."""


def read_wav(path: Path, rate: int) -> NDArray[np.float32]:
    """Samples in [-1, 1] of a mono WAV file, shape (samples,). Raises TaskError if the file is anything else."""
    return _decoded(path, _bytes(path), rate)


def identity(paths: Sequence[Path], rate: int, progress: Progress, *, anew: bool = False) -> str:
    """SHA-256 of the files' names and bytes, in the order given.

    Every file is read and checked, and TaskError names the broken ones. Sound files are remembered by size and time
    of change, so that a second call costs one `stat` per file; with `anew` it reads all of them again.
    """
    stats = [(str(path), *_size_and_time(path)) for path in paths]
    key = hashlib.sha256(json.dumps([rate, stats]).encode()).hexdigest()[:32]
    remembered = cache_folder() / "identities" / key
    if not anew and (known := _remembered(remembered)):
        return known
    digest, broken = hashlib.sha256(), []
    for done, path in enumerate(paths, 1):
        try:
            contents = _bytes(path)
            _decoded(path, contents, rate)
            digest.update(path.name.encode() + b"\0" + contents)
        except TaskError as error:
            broken.append(str(error))
        progress("checking recordings", done, len(paths))
    if broken:
        more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        raise TaskError("; ".join(broken[:SHOWN]) + more)
    with suppress(OSError):  # if this cannot be remembered, the next call reads all files again
        write_whole(remembered, lambda file: file.write(digest.hexdigest().encode()))
    return digest.hexdigest()


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:  # reading names a link that leads nowhere
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _remembered(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if re.fullmatch("[0-9a-f]{64}", text) else ""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {error.strerror}") from error


def _decoded(path: Path, contents: bytes, rate: int) -> NDArray[np.float32]:
    if not contents:
        raise TaskError(f"{path} is empty")
    if contents[:4] != b"RIFF" or contents[8:12] != b"WAVE":
        raise TaskError(f"{path} is not a WAV file")
    contents = _with_sizes(contents)
    if missing := _missing_bytes(contents):
        raise TaskError(f"{path} is truncated: its last {missing} bytes are missing")
    try:
        samples, found = soundfile.read(io.BytesIO(contents), dtype="float32")
    except soundfile.LibsndfileError as error:
        raise TaskError(f"{path} is not a readable WAV file: {error.error_string}") from error
    if samples.ndim != 1:
        raise TaskError(f"{path} should be mono, but has {samples.shape[1]} channels")
    if found != rate:
        raise TaskError(f"{path} should be at {rate} Hz, but is at {found}")
    if not len(samples):
        raise TaskError(f"{path} holds no samples")
    if not (np.abs(samples) <= 1).all():
        raise TaskError(f"{path} holds samples that are not numbers in [-1, 1]")
    return np.asarray(samples, np.float32)


def _chunks(contents: bytes, at: int = 12) -> Iterator[tuple[int, bytes, int]]:
    """For each chunk of a WAV file: where it begins, its name, and the size that it says."""
    while at + 8 <= len(contents):
        size = int.from_bytes(contents[at + 4 : at + 8], "little")
        yield at, contents[at : at + 4], size
        at += 8 + size + size % 2  # chunks begin at even bytes


def _with_sizes(contents: bytes) -> bytes:
    """The file with its true sizes if its header leaves them open: the data are then all that follows."""
    for at, name, size in _chunks(contents):
        if name == b"data":
            start = at + 8
            if size not in OPEN or (size == 0 and _are_chunks(contents, start)):
                return contents
            whole, data = ((len(contents) - begin).to_bytes(4, "little") for begin in (8, start))
            return contents[:4] + whole + contents[8 : at + 4] + data + contents[start:]
    return contents


def _are_chunks(contents: bytes, at: int) -> bool:
    """Whether what follows is further chunks to the end, rather than sound: then there are no data."""
    end = at
    for begin, name, size in _chunks(contents, at):
        if not (name.isascii() and name.decode().isprintable()):
            return False
        end = begin + 8 + size
    return end in (len(contents), len(contents) - 1)


def _missing_bytes(contents: bytes) -> int:
    """Bytes that a WAV file lacks by the sizes of its chunks; libsndfile reads what is there and says nothing."""
    end = 12
    for at, name, size in _chunks(contents):
        end = at + 8 + size
        if end > len(contents):
            return end - len(contents)
        if name == b"data":
            return 0
        end += size % 2
    return max(1, end + 8 - len(contents))  # it ended before its data began
