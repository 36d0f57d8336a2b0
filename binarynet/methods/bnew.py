"""BNEW (BMVC 2022): real weights that are pushed to -1 and 1 while they train, and are set there at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from binarynet.adam import adam_step
from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import sign
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Space

FROZEN = 0.98
"""From which share of the second phase on the weights are at their signs, and stay there."""


@dataclass(frozen=True)
class Bnew(BinaryMethod):
    """The weight is a real one, w in [-1, 1], which Adam moves; its sign at every evaluation.

    u = clip((1 + 2 push p) w, -1, 1),    w = clip(u - Adam's step, -1, 1)

    p is 0 in the first phase and rises from 0 to 1 along a line in the second. In the last 2% of that
    w = sign(w), but for trainings of fewer than 60 steps, which have none there.

    first_phase: the share of the training without a push; the authors train 200 epochs and then 1,000, each with a
    decay of the learning rate to 0. To take both in one run under one schedule is ours.
    """

    # The authors' learning rate is 1e-2, their push 1e-4 (1e-3 in some runs), with Adam's usual averages. Ours: two
    # decades to either side of the rate, and of the push, which acts at every step and must be larger where there are
    # fewer of them, as far as 1 / 10; of the averages as in `latent_adam`.
    space: Space = Space(
        (
            Float("learning_rate", 1e-4, 1.0, log=True),
            Float("init", 1e-4, 1.0, log=True),
            Float("momentum", 1e-2, 1.0, log=True),
            Float("second", 1e-4, 1e-1, log=True),
            Float("push", 1e-6, 1e-1, log=True),
        )
    )
    schedules: Mapping[str, str] = field(default_factory=lambda: {"learning_rate": "linear"})
    first_phase: float = 1 / 6

    real_in_training: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_schedules(self.schedules)
        if not 0 <= self.first_phase < 1:
            raise ValueError(f"first_phase is a share of the training, from 0 to below 1, got {self.first_phase}")

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """Weights init * noise, at most 1; both averages at 0."""
        real = (h["init"] * noise).clamp(-1, 1)
        return {"real": real, "momentum": torch.zeros_like(noise), "second": torch.zeros_like(noise)}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The real weights, and their signs after the training."""
        return state["real"] if training else sign(state["real"])

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """The loss's gradient at the real weight, as it is."""
        return gradient

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """Push, then Adam's step; both as long as the weights are not frozen."""
        real = state["real"]
        behind = ((h["progress"] - self.first_phase) / (1 - self.first_phase)).clamp(min=0)
        real.mul_(1 + 2 * h["push"] * behind).clamp_(-1, 1)
        moved = real.clone()
        adam_step(moved, state["momentum"], state["second"], gradient.clone(), h)
        real.copy_(torch.where(behind < FROZEN, moved.clamp_(-1, 1), sign(real)))


METHOD = Bnew()
