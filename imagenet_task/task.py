"""The task of ImageNet: which images, at which resolution, which network, and how long it trains."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from binarynet.task import BinaryTask
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.progress import Progress, silent
from hpsearch.contracts.space import Configuration
from hpsearch.system import machine
from imagenet_task.datasets import imagenet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from binarynet.training import Data
    from imagenet_task.cache import Cached

TEACHER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
"""A teacher's name: "module:NAME"."""


@dataclass(frozen=True)
class ImageNetTask(BinaryTask):
    """ImageNet, or other images laid out like it. Training images are cropped and flipped at random.

    `hpsearch.contracts.task.Task.files` is empty here: 400 GB are not sent to other machines. Those of a cluster need
    the same HPSEARCH_DATA and HPSEARCH_CACHE on a file system that they share.

    Attributes, beside those of binarynet.task.BinaryTask and its recipe:
        network: "bireal18", "deit_tiny", "reactnet_a" or "xnornet": a file in imagenet_task/networks.
        classes: how many classes the images have, which is known only to those who have them.
        resolution: side of the network's square inputs; images are kept 8/7 as large, so that crops can be drawn.
        validation: how many training images of each class are held out, to search by; the publisher's validation images
            are for testing. With 0 the objective is the test accuracy, and the searcher must be "fixed", which
            searches nothing.
        epochs: passes over the training images.
        batch_size: images per step.
        activation_gradient: surrogate gradient of the sign activation, "clip" or "bireal"; deit_tiny has no such
            activation.
        precision: "fp32"; "bf16" for the operands of convolutions and, on a GPU, all activations; or "auto": bf16 on a
            GPU that has instructions for it, which each trial records.
        crops: of the training images: "plain", at every place of the cached image, or "resized", of 8% to 100% of its
            area (imagenet_task.images).
        label_smoothing: share of each label that goes to all classes alike.
        teacher: "module:NAME", a function without parameters that returns a torch network. That takes images
            (b, 3, resolution, resolution) with ImageNet's mean and deviation taken out, and gives logits (b, classes).
            Its module is installed, or lies beside the study file. "" is none.
        teacher_share: of the teacher in the loss, the rest being the labels'. With a teacher, train_loss is this loss.
    """

    network: str = "bireal18"
    classes: int = 1_000
    resolution: int = 224
    validation: int = 50
    epochs: int = 100
    batch_size: int = 256
    activation_gradient: Literal["clip", "bireal"] = "bireal"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    crops: Literal["plain", "resized"] = "plain"
    label_smoothing: float = 0.0
    teacher: str = ""
    teacher_share: float = 1.0

    pack = 1  # a network fills a machine alone
    imports = ("binarynet.images",)

    def __post_init__(self) -> None:
        from imagenet_task.networks import load, names

        self.check_recipe()
        if self.network not in names():
            raise ValueError(f"network is one of {', '.join(names())}; got {self.network!r}")
        if self.classes < 2:
            raise ValueError(f"classes must be at least 2, got {self.classes}")
        sides = load(self.network).resolutions
        if self.resolution not in sides:
            allowed = f"{sides[0]} to {sides[-1]}" if len(sides) > 1 else str(sides[0])
            if sides.step > 1:
                allowed = f"a multiple of {sides.step} from {allowed}"
            raise ValueError(f"resolution must be {allowed} for {self.network}, got {self.resolution}")
        if self.validation < 0:
            raise ValueError(f"validation must be at least 0, got {self.validation}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        self._check_targets()

    def _check_targets(self) -> None:
        """Raise ValueError for what cannot be meant by the settings of crops, labels and teacher."""
        if self.crops not in ("plain", "resized"):
            raise ValueError(f'crops is "plain" or "resized", got {self.crops!r}')
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be at least 0 and below 1, got {self.label_smoothing}")
        if not 0 < self.teacher_share <= 1:
            raise ValueError(f"teacher_share must be above 0 and at most 1, got {self.teacher_share}")
        if self.teacher and not TEACHER.fullmatch(self.teacher):
            raise ValueError(f'teacher is "module:NAME", got {self.teacher!r}')
        if not self.teacher and self.teacher_share != 1:
            raise ValueError("teacher_share needs a teacher: name one, or leave it out")
        if self.teacher and self.teacher_share == 1 and self.label_smoothing:
            raise ValueError(
                "label_smoothing changes nothing where teacher_share is 1: leave it out, or give a smaller share"
            )

    @property
    def objective(self) -> Objective:  # type: ignore[override]  # depends on settings, and no one sets it
        """Validation accuracy; test accuracy where there are no validation images."""
        if self.validation:
            return Objective("validation accuracy", chance=1 / self.classes, bounds=(0.0, 1.0))
        return Objective("test accuracy", chance=1 / self.classes, bounds=(0.0, 1.0), searchable=False)

    def prepare(self, progress: Progress) -> Mapping[str, str | int | float]:
        """Find the images, and decode all of them unless they are in the cache, whose bytes are then checked.

        The same goes for the teacher's logits, if there is one. It is asked on a GPU where there is one.
        """
        from imagenet_task.cache import cached_images

        images = self._images(progress)
        cached = cached_images(images, self.resolution, progress, verify=True)
        facts = {
            "images": f"{len(images.training.names):,} training and {len(images.validation.names):,} test images of "
            f"{len(images.classes):,} classes at {cached.training.shape[1]} pixels",
            "images_sha256": cached.sha256,
        }
        if self.teacher:
            from torch.cuda import is_available

            device = "cuda" if is_available() else "cpu"
            _, facts["teacher_sha256"] = self._taught(cached, images, device, progress, verify=True)
        return facts

    def load(self, device: str) -> None:
        """Bring the data to where the device reads it."""
        self._data(device)

    def train(
        self, method: Method, configurations: Sequence[Configuration], seeds: Sequence[int], device: str
    ) -> list[Result]:
        """One run of all configurations."""
        from binarynet.images import train_stacked
        from binarynet.training import Budget
        from imagenet_task.networks import load

        network = load(self.network)
        return train_stacked(
            lambda: network(self.activation_gradient, self.classes, self.resolution),
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

    def _images(self, progress: Progress) -> imagenet.Images:
        """The list of images. Raises TaskError if it does not fit the settings."""
        folder = imagenet.DATASET.find()
        images = imagenet.read(folder, progress)
        if len(images.classes) != self.classes:
            raise TaskError(
                f"{folder} has {len(images.classes):,} classes, and the task's setting says classes = {self.classes}: "
                f"give classes = {len(images.classes)} in the study file, or other data with --data DIR"
            )
        if self.validation >= images.smallest:
            raise TaskError(
                f"{folder} has a class with {images.smallest:,} training images, which leaves none to train on with "
                f"validation = {self.validation}: give a smaller number in the study file"
            )
        return images

    @lru_cache(maxsize=1)  # noqa: B019 a worker trains many packs of one task
    def _data(self, device: str) -> Data:
        from imagenet_task.cache import cached_images
        from imagenet_task.images import on_device

        images = self._images(silent)
        cached = cached_images(images, self.resolution, silent)
        logits = self._taught(cached, images, device, silent)[0] if self.teacher else None
        return on_device(
            cached, images, self.resolution, self.validation, device, self.crops, self.label_smoothing, logits,
            self.teacher_share,
        )  # fmt: skip

    def _taught(
        self, cached: Cached, images: imagenet.Images, device: str, progress: Progress, verify: bool = False
    ) -> tuple[NDArray[np.float16], str]:
        """The teacher's logits of all training images, (n, classes), and its hash."""
        from imagenet_task.teacher import Teacher, logits_of

        teacher, settings = Teacher.load(self.teacher), (self.resolution, self.classes, device, progress)
        return logits_of(teacher, cached, images.training, *settings, verify=verify), teacher.sha256
