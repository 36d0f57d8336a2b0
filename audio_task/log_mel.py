"""From one clip to features: noise at a stated ratio, and log-mel bands over the clip's whole length."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from audio_task.corpora import RATE
from hpsearch.contracts.seeds import derived_seed

MELS, FRAMES, FFT = 40, 32, 512
"""Mel bands; frames, spread evenly over each clip whatever its length; samples a frame (64 ms)."""
FLOOR = 1e-6
"""Power below which a mel band counts as silent: 60 dB under a full-scale one."""


def one_thread() -> AbstractContextManager[object]:
    """Within it the mel bands are summed by one thread: with more the last bits differ, and trainings with them."""
    import librosa  # noqa: F401 - loads what is limited
    from threadpoolctl import threadpool_limits

    limited: AbstractContextManager[object] = threadpool_limits(1)
    return limited


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Decibels of mel bands over a clip's whole length, (..., samples) -> (..., MELS * FRAMES)."""
    import librosa  # seconds to import, and not needed where the cache has the features

    hop = -(-samples.shape[-1] // FRAMES)
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=FFT, hop_length=hop, n_mels=MELS)
    mel = librosa.util.fix_length(mel, size=FRAMES)
    decibels = librosa.power_to_db(mel, amin=FLOOR, top_db=None)
    return np.asarray(decibels, np.float32).reshape(*samples.shape[:-1], MELS * FRAMES)


def noisy(name: str, samples: NDArray[np.float32], snr_db: float | None, draws: int) -> NDArray[np.float32]:
    """A clip with `draws` different noises that belong to its name, (draws, samples).

    The ratio is of the clip's mean power to the noise's.
    """
    copies = np.repeat(samples[None], draws, axis=0)
    if snr_db is not None:
        random = np.random.default_rng(derived_seed(0, "noise", name))
        power = float(np.mean(np.square(samples, dtype=np.float64)))
        copies += np.sqrt(power / 10 ** (snr_db / 10)) * random.standard_normal(copies.shape)
    return np.asarray(copies, np.float32)
