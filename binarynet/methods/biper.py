"""BiPer (Vargas, Correa, Hinojosa and Arguello 2024): the sign of a sine of the latent weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from binarynet.latent_sgd import SEARCHED, LatentSgd
from binarynet.method import Hyperparameters, State
from binarynet.quantizers import sign, whole_vectors
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class BiPer(LatentSgd):
    """weight = sin(frequency w) in the first step, sign(sin(frequency w)) in the second and at every evaluation.

    d weight / d w := frequency cos(frequency w) in both. The loss has another term for each layer, penalty mean
    sin^2(frequency w), as the authors' code has it: with this sign it pulls weights to where the sine is 0.

    real_share: the share of the training that the first step takes. The authors train 600 epochs and, from the best of
    them and with learning rate and decay of their own, 300 more; to take both in one run under one schedule is ours.

    The authors' frequency is 20, their penalty 0.037 and then 0.0468. Left out are their scale behind each convolution,
    which batch norm takes away, and the division of activations by their deviation.
    """

    # Ours: the frequency from one at which the sine is nearly a line over an init of 0.1, to five times theirs; the
    # penalty one and a half decades to either side of theirs.
    space: Space = Space((*SEARCHED, Float("frequency", 1.0, 100.0, log=True), Float("penalty", 1e-3, 1.0, log=True)))
    real_share: float = 2 / 3

    real_in_training: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.real_share < 1:
            raise ValueError(f"real_share is a share of the training, from 0 to below 1, got {self.real_share}")

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        """The sine in the first step of the training, and its sign."""
        sine = whole_vectors(torch.sin, h["frequency"] * state["latent"])
        binary = sign(sine)
        return torch.where(h["progress"] < self.real_share, sine, binary) if training else binary

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient through the sine, and that of the penalty."""
        angle = h["frequency"] * state["latent"]
        passed = gradient * whole_vectors(torch.cos, angle)
        penalty = h["penalty"] / gradient[0].numel() * whole_vectors(torch.sin, 2 * angle)
        return h["frequency"] * (passed + penalty)


METHOD = BiPer()
