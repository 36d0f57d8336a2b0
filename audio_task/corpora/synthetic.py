"""Synthetic spoken digits: formant synthesis, many voices, the same clips from the same arguments.

Each digit is a row of sounds with formants of their own, spoken by voices that differ in pitch,
vocal-tract length, rate and breath. It is no substitute for recordings: it lets everything run, and be
tested, on a machine without any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_task.corpora import RATE, Clip, Part
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.seeds import derived_seed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sound:
    """Formants in Hz (of an average male voice), voicing and friction from 0 to 1, length in ms."""

    formants: tuple[float, float, float]
    voicing: float
    friction: float
    ms: float


# Vowels: means of Peterson and Barney (1952), men. Consonants: rough values of ours.
SOUNDS = {
    "i": Sound((270, 2290, 3010), 1, 0, 150),
    "I": Sound((390, 1990, 2550), 1, 0, 110),
    "E": Sound((530, 1840, 2480), 1, 0, 120),
    "A": Sound((730, 1090, 2440), 1, 0, 120),
    "O": Sound((570, 840, 2410), 1, 0, 150),
    "U": Sound((440, 1020, 2240), 1, 0, 90),
    "u": Sound((300, 870, 2240), 1, 0, 170),
    "V": Sound((640, 1190, 2390), 1, 0, 130),
    "R": Sound((420, 1300, 1600), 0.8, 0, 90),
    "w": Sound((300, 610, 2200), 0.7, 0, 80),
    "n": Sound((250, 1450, 2300), 0.5, 0, 100),
    "v": Sound((280, 1100, 2300), 0.4, 0.15, 70),
    "z": Sound((280, 1700, 3300), 0.3, 0.5, 90),
    "f": Sound((900, 1700, 3000), 0, 0.2, 100),
    "T": Sound((1100, 2000, 3300), 0, 0.15, 90),
    "s": Sound((1500, 2800, 3700), 0, 0.7, 120),
    "t": Sound((1200, 2500, 3500), 0, 0.6, 40),
    "k": Sound((900, 1800, 2600), 0, 0.5, 40),
    ".": Sound((500, 1500, 2500), 0, 0, 45),  # the closure before a stop
}
DIGITS = ("zIROU", "wVn", ".tu", "TRi", "fOR", "fAIv", "sI.ks", "sEvVn", "EI.t", "nAIn")
FRAME = 40
"""Samples between points of the formant tracks: 5 ms."""


@dataclass(frozen=True)
class Voice:
    """What stays the same in everything one voice says."""

    pitch: float
    tract: float
    rate: float
    breath: float


@dataclass(frozen=True)
class SyntheticSpeech:
    """`takes` clips of each digit by each voice; a fifth of the voices is for validation, a fifth for test."""

    voices: int
    takes: int

    def identity(self, clips: Sequence[Clip], progress: Progress) -> str:  # noqa: ARG002 it takes no time
        """SHA-256 of the numbers of voices and takes and of this file, which makes the rest."""
        source = Path(__file__).read_bytes()
        return hashlib.sha256(f"{self.voices} {self.takes}\n".encode() + source).hexdigest()

    def facts(self, clips: Sequence[Clip]) -> Mapping[str, str | int]:  # noqa: ARG002
        """None: the settings say all."""
        return {}

    def files(self, clips: Sequence[Clip]) -> list[Path]:  # noqa: ARG002
        """None: it is made anew wherever it is wanted."""
        return []

    def clips(self) -> list[Clip]:
        """Voice by voice, digit by digit, take by take."""
        return [
            Clip(f"{digit}_voice{number}_{take}", digit, part_of(number))
            for number in range(self.voices)
            for digit in range(10)
            for take in range(self.takes)
        ]

    def samples(self, clip: Clip) -> NDArray[np.float32]:
        """Synthesised anew at each call, always the same."""
        _, voice, take = clip.name.split("_")
        number = int(voice.removeprefix("voice"))
        random = np.random.default_rng(derived_seed(number, "take", clip.digit, int(take)))
        return speak(clip.digit, make_voice(np.random.default_rng(derived_seed(number, "synthetic voice"))), random)


def part_of(number: int) -> Part:
    """Voices are in one part only."""
    return "test" if number % 5 == 0 else "validation" if number % 5 == 1 else "training"


def make_voice(random: np.random.Generator) -> Voice:
    """A voice in the ranges of men, women and children: pitch and tract length go together loosely."""
    size = random.uniform(-1, 1)
    return Voice(
        pitch=float(160 * 2 ** (0.75 * size + random.normal(0, 0.1))),
        tract=float(1.12 * 1.14**size * 1.03 ** random.normal()),
        rate=float(1.2 ** random.normal()),
        breath=float(random.uniform(0.01, 0.1)),
    )


def speak(digit: int, voice: Voice, random: np.random.Generator) -> NDArray[np.float32]:
    """One digit by one voice, peak 0.5; `random` makes this take differ from the voice's others."""
    sounds = [SOUNDS[symbol] for symbol in DIGITS[digit]]
    lengths = [s.ms / 1000 * RATE / voice.rate * random.uniform(0.75, 1.3) for s in sounds]
    ends = np.cumsum(lengths)
    frames = np.arange(int(ends[-1] / FRAME) + 1)
    middles = (ends - np.array(lengths) / 2) / FRAME

    def track(values: list[float]) -> Array:  # from middle to middle, as the tongue glides
        return np.interp(frames, middles, values)

    formants = np.stack(
        [track([s.formants[i] * voice.tract * random.normal(1, 0.06) for s in sounds]) for i in range(3)]
    )  # (3, frames)
    voicing, friction = track([s.voicing for s in sounds]), track([s.friction for s in sounds])
    fade = np.minimum(1, np.minimum(frames, frames[::-1]) / 4)
    spoken = _voiced(formants, voicing * fade, voice, random)
    spoken += _noise(formants, (friction + voice.breath * voicing) * fade, random)
    return np.asarray(0.5 * spoken / np.abs(spoken).max(), np.float32)


