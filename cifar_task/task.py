"""The task of CIFAR-10: which images, which network, and how long it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from binarynet.task import BinaryTask
from cifar_task.datasets import cifar10
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.space import Configuration
from hpsearch.system import machine

if TYPE_CHECKING:
    from binarynet.training import Data

IMAGES = 50_000
"""How many images the publisher gives for training; we divide them into training and validation."""


@dataclass(frozen=True)
class CifarTask(BinaryTask):
    """CIFAR-10, ten classes. Training images are cropped (from 4 pixels of padding) and flipped at random.

    Attributes, beside those of binarynet.task.BinaryTask and its recipe:
        network: "bireal20", "resnet20", "binarynet" or "vgg_small": a file in cifar_task/networks.
        training: how many images to train on.
        validation: how many images to search by, drawn from the publisher's training images. With
            0 the objective is the test accuracy, and the searcher must be "fixed", which searches nothing.
        split_seed: of the order of the publisher's training images, of which the first ones are for validation and the
            next ones for training.
        test: how many images to test on, the publisher's first.
        epochs: passes over the training images.
        batch_size: images per step.
        activation_gradient: surrogate gradient of the sign activation, "clip" or "bireal".
        precision: "fp32"; "bf16" for the operands of convolutions and, on a GPU, all activations; or "auto": bf16 on a
            GPU that has instructions for it, which each trial records.
    """

    network: str = "bireal20"
    training: int = 45_000
    validation: int = 5_000
    split_seed: int = 2009
    test: int = 10_000
    epochs: int = 50
    batch_size: int = 256
    activation_gradient: Literal["clip", "bireal"] = "bireal"
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    # One network's convolutions keep a core busy, and with packs of one a comparison can use a worker for each study.
    pack = 1
    imports = ("binarynet.images",)

    def __post_init__(self) -> None:
        from cifar_task.networks import names

        self.check_recipe()
        if self.network not in names():
            raise ValueError(f"network is one of {', '.join(names())}; got {self.network!r}")
        for name in ("training", "test", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.validation < 0 or self.training + self.validation > IMAGES:
            raise ValueError(
                f"training and validation images must be at most {IMAGES:,} together, "
                f"got {self.training:,} and {self.validation:,}"
            )
        if not 0 <= self.split_seed < 2**32:
            raise ValueError(f"split_seed must be 0 to 2**32 - 1, got {self.split_seed}")
        if self.test > cifar10.IMAGES:
            raise ValueError(f"there are {cifar10.IMAGES:,} test images, not {self.test:,}")

    @property
    def objective(self) -> Objective:  # type: ignore[override]  # depends on a setting, and no one sets it
        """Validation accuracy; test accuracy where there are no validation images."""
        if self.validation:
            return Objective("validation accuracy", chance=0.1, bounds=(0.0, 1.0))
        return Objective("test accuracy", chance=0.1, bounds=(0.0, 1.0), searchable=False)

    def prepare(self, progress: Progress) -> Mapping[str, str | int | float]:
        """Find the images and check all of them."""
        folder = cifar10.DATASET.find()
        return {"images_sha256": cifar10.verified(folder, progress)}

    def files(self) -> Sequence[Path]:
        """Files of the images."""
        return cifar10.files(cifar10.DATASET.find())

    def load(self, device: str) -> None:
        """Bring the data onto the device."""
        self._data(device)

    def split_of(self, repeat: int, seed: int) -> Mapping[str, int]:  # noqa: ARG002
        """Other images for validation; the test images are the publisher's. There is one split if all are for training.

        (With fewer than all images it also says which are trained on.)
        """
        return {"split_seed": seed} if self.validation else {}

    def train(
        self, method: Method, configurations: Sequence[Configuration], seeds: Sequence[int], device: str
    ) -> list[Result]:
        """One run of all configurations."""
        from binarynet.images import train_stacked
        from binarynet.training import Budget
        from cifar_task.networks import load

        network = load(self.network)
        return train_stacked(
            lambda: network(self.activation_gradient),
            method,
            configurations,
            seeds,
            self._data(device),
            Budget(self.epochs, self.batch_size, self.recipe),
            # On a processor bf16 only rounds: its convolutions are in fp32.
            "fp32" if self.precision == "auto" and device == "cpu" else machine.precision(self.precision, device),
            device,
            self.layer_curves,
        )

    @lru_cache(maxsize=2)  # noqa: B019 a worker trains many packs of one task
    def _data(self, device: str) -> Data:
        from cifar_task.images import on_device

        images, test = cifar10.read(cifar10.DATASET.find())
        return on_device(images, test, (self.training, self.validation, self.test), device, self.split_seed)
