"""What all tasks of binary networks have in common: their methods, and the recipe of the real-valued parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Configuration, Float, Space
from hpsearch.contracts.task import Task

REAL = ("real_learning_rate", "real_weight_decay")
"""Settings of the recipe that a study file may search as well."""


@dataclass(frozen=True)
class Recipe:
    """How the real-valued parameters are trained. The defaults are those of Quist et al. (2023), section 4.1.

    Attributes:
        real_optimizer: "sgd", which is torch's with momentum 0.9; or "adam" (Kingma and Ba 2015) with its own averages.
        real_learning_rate: at the start of the training.
        real_weight_decay: added to the gradient, times the parameter; batch norm has none.
        real_schedule: of the learning rate: "constant", "cosine", "linear", "exponential", "step" or "warmup", with
            numbers.
    """

    real_optimizer: Literal["sgd", "adam"] = "sgd"
    real_learning_rate: float = 0.1
    real_weight_decay: float = 1e-4
    real_schedule: str = "cosine"

    def check_recipe(self) -> None:
        """Raise ValueError for what cannot be meant."""
        if self.real_optimizer not in ("sgd", "adam"):
            raise ValueError(f'real_optimizer is "sgd" or "adam", got {self.real_optimizer!r}')
        if not self.real_learning_rate > 0:
            raise ValueError(f"real_learning_rate must be above 0, got {self.real_learning_rate}")
        if self.real_weight_decay < 0:
            raise ValueError(f"real_weight_decay must be at least 0, got {self.real_weight_decay}")
        check_schedules({"real_schedule": self.real_schedule})


@dataclass(frozen=True)
class BinaryTask(Recipe, Task):
    """A task of binary networks. Its study file may search parts of the recipe, beside each method's own space.

    What a method's space has of them takes the place of the task's setting; its schedule is `real_schedule`.

    Attributes:
        layer_curves: each binary layer has three curves more, with one value per epoch: effective_rank_1 of the first
            layer's weights, flip_ratio_1 and gradient_rms_1.
    """

    layer_curves: bool = False

    methods = "binarynet.methods"
    # Ours: two decades to either side of the paper's decay. The rate from two decades below its 0.1, where Adam is
    # used, to one above.
    hyperparameters = Space(
        (Float("real_learning_rate", 1e-3, 1.0, log=True), Float("real_weight_decay", 1e-6, 1e-2, log=True))
    )

    @property
    def recipe(self) -> Recipe:
        """The settings of the recipe alone."""
        return Recipe(**{field.name: getattr(self, field.name) for field in fields(Recipe)})


def searched(configurations: Sequence[Configuration], name: str) -> list[float] | None:
    """Each trial's own value of a part of the recipe, or None if the task's setting holds for all."""
    return [float(c[name]) for c in configurations] if name in configurations[0] else None
