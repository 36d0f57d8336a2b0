"""Images decoded once, for all trainings: one memory-mapped array a part, filled in processes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from hpsearch.contracts import dataset
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress
from imagenet_task import decoding
from imagenet_task.datasets.imagenet import Images, Part
from imagenet_task.shards import Array, Job, Words, kept

SHARD_BYTES = 2**24
"""At most; a process has one shard in memory. At 256 x 256 it is 85 images, half a second's work for one core."""
WORDS = Words(
    "decoded images",
    "decoding images",
    "decodes images",
    "waiting for another process to decode the images",
    ", or choose a smaller resolution",
)


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
    arrays = {
        name: Array(folder / f"{name}.npy", len(part.names), (side, side, 3), "|u1", a_shard)
        for name, part in parts.items()
    }

    def job(name: str, shard: int) -> Job:
        return partial(_decode_shard, parts[name].some(arrays[name].span(shard)), arrays[name], shard)

    found = kept(folder, arrays, job, WORDS, progress, verify=verify, processes=True)
    return Cached(found.arrays["train"], found.arrays["val"], found.sha256)


def _key(parts: Mapping[str, Part], side: int) -> str:
    made_by = [PIL.__version__, hashlib.sha256(Path(decoding.__file__).read_bytes()).hexdigest()]
    key = hashlib.sha256(json.dumps([side, SHARD_BYTES, *made_by]).encode())
    for name, part in parts.items():
        key.update(json.dumps([name, len(part.names), *part.names]).encode())
        key.update(part.stamps.tobytes())
    return key.hexdigest()[:32]


def _decode_shard(part: Part, array: Array, shard: int) -> int:
    """Decode the images of a shard and write them to their place; returns their checksum."""
    pixels = np.empty((len(part.names), *array.row), np.uint8)
    for image in range(len(pixels)):
        pixels[image] = _decoded(part, image, array.row[0])
    return array.write(shard, pixels)


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