def _voiced(formants: Array, amplitude: Array, voice: Voice, random: np.random.Generator) -> Array:
    """Harmonics of a falling pitch, each as loud as the vocal tract lets it be."""
    frames = formants.shape[1]
    samples = np.arange(frames * FRAME)
    points = np.arange(frames) * FRAME
    fall = np.linspace(random.uniform(0.95, 1.2), random.uniform(0.75, 0.95), frames)
    pitch = np.interp(samples, points, voice.pitch * fall)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = np.arange(1, int(0.48 * RATE / pitch.max()) + 1)
    loudness = amplitude * _tract(formants, np.outer(harmonics, voice.pitch * fall)) / harmonics[:, None]
    total = np.zeros(len(samples))
    for harmonic, loud in zip(harmonics, loudness, strict=True):
        total += np.interp(samples, points, loud) * np.sin(harmonic * phase)
    return total


def _noise(formants: Array, amplitude: Array, random: np.random.Generator) -> Array:
    """White noise through the vocal tract, frame by frame with overlapping windows."""
    frames = formants.shape[1]
    size = 4 * FRAME
    frequencies = np.fft.rfftfreq(size, 1 / RATE)[:, None]
    gain = amplitude * _tract(formants, np.broadcast_to(frequencies, (len(frequencies), frames)))
    white = np.fft.rfft(random.normal(size=(frames, size)), axis=1)
    pieces = np.fft.irfft(white * gain.T, axis=1) * np.hanning(size)
    total = np.zeros(frames * FRAME + size)
    for frame, piece in enumerate(pieces):
        total[frame * FRAME : frame * FRAME + size] += piece
    return total[: frames * FRAME]


def _tract(formants: Array, frequencies: Array) -> Array:
    """Gain of three resonances in parallel, shape of `frequencies` (any, frames)."""
    gain = np.zeros(frequencies.shape)
    for formant, bandwidth, level in zip(formants, (80.0, 120.0, 180.0), (1.0, 0.7, 0.4), strict=True):
        gain += level * bandwidth / np.hypot(frequencies - formant, bandwidth)
    return gain
