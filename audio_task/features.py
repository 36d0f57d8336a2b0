"""Log-mel features of clips in noise: computed once, cached by content, standardised by the training part."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_path
from torch import Tensor

from audio_task.clips import RATE, Clip, Corpus
from binarynet.training import PRECISIONS, Data, Labelled
from hpsearch.task import Progress, derived_seed

MELS, FRAMES, FFT = 40, 32, 512
"""Mel bands; frames, spread evenly over each clip whatever its length; samples a frame (64 ms)."""
FLOOR = 1e-6
"""Power below which a mel band counts as silent: 60 dB under a full-scale one."""
PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class Features:
    """Standardised features of all parts.

    Attributes:
        inputs: part -> (draws, clips, MELS * FRAMES), float32, memory-mapped from the cache.
        labels: part -> (clips,), the digits.
        description: what was computed, in words.
        corpus: the corpus's identity.
    """

    inputs: dict[str, NDArray[np.float32]]
    labels: dict[str, NDArray[np.int64]]
    description: str
    corpus: str


def cached_features(
    corpus: Corpus, snr_db: float | None, draws: int, evaluation_draws: int, progress: Progress
) -> Features:
    """Features of a corpus, from the cache or computed into it.

    The cache is a folder named by a hash of the corpus's identity, the settings and what computes them. It
    is written beside its place and renamed, so that it is whole or absent, whoever is killed or runs at once.
    """
    identity = corpus.identity()
    settings = [identity, snr_db, draws, evaluation_draws, MELS, FRAMES, FFT, FLOOR]
    made_by = [version("librosa"), version("numpy"), hashlib.sha256(Path(__file__).read_bytes()).hexdigest()]
    key = hashlib.sha256(json.dumps([*settings, *made_by]).encode()).hexdigest()[:32]
    folder = _cache() / "audio" / key
    if not folder.is_dir():
        clips = corpus.clips(progress)
        parts = {part: [clip for clip in clips if clip.part == part] for part in PARTS}
        counts = {part: draws if part == "training" else evaluation_draws for part in PARTS}
        arrays: dict[str, NDArray[Any]] = dict(_standardised(_compute(parts, counts, snr_db, progress)))
        for part in PARTS:
            arrays[f"{part}-labels"] = np.array([clip.digit for clip in parts[part]], np.int64)
        _write(folder, arrays)
    inputs = {part: np.load(folder / f"{part}.npy", mmap_mode="r") for part in PARTS}
    labels = {part: np.load(folder / f"{part}-labels.npy") for part in PARTS}
    noise = "clean" if snr_db is None else f"white noise at {snr_db:g} dB SNR"
    sizes = "/".join(str(len(labels[part])) for part in PARTS)
    description = (
        f"{MELS} log-mel bands x {FRAMES} frames, {noise}, {sizes} clips for {'/'.join(PARTS)}, "
        f"{draws} noise draws of each training clip and {evaluation_draws} of the others"
    )
    return Features(inputs, labels, description, identity)


@dataclass(frozen=True)
class NoisyClips:
    """Training clips in several noise draws: inputs (draws, n, features) and labels (n,)."""

    inputs: Tensor
    labels: Tensor

    @property
    def variants(self) -> int:
        """Noise draws a clip."""
        return len(self.inputs)

    def batch(self, order: Tensor, variant: Tensor) -> Tensor:
        """Features (k, b, features)."""
        return self.inputs[variant, order]


def on_device(features: Features, device: str, precision: str) -> Data:
    """Features as tensors; of validation and test every draw counts as a clip of its own."""
    _, multiply = PRECISIONS[precision]
    inputs = {part: torch.from_numpy(np.array(features.inputs[part])).to(device, multiply) for part in PARTS}
    labels = {part: torch.from_numpy(features.labels[part]).to(device) for part in PARTS}

    def flat(part: str) -> Labelled:
        return Labelled(inputs[part].flatten(0, 1), labels[part].repeat(len(inputs[part])))

    training = NoisyClips(inputs["training"], labels["training"])
    return Data(training, flat("validation"), flat("test"))


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Decibels of mel bands over a clip's whole length, (..., samples) -> (..., MELS * FRAMES)."""
    import librosa  # seconds to import, and not needed where the cache has the features

    hop = -(-samples.shape[-1] // FRAMES)
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=FFT, hop_length=hop, n_mels=MELS)
    mel = librosa.util.fix_length(mel, size=FRAMES)
    decibels = librosa.power_to_db(mel, amin=FLOOR, top_db=None)
    return np.asarray(decibels, np.float32).reshape(*samples.shape[:-1], MELS * FRAMES)


def noisy(clip: Clip, snr_db: float | None, draws: int) -> NDArray[np.float32]:
    """A clip with `draws` different noises of its own, (draws, samples).

    The ratio is of the clip's mean power to the noise's.
    """
    copies = np.repeat(clip.samples[None], draws, axis=0)
    if snr_db is not None:
        random = np.random.default_rng(derived_seed(0, "noise", clip.name))
        power = float(np.mean(np.square(clip.samples, dtype=np.float64)))
        copies += np.sqrt(power / 10 ** (snr_db / 10)) * random.standard_normal(copies.shape)
    return np.asarray(copies, np.float32)


def _compute(
    parts: dict[str, list[Clip]], draws: dict[str, int], snr_db: float | None, progress: Progress
) -> dict[str, NDArray[np.float32]]:
    raw = {p: np.empty((draws[p], len(clips), MELS * FRAMES), np.float32) for p, clips in parts.items()}
    done, total = 0, sum(len(clips) for clips in parts.values())
    for part, clips in parts.items():
        for number, clip in enumerate(clips):
            raw[part][:, number] = log_mel(noisy(clip, snr_db, draws[part]))
            done += 1
            progress("computing features", done, total)
    return raw


def _standardised(raw: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Mean 0 and variance 1 of each feature over the training part; the others follow its statistics."""
    mean = raw["training"].mean(axis=(0, 1), dtype=np.float64)
    deviation = raw["training"].std(axis=(0, 1), dtype=np.float64) + 1e-6  # a band may be silent throughout
    return {part: np.asarray((x - mean) / deviation, np.float32) for part, x in raw.items()}


def _write(folder: Path, arrays: dict[str, NDArray[Any]]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".writing-", ignore_cleanup_errors=True) as work:
        made = Path(work) / "features"
        made.mkdir()
        for name, array in arrays.items():
            with (made / f"{name}.npy").open("wb") as file:
                np.save(file, array)
                file.flush()
                os.fsync(file.fileno())  # before the rename, or losing power could leave a whole name for half a file
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # unless another process was first, with the same contents
                raise


def _cache() -> Path:
    given = os.environ.get("HPSEARCH_CACHE")
    return Path(given) if given else user_cache_path("hpsearch")
