"""The Free Spoken Digit Dataset as its publisher lays it out: recordings/{digit}_{speaker}_{index}.wav."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_task.corpora import PARTS, RATE, Clip, Part
from audio_task.recordings import identity, read_wav
from hpsearch.dataset import DataSet
from hpsearch.task import Progress, TaskError

NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
COMMIT = "26eb9aa"
IDENTITY = "6b1a8e30f4df78a933fe25cf1ca0140c8c6f169c0a83649a15b70a5ae7407014"
"""Of the 3,000 recordings of that commit, computed from them."""


def part_of(index: int) -> Part:
    """The publisher tests on indices 0-4 of each speaker and digit; validation on 5-14 is ours."""
    return "test" if index < 5 else "validation" if index < 15 else "training"


@dataclass(frozen=True)
class Fsdd:
    """The recordings in a folder, as many as there are."""

    folder: Path

    def identity(self, progress: Progress, *, anew: bool = False) -> str:
        """Of the files' names and bytes."""
        return identity(self._paths(), RATE, progress, anew=anew)

    def facts(self) -> Mapping[str, str | int]:
        """None: the identity says which recordings they are."""
        return {}

    def clips(self) -> list[Clip]:
        """Ordered by name."""
        clips = []
        for path in self._paths():
            match = NAME.fullmatch(path.name)
            assert match is not None
            clips.append(Clip(path.stem, int(match[1]), part_of(int(match[3]))))
        for part in PARTS:
            if not any(clip.part == part for clip in clips):
                raise TaskError(f"{self.folder} holds no clips for {part}; a whole FSDD has indices 0 to 49")
        return clips

    def samples(self, clip: Clip) -> NDArray[np.float32]:
        """As recorded, at 8 kHz."""
        return read_wav(self.folder / f"{clip.name}.wav", RATE)

    def _paths(self) -> list[Path]:
        paths = sorted(path for path in self.folder.iterdir() if NAME.fullmatch(path.name))
        if not paths:
            raise TaskError(f"no recordings called digit_speaker_index.wav in {self.folder}")
        return paths


def check(folder: Path, progress: Progress) -> str:
    """Whether these are the very recordings of the commit that we know."""
    corpus = Fsdd(folder)
    count, found = len(corpus.clips()), corpus.identity(progress, anew=True)
    if found != IDENTITY:
        raise TaskError(
            f"{folder} holds {count} sound recordings, but not just the 3,000 of commit {COMMIT} "
            f"(SHA-256 {found[:12]}..., expected {IDENTITY[:12]}...)"
        )
    return f"3,000 recordings, the very ones of commit {COMMIT}"


DATASET = DataSet(
    name="fsdd",
    title="FSDD recordings",
    archive=f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.zip",
    megabytes=16,
    licence="CC BY-SA 4.0",
    members=r"[^/]+/recordings/(\d_[a-z]+_\d+\.wav)",
    places=("fsdd/recordings", "free-spoken-digit-dataset/recordings", "recordings"),
    check=check,
)
