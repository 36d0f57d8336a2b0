"""ImageNet (ILSVRC 2012, Russakovsky et al. 2015), or any images laid out like it: a folder per class.

    train/CLASS/IMAGE   val/CLASS/IMAGE

Any names will do for the classes. In place of `val/` there may be the publisher's own archive of validation images,
ILSVRC2012_img_val.tar, which is read as it is, and beside it a text file val_classes.txt. Its line i is the class of
the image ILSVRC2012_val_0000000i.JPEG, by the name of the class's folder in `train/`.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.dataset import DataSet, data_folder
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress

TRAINING, VALIDATION = "train", "val"
EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".webp")
"""What a file of an image ends with, in lower or upper case. Its contents may be in another of these formats."""
TAR, CLASS_LIST = "ILSVRC2012_img_val.tar", "val_classes.txt"
IN_TAR = re.compile(r"(?:.*/)?ILSVRC2012_val_(\d{8})\.JPEG")
LAYOUT = (
    f"{TRAINING}/CLASS/IMAGE and {VALIDATION}/CLASS/IMAGE are expected there, with the same classes in both "
    f"(or {TAR} and {CLASS_LIST} in place of {VALIDATION})"
)
REMOVE = "remove it, or move it out of the data set's folder"
ORDER_SEED = 2012
"""Seed of the fixed order of each class's training images."""


@dataclass(frozen=True)
class Part:
    """The images of one part, in a fixed order.

    Attributes:
        source: the folder that all names are relative to; or a tar, which holds them all.
        names: of the images, (n,).
        labels: their classes, (n,), int64.
        stamps: where an image begins in its file (0 but in a tar), its bytes, and when its file was changed, in
            nanoseconds, (n, 3), int64.
    """

    source: Path
    names: Sequence[str]
    labels: NDArray[np.int64]
    stamps: NDArray[np.int64]

    def some(self, images: range) -> Part:
        """Images that follow each other."""
        cut = slice(images.start, images.stop)
        return Part(self.source, self.names[cut], self.labels[cut], self.stamps[cut])

    def place(self, image: int) -> str:
        """Where an image lies, for messages."""
        return f"{self.source / self.names[image]}" if self.source.is_dir() else f"{self.names[image]} in {self.source}"


@dataclass(frozen=True)
class Images:
    """What lies in a folder.

    The training images come in rounds, each with one image of every class that has one left. So the first
    r * classes of them are r of each class, for every r up to the size of the smallest class.

    Attributes:
        classes: names of the classes, sorted; a label is a place in it.
        training: all training images.
        validation: the publisher's validation images, which we test on: its test images have no public labels.
    """

    classes: Sequence[str]
    training: Part
    validation: Part

    @property
    def smallest(self) -> int:
        """Training images of the class that has the fewest."""
        return int(np.bincount(self.training.labels).min())


def read(folder: Path, progress: Progress) -> Images:
    """List all images of a folder, and check the layout. Raises TaskError, which says what is wrong, where.

    Names, sizes and times are looked at, the images themselves are not: a pass over ImageNet's 1.3 million names takes
    a quarter of a minute, one over its 150 GB up to an hour.
    """
    try:
        training = _classes(folder, TRAINING)
        tarred = not (folder / VALIDATION).is_dir() and (folder / TAR).is_file()
        validation = training if tarred else _classes(folder, VALIDATION)
        _same(folder, training, validation)
        if len(training) < 2:
            raise TaskError(f"{folder / TRAINING} has {len(training)} class, and at least 2 are needed; {LAYOUT}")
        progress("listing images", 0, 2)
        first = _shuffled(_listed(folder / TRAINING, training))
        progress("listing images", 1, 2)
        second = _tarred(folder, training) if tarred else _listed(folder / VALIDATION, training)
        progress("listing images", 2, 2)
    except OSError as error:
        raise TaskError(f"{error.filename or folder} cannot be read ({error.strerror}): let it be readable") from error
    return Images(training, first, second)


def check(folder: Path, progress: Progress) -> str:
    """Check the layout and that no image is empty; the images are decoded when a task prepares."""
    images = read(folder, progress)
    return (
        f"{len(images.training.names):,} training and {len(images.validation.names):,} validation images of "
        f"{len(images.classes):,} classes, by their names and sizes"
    )


