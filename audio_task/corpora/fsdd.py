"""The Free Spoken Digit Dataset as its publisher lays it out: recordings/{digit}_{speaker}_{index}.wav."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_task.corpora import PARTS, RATE, Clip, Part
from audio_task.recordings import identity, read_wav
from hpsearch.contracts.dataset import DataSet
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress

NAME = re.compile(r"(\d)_([^\W_]+)_(\d+)\.wav", re.IGNORECASE)
COMMIT = "26eb9aa"
IDENTITY = "6b1a8e30f4df78a933fe25cf1ca0140c8c6f169c0a83649a15b70a5ae7407014"
"""SHA-256 of the 3,000 recordings of COMMIT, computed from them."""


TESTED, HELD_OUT, WHOLE = 5, 10, 50
"""Of each speaker and digit: indices below TESTED are for testing, and HELD_OUT others, of WHOLE, for validation."""


def part_of(index: int, validation: Container[int] = range(TESTED, TESTED + HELD_OUT)) -> Part:
    """A clip's part: test for the publisher's indices 0-4 of each speaker and digit; validation on 5-14 is ours."""
    return "test" if index < TESTED else "validation" if index in validation else "training"


def validation_of(split_seed: int | None) -> Container[int]:
    """The indices that are for validation: the first ones that are not for testing, or others that a seed draws."""
    if split_seed is None:
        return range(TESTED, TESTED + HELD_OUT)
    # RandomState's streams are frozen; those of NumPy's newer generators may change between versions.
    order = np.random.RandomState(split_seed).permutation(np.arange(TESTED, WHOLE))
    return frozenset(order[:HELD_OUT].tolist())


@dataclass(frozen=True)
class Fsdd:
    """The recordings in a folder, as many as there are, in letters of either case.

    A `split_seed` draws which of the indices that are not for testing are for validation, the same for all speakers.
    """

    folder: Path
    split_seed: int | None = None

    def identity(self, clips: Sequence[Clip], progress: Progress, *, anew: bool = False) -> str:
        """SHA-256 of the files' names and bytes."""
        return identity([self._path(clip) for clip in clips], RATE, progress, anew=anew)

    def facts(self, clips: Sequence[Clip]) -> Mapping[str, str | int]:  # noqa: ARG002
        """No further facts: the identity says which recordings they are."""
        return {}

    def files(self, clips: Sequence[Clip]) -> list[Path]:
        """One file per clip."""
        return [self._path(clip) for clip in clips]

    def clips(self) -> list[Clip]:
        """All clips, ordered by name."""
        found = sorted(path.name for path in self.folder.iterdir())
        matches = [match for name in found if (match := NAME.fullmatch(name))]
        if not matches:
            raise TaskError(f"no recordings named digit_speaker_index.wav in {self.folder}")
        lower: dict[str, str] = {}
        for match in matches:
            if (other := lower.setdefault(match[0].lower(), match[0])) != match[0]:
                raise TaskError(f"{self.folder} holds both {other} and {match[0]}; one recording may be there once")
        # A clip's name is its file's without ".wav".
        held_out = validation_of(self.split_seed)
        clips = [Clip(m[0].removesuffix(".wav"), int(m[1]), part_of(int(m[3]), held_out)) for m in matches]
        for part in PARTS:
            if not any(clip.part == part for clip in clips):
                raise TaskError(f"{self.folder} holds no clips for {part}; a whole FSDD has indices 0 to 49")
        return clips

    def samples(self, clip: Clip) -> NDArray[np.float32]:
        """The clip as recorded, at 8 kHz."""
        return read_wav(self._path(clip), RATE)

    def _path(self, clip: Clip) -> Path:
        return self.folder / (clip.name if NAME.fullmatch(clip.name) else f"{clip.name}.wav")


def check(folder: Path, progress: Progress) -> str:
    """Check that these are exactly the recordings of COMMIT; say so in a sentence."""
    corpus = Fsdd(folder)
    clips = corpus.clips()
    found = corpus.identity(clips, progress, anew=True)
    if found != IDENTITY:
        raise TaskError(
            f"{folder} holds {len(clips)} sound recordings, but not exactly the 3,000 of commit {COMMIT} "
            f"(SHA-256 {found[:12]}..., expected {IDENTITY[:12]}...)"
        )
    return f"3,000 recordings, exactly those of commit {COMMIT}"


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
