"""The Free Spoken Digit Dataset as its publisher lays it out: recordings/{digit}_{speaker}_{index}.wav."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import soundfile

from audio_task.clips import RATE, Clip, Part
from hpsearch.task import Progress, TaskError

NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
FOLDERS = ("fsdd/recordings", "free-spoken-digit-dataset/recordings", "recordings")


def find_recordings() -> Path:
    """The folder of recordings under HPSEARCH_DATA, or TaskError saying how to get there."""
    data = os.environ.get("HPSEARCH_DATA")
    if not data:
        raise TaskError("the FSDD recordings are needed: give their folder with --data DIR or HPSEARCH_DATA=DIR")
    for folder in FOLDERS:
        if (Path(data) / folder).is_dir():
            return Path(data) / folder
    raise TaskError(f"no FSDD recordings under {data}: looked for {', '.join(FOLDERS)}; give --data DIR")


def part_of(index: int) -> Part:
    """The publisher tests on indices 0-4 of each speaker and digit; validation on 5-14 is ours."""
    return "test" if index < 5 else "validation" if index < 15 else "training"


@dataclass(frozen=True)
class Fsdd:
    """The recordings in a folder."""

    folder: Path

    def identity(self) -> str:
        """Of the files' names and bytes."""
        digest = hashlib.sha256()
        for path in self._paths():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    def clips(self, progress: Progress) -> list[Clip]:
        """Ordered by name. A file that is not a mono WAV at 8 kHz is an error with its name."""
        paths, clips = self._paths(), []
        for done, path in enumerate(paths, 1):
            clips.append(_read(path))
            progress("reading recordings", done, len(paths))
        for part in ("training", "validation", "test"):
            if not any(clip.part == part for clip in clips):
                raise TaskError(f"{self.folder} holds no clips for {part}; a whole FSDD has indices 0 to 49")
        return clips

    def _paths(self) -> list[Path]:
        paths = sorted(path for path in self.folder.iterdir() if NAME.fullmatch(path.name))
        if not paths:
            raise TaskError(f"no recordings called digit_speaker_index.wav in {self.folder}")
        return paths


def _read(path: Path) -> Clip:
    match = NAME.fullmatch(path.name)
    assert match is not None
    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise TaskError(f"{path} is not a readable WAV file: {error}") from error
    if rate != RATE or samples.ndim != 1:
        raise TaskError(f"{path} should be mono at {RATE} Hz, but it has rate {rate} and shape {samples.shape}")
    if not len(samples) or not (abs(samples) <= 1).all():
        raise TaskError(f"{path} holds no samples, or some that are not numbers in [-1, 1]")
    return Clip(path.stem, int(match[1]), part_of(int(match[3])), samples)