def _visible(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What is in a folder, sorted by name; names that begin with a dot are the operating system's own."""
    with os.scandir(folder) as entries:
        yield from sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _classes(folder: Path, part: str) -> list[str]:
    """Names of a part's classes."""
    if not (folder / part).is_dir():
        raise TaskError(f"{folder} has no folder {part}: {LAYOUT}")
    found = []
    for entry in _visible(folder / part):
        if not entry.is_dir():
            raise TaskError(f"{entry.path} is a file where folders of classes are expected: {REMOVE}")
        found.append(entry.name)
    return found


def _same(folder: Path, training: Sequence[str], validation: Sequence[str]) -> None:
    """Raise TaskError unless both parts have the same classes."""
    for here, there, of_here, of_there in (
        (TRAINING, VALIDATION, set(training), set(validation)),
        (VALIDATION, TRAINING, set(validation), set(training)),
    ):
        if missing := sorted(of_here - of_there):
            more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
            raise TaskError(
                f"{folder / there} has no folder {missing[0]}{more}, which {folder / here} has: "
                "both need the same classes; add what is missing, or remove it from the other"
            )


def _listed(folder: Path, classes: Sequence[str]) -> Part:
    """All images of a part that lies in folders, class by class."""
    names: list[str] = []
    stamps: list[tuple[int, int, int]] = []
    counts = []
    for name in classes:
        before = len(names)
        for entry in _visible(folder / name):
            if entry.is_dir():
                raise TaskError(f"{entry.path} is a folder where images are expected: {REMOVE}")
            if not entry.name.lower().endswith(EXTENSIONS):
                raise TaskError(
                    f"{entry.path} is no image by its name, which should end in {', '.join(EXTENSIONS)}: "
                    f"rename it, or {REMOVE}"
                )
            stat = entry.stat()
            if not stat.st_size:
                raise TaskError(f"{entry.path} is empty: copy it again, or {REMOVE}")
            names.append(f"{name}/{entry.name}")
            stamps.append((0, stat.st_size, stat.st_mtime_ns))
        if len(names) == before:
            raise TaskError(f"{folder / name} has no images: add some, or remove this class from both parts")
        counts.append(len(names) - before)
    labels = np.repeat(np.arange(len(classes)), counts)
    return Part(folder, names, labels.astype(np.int64), np.array(stamps, np.int64))


def _shuffled(part: Part) -> Part:
    """The same images in rounds, each class's in an order of its own."""
    # RandomState's streams are frozen; those of NumPy's newer generators may change between versions.
    random = np.random.RandomState(ORDER_SEED)
    rounds = np.concatenate([random.permutation(count) for count in np.bincount(part.labels)])
    order = np.lexsort((part.labels, rounds))
    return Part(part.source, [part.names[image] for image in order], part.labels[order], part.stamps[order])


def _tarred(folder: Path, classes: Sequence[str]) -> Part:
    """The validation images of the publisher's archive, in the order of their numbers."""
    tar, path = folder / TAR, folder / CLASS_LIST
    if not path.is_file():
        raise TaskError(f"{tar} needs {path} beside it: a text file whose line i is the class of image i")
    try:
        wanted = [line.strip() for line in path.read_text(encoding="utf-8").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise TaskError(f"{path} is no text in UTF-8: write one name of a class in each line") from error
    labels = {name: label for label, name in enumerate(classes)}
    for line, name in enumerate(wanted, 1):
        if name not in labels:
            raise TaskError(
                f"{path}, line {line}: there is no class {name!r} in {folder / TRAINING}; "
                "write one name of a class in each line"
            )
    changed, found = tar.stat().st_mtime_ns, {}
    try:
        # Each image lies in the archive as it is, so that a place and a size are all that is needed to read it.
        with tarfile.open(tar, "r:") as tape:
            for member in tape:
                match = IN_TAR.fullmatch(member.name)
                if match is None or not member.isreg() or member.issparse() or not member.size:
                    raise TaskError(
                        f"{tar} holds {member.name!r}, which is no file like ILSVRC2012_val_00000001.JPEG: "
                        "use the publisher's archive as it is"
                    )
                found[int(match[1])] = (member.name, (member.offset_data, member.size, changed))
    except tarfile.TarError as error:
        raise TaskError(f"{tar} is no whole tar archive ({error}): copy it again") from error
    if sorted(found) != list(range(1, len(wanted) + 1)):
        raise TaskError(
            f"{tar} holds {len(found):,} images and {path} {len(wanted):,} lines: line i should be the class of image i"
        )
    if missing := sorted(set(classes) - set(wanted)):
        raise TaskError(f"{path} never names the class {missing[0]}, which {folder / TRAINING} has: add its images")
    ordered = [found[number] for number in sorted(found)]
    return Part(
        tar,
        [name for name, _ in ordered],
        np.array([labels[name] for name in wanted], np.int64),
        np.array([stamp for _, stamp in ordered], np.int64),
    )


@dataclass(frozen=True)
class OwnCopy(DataSet):
    """A data set that nobody may pass on: a user brings it, from wherever they registered."""

    def find(self) -> Path:
        """Its folder on this machine. If there is none, TaskError says where it was looked for, and for what."""
        folder = data_folder()
        if there := self.place(folder):
            return there
        raise TaskError(
            f"no {self.title} under {folder} (looked for the folders {', '.join(self.places)}): {LAYOUT}; "
            "say with --data DIR which folder holds that folder. ImageNet itself is given to those who register at "
            "https://www.image-net.org"
        )


# There is no address that gives the archive without a login: fetching meets the page below and says so. An archive of
# one's own with this layout, such as a subset of few classes, can be fetched with --from.
DATASET = OwnCopy(
    name="imagenet",
    title="ImageNet images",
    archive="https://www.image-net.org/download.php",
    megabytes=150_000,
    licence="for research and teaching only, see https://www.image-net.org/download.php",
    members=rf"(?:[^/]+/)?((?:(?:{TRAINING}|{VALIDATION})/[^/]+/[^/]+)|{re.escape(TAR)}|{re.escape(CLASS_LIST)})",
    places=("imagenet", "ILSVRC2012", "imagenet-1k", "ILSVRC/Data/CLS-LOC"),
    check=check,
)
