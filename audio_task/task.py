"""The task of spoken digits: which speech, which noise, which network, and how long it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from binarynet.task import BinaryTask
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.space import Configuration
from hpsearch.system import machine

if TYPE_CHECKING:
    from audio_task.corpora import Corpus
    from binarynet.training import Data

FOLDS = 5
"""How many folds Becker gives AudioMNIST."""


@dataclass(frozen=True)
class AudioTask(BinaryTask):
    """Spoken digits, ten classes.

    Attributes, beside those of binarynet.task.BinaryTask and its recipe:
        corpus: "audiomnist" (recordings of 60 speakers), "fsdd" (the Free Spoken Digit Dataset's recordings of 6),
            or "synthetic" (speech that a formant synthesiser makes).
        fold: one of AudioMNIST's five, which says which speakers are for training, validation and test.
        split_seed: of FSDD, draws which of each speaker's recordings of a digit are for validation and which for
            training; None has the publisher's order decide. Those for testing are the publisher's.
        speakers: of AudioMNIST, "all" 60, which must be there with 500 clips each, or those that are "present".
        voices: how many voices the synthetic speech has; they are split between training, validation and test.
        takes: recordings of each digit by each synthetic voice.
        snr_db: white noise is added to each clip at this ratio of the clip's power to the noise's, in
            decibels; "clean" adds none.
        draws: noisy versions of each training clip; each epoch sees one of them at random. "fresh" makes as
            many as there are epochs, and a training takes another one of each clip in every epoch, in its own random
            order: it never sees the same noise twice. Trainings share these versions, which take 11 MB an epoch on
            disk and in memory for FSDD's 2,100 clips.
        evaluation_draws: noisy versions of each validation and test clip, always the same.
        curve_draws: how many of these versions the validation accuracy counts after each epoch but the last. The last
            one counts all of them, and is the objective.
        width: units in each of the three hidden layers.
        epochs: passes over the training clips.
        batch_size: clips per step.
        activation_gradient: surrogate gradient of the sign activation, "clip" or "bireal".
        precision: "fp32"; "bf16" for the operands of matrix products; or "auto": bf16 where the device has instructions
            for it, which each trial records.
    """

    corpus: Literal["audiomnist", "fsdd", "synthetic"] = "fsdd"
    fold: int = 0
    split_seed: int | None = None
    speakers: Literal["all", "present"] = "all"
    voices: int = 40
    takes: int = 3
    snr_db: float | Literal["clean"] = "clean"
    draws: int | Literal["fresh"] = 8
    evaluation_draws: int = 4
    curve_draws: int = 1
    width: int = 64
    epochs: int = 20
    batch_size: int = 128
    activation_gradient: Literal["clip", "bireal"] = "bireal"
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    objective = Objective("validation accuracy", chance=0.1, bounds=(0.0, 1.0))
    # Ours: ten trials share a step's many small calls, and 20 repeats still make one pack for each of two cores.
    pack = 10
    imports = ("audio_task.network", "binarynet.training")

    def __post_init__(self) -> None:
        self.check_recipe()
        if self.draws == "fresh" and self.snr_db == "clean":
            raise ValueError('draws = "fresh" needs noise: set snr_db to a ratio in decibels, or draws to a number')
        if self.draws != "fresh" and self.draws < 1:
            raise ValueError(f'draws must be at least 1, or "fresh", got {self.draws}')
        for name in ("voices", "takes", "evaluation_draws", "curve_draws", "width", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.fold < FOLDS:
            raise ValueError(f"fold must be 0 to 4, got {self.fold}")
        if self.corpus != "audiomnist" and (self.fold, self.speakers) != (0, "all"):
            raise ValueError(f"fold and speakers belong to AudioMNIST; the corpus {self.corpus} has neither")
        if self.split_seed is not None and (self.corpus != "fsdd" or not 0 <= self.split_seed < 2**32):
            raise ValueError(
                f"split_seed belongs to FSDD and is 0 to 2**32 - 1, got {self.split_seed} for {self.corpus}"
            )
        if self.corpus == "synthetic" and self.voices < 5:
            raise ValueError(f"synthetic speech needs at least 5 voices for its three parts, got {self.voices}")

    def prepare(self, progress: Progress) -> Mapping[str, str | int | float]:
        """Find or make the speech and compute its features, unless they are in the cache."""
        from audio_task.features import cached_features

        features = cached_features(self._corpus, *self._noise, progress, verify=True)
        return {"features": features.description, "corpus_sha256": features.corpus, **features.facts}

    def files(self) -> Sequence[Path]:
        """Files of the features, and of the recordings that they come from."""
        from audio_task.features import cached_features

        return cached_features(self._corpus, *self._noise, _silent).files

    def load(self, device: str) -> None:
        """Bring the data onto the device."""
        self._data(device)

    def split_of(self, repeat: int, seed: int) -> Mapping[str, int]:
        """AudioMNIST's folds in turn; in FSDD other recordings for validation. Synthetic speech has one split."""
        if self.corpus == "audiomnist":
            return {"fold": (repeat - 1) % FOLDS}
        return {"split_seed": seed} if self.corpus == "fsdd" else {}

    def train(
        self, method: Method, configurations: Sequence[Configuration], seeds: Sequence[int], device: str
    ) -> list[Result]:
        """One stacked run of all configurations."""
        from audio_task.network import Perceptron
        from binarynet.method import binary
        from binarynet.training import Budget, Training

        data = self._data(device)
        inputs = data.validation.inputs.shape[-1]
        return Training(
            lambda k: Perceptron(k, inputs, self.width, self.activation_gradient),
            binary(method),
            configurations,
            seeds,
            data,
            Budget(self.epochs, self.batch_size, self.recipe),
            machine.precision(self.precision, device),
            device,
            self.layer_curves,
        ).run()

    @property
    def _noise(self) -> tuple[float | None, int, int]:
        """Signal-to-noise ratio, and draws of training and evaluation; clean speech has one, as all would be equal."""
        if self.snr_db == "clean":
            return None, 1, 1
        draws = self.epochs if self.draws == "fresh" else self.draws
        return float(self.snr_db), draws, self.evaluation_draws

    @property
    def _corpus(self) -> Corpus:
        from audio_task.corpora import audiomnist, fsdd, synthetic

        if self.corpus == "audiomnist":
            return audiomnist.AudioMnist(audiomnist.DATASET.find(), self.fold, self.speakers)
        if self.corpus == "fsdd":
            return fsdd.Fsdd(fsdd.DATASET.find(), self.split_seed)
        return synthetic.SyntheticSpeech(self.voices, self.takes)

    @lru_cache(maxsize=2)  # noqa: B019 a worker trains many packs of one task
    def _data(self, device: str) -> Data:
        from audio_task.features import cached_features, on_device
        from binarynet.training import Labelled

        features = cached_features(self._corpus, *self._noise, _silent)
        data = on_device(features, device, machine.precision(self.precision, device))
        inputs, labels = data.validation.inputs, data.validation.labels  # one version of all clips after the other
        watched = len(features.labels["validation"]) * min(self.curve_draws, self._noise[2])
        return replace(data, watched=Labelled(inputs[:watched], labels[:watched]), fresh=self.draws == "fresh")


def _silent(what: str, done: int, total: int) -> None:
    pass
