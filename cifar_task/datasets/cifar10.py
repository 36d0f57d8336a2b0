"""CIFAR-10 (Krizhevsky 2009) in its publisher's binary version: files of 10,000 records of a label and an image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.dataset import DataSet
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress

TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
IMAGES, CLASSES, SIDE = 10_000, 10, 32
"""Images per file, classes, and pixels along each side of an image."""
RECORD = 1 + 3 * SIDE * SIDE
"""Bytes of a record: a label, then the red, green and blue plane, each row by row."""
AGAIN = "move it away and fetch it again with: hpsearch data fetch cifar10"


@dataclass(frozen=True)
class Images:
    """Pixels (n, 3, 32, 32), uint8, and classes (n,), int64."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]


def files(folder: Path) -> list[Path]:
    """All files that are read."""
    return [folder / name for name in (*TRAINING, *TEST)]


def read(folder: Path) -> tuple[Images, Images]:
    """The 50,000 training and the 10,000 test images. Raises TaskError where a file is not as published."""
    return _images(folder, TRAINING), _images(folder, TEST)


def verified(folder: Path, progress: Progress) -> str:
    """SHA-256 of the files' bytes, after a look at all sizes and labels. Raises TaskError where a file is wrong."""
    names, identity = (*TRAINING, *TEST), hashlib.sha256()
    labels = []
    for done, name in enumerate(names, 1):
        records = _records(folder / name)
        identity.update(records.data)
        labels.append(records[:, 0])
        progress("checking files of images", done, len(names))
    for part, found in (("training", labels[: len(TRAINING)]), ("test", labels[len(TRAINING) :])):
        counts = np.bincount(np.concatenate(found), minlength=CLASSES)
        if len(set(counts)) > 1:
            raise TaskError(
                f"{folder}: the {part} images are not equally many in each class ({', '.join(map(str, counts))}), "
                f"as CIFAR-10's are; {AGAIN}"
            )
    return identity.hexdigest()


def check(folder: Path, progress: Progress) -> str:
    """Check that all files have their size, all labels are classes, and all classes are equally frequent."""
    return f"50,000 training and 10,000 test images, SHA-256 {verified(folder, progress)[:12]}..."


def _images(folder: Path, names: tuple[str, ...]) -> Images:
    records = np.concatenate([_records(folder / name) for name in names])
    return Images(records[:, 1:].reshape(-1, 3, SIDE, SIDE), records[:, 0].astype(np.int64))


def _records(path: Path) -> NDArray[np.uint8]:
    """The records of a file, (10,000, 3,073)."""
    try:
        size = path.stat().st_size
        if size != IMAGES * RECORD:
            raise TaskError(f"{path} has {size:,} bytes, not the {IMAGES * RECORD:,} of {IMAGES:,} images; {AGAIN}")
        records = np.fromfile(path, np.uint8).reshape(IMAGES, RECORD)
    except OSError as error:
        raise TaskError(f"{path} cannot be read ({error.strerror}); {AGAIN}") from error
    wrong = np.flatnonzero(records[:, 0] >= CLASSES)
    if len(wrong):
        raise TaskError(
            f"{path}: image {wrong[0] + 1} has the label {records[wrong[0], 0]}, but CIFAR-10's are 0 to 9; {AGAIN}"
        )
    return records


DATASET = DataSet(
    name="cifar10",
    title="CIFAR-10 images",
    archive="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    megabytes=170,
    licence="none stated; cite Krizhevsky (2009)",
    members=r"cifar-10-batches-bin/((?:data_batch_[1-5]|test_batch)\.bin)",
    places=("cifar-10-batches-bin", "cifar10"),
    check=check,
)
