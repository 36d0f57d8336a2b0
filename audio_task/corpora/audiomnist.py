"""AudioMNIST (Becker et al. 2018) as its publisher lays it out: data/{NN}/{digit}_{NN}_{repetition}.wav at 48 kHz."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio_task.corpora import PARTS, RATE, Clip, Part
from audio_task.recordings import SHOWN, identity, read_wav
from hpsearch.contracts.dataset import DataSet
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress

PUBLISHED_RATE = 48_000
SPEAKERS, DIGITS, REPETITIONS = range(1, 61), range(10), range(50)
# Becker's test speakers of each fold of the digit task, from the splits that he published.
TEST_SPEAKERS = (
    (26, 52, 60, 18, 32, 42, 5, 13, 22, 33, 45, 51),
    (28, 56, 7, 19, 35, 1, 6, 16, 23, 34, 46, 53),
    (36, 57, 9, 24, 37, 2, 8, 17, 29, 39, 48, 54),
    (43, 58, 14, 25, 38, 3, 10, 20, 30, 40, 49, 55),
    (12, 47, 59, 15, 27, 41, 4, 11, 21, 31, 44, 50),
)


def part_of(speaker: int, fold: int) -> Part:
    """A speaker's part: fold k tests on the k-th twelve, validates on the twelve before them, trains on the others."""
    if speaker in TEST_SPEAKERS[fold]:
        return "test"
    return "validation" if speaker in TEST_SPEAKERS[fold - 1] else "training"


@dataclass(frozen=True)
class AudioMnist:
    """The recordings under a folder, split by speaker.

    Attributes:
        folder: where the speakers' folders lie.
        fold: 0 to 4.
        speakers: "all" needs all 60 with 500 clips each; "present" takes those that are there.
    """

    folder: Path
    fold: int = 0
    speakers: Literal["all", "present"] = "all"

    def identity(self, clips: Sequence[Clip], progress: Progress, *, anew: bool = False) -> str:
        """SHA-256 of the files' names and bytes, the same in every fold."""
        return identity([self._path(clip) for clip in clips], PUBLISHED_RATE, progress, anew=anew)

    def facts(self, clips: Sequence[Clip]) -> Mapping[str, str | int]:
        """Number of speakers in each part."""
        counts = [len({self._path(clip).parent for clip in clips if clip.part == part}) for part in PARTS]
        return {"speakers": f"{'/'.join(map(str, counts))} for {'/'.join(PARTS)}, fold {self.fold} of AudioMNIST"}

    def files(self, clips: Sequence[Clip]) -> list[Path]:
        """One file per clip."""
        return [self._path(clip) for clip in clips]

    def clips(self) -> list[Clip]:
        """All clips, ordered by speaker, digit and repetition."""
        clips = []
        for name in self._names():
            digit, speaker, _ = map(int, name.split("_"))
            clips.append(Clip(name, digit, part_of(speaker, self.fold)))
        for part in PARTS:
            if not any(clip.part == part for clip in clips):
                raise TaskError(f"{self.folder} holds no speaker for {part} in fold {self.fold}; choose another fold")
        return clips

    def samples(self, clip: Clip) -> NDArray[np.float32]:
        """The clip's sound, resampled to 8 kHz by librosa's best method."""
        import librosa  # seconds to import, and not needed where the cache has the features

        recorded = read_wav(self._path(clip), PUBLISHED_RATE)
        resampled = librosa.resample(recorded, orig_sr=PUBLISHED_RATE, target_sr=RATE, res_type="soxr_hq")
        return np.asarray(resampled, np.float32)

    def _names(self) -> list[str]:
        """Names of the clips to use. Raises TaskError if clips are missing, or others are there."""
        found = {f"{path.parent.name}/{path.name}" for path in self.folder.glob("*/*.[wW][aA][vV]")}
        expected = {_file(s, d, r): f"{d}_{s:02d}_{r}" for s in SPEAKERS for d in DIGITS for r in REPETITIONS}
        faults = _surplus(found - expected.keys())
        if self.speakers == "all":
            faults += _missing(expected.keys() - found)
            way_out = 'move it away and get it whole with: hpsearch data fetch audiomnist; or set speakers = "present"'
        else:
            way_out = "move what does not belong there away"
        if faults:
            raise TaskError(f"{self.folder} is not AudioMNIST as published: {'; '.join(faults)}; {way_out}")
        if not found:
            raise TaskError(f"no recordings named NN/digit_NN_repetition.wav in {self.folder}")
        return [name for file, name in expected.items() if file in found]

    def _path(self, clip: Clip) -> Path:
        return self.folder / clip.name.split("_")[1] / f"{clip.name}.wav"


def _file(speaker: int, digit: int, repetition: int) -> str:
    return f"{speaker:02d}/{digit}_{speaker:02d}_{repetition}.wav"


def _surplus(files: Iterable[str]) -> list[str]:
    return [f"surplus files {_some(files)}"] if files else []


def _missing(files: Iterable[str]) -> list[str]:
    """What is missing, as sentences: whole speakers by number, single clips by name."""
    lacking: dict[int, list[str]] = {}
    for file in files:
        lacking.setdefault(int(file[:2]), []).append(file)
    whole = [speaker for speaker, clips in lacking.items() if len(clips) == len(DIGITS) * len(REPETITIONS)]
    faults = [f"{len(whole)} of {len(SPEAKERS)} speakers are missing ({_ranges(whole)})"] if whole else []
    single = [file for speaker, clips in lacking.items() if speaker not in whole for file in clips]
    return faults + ([f"missing files {_some(single)}"] if single else [])


def _ranges(numbers: Iterable[int]) -> str:
    """Numbers as text: 1, 3, 4, 5 as "01, 03-05"."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])]
    return ", ".join(f"{run[0]:02d}" if len(run) == 1 else f"{run[0]:02d}-{run[-1]:02d}" for run in runs)


def _some(files: Iterable[str]) -> str:
    ordered = sorted(files)
    more = f" and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return ", ".join(ordered[:SHOWN]) + more


def check(folder: Path, progress: Progress) -> str:
    """Read and check all 30,000 recordings; say in a sentence what is there."""
    corpus = AudioMnist(folder)
    clips = corpus.clips()
    found = corpus.identity(clips, progress, anew=True)
    return f"{len(clips):,} recordings of {len(SPEAKERS)} speakers, SHA-256 {found}"


DATASET = DataSet(
    name="audiomnist",
    title="AudioMNIST",
    archive="https://github.com/soerenab/AudioMNIST/archive/refs/heads/master.zip",
    megabytes=1000,
    licence="MIT",
    members=r"[^/]+/data/(\d\d/\d_\d\d_\d+\.wav)",
    places=("AudioMNIST/data", "audiomnist/data", "AudioMNIST-master/data"),
    check=check,
)
