"""Latent weights trained by SGD: Quist, Li and van Gemert (2023), eq. 1-5 and Table 1. Six hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from binarynet.latent_sgd import LatentSgd
from binarynet.method import Hyperparameters, State
from binarynet.quantizers import follow_sign_, sign
from hpsearch.contracts.space import Choice, Float, Space


@dataclass(frozen=True)
class Latent(LatentSgd):
    """The binary weight is the sign of a real one that SGD moves.

    m_i = (1 - momentum) m_{i-1} + momentum g_i                                    eq. 2
    w_i = w_{i-1} - learning_rate_i (m_i + weight_decay w_{i-1})                   eq. 3
    b_i = sign(w_i)                                                                eq. 4

    `momentum` is the paper's gamma: the weight of the new gradient, 0.1 for what torch calls 0.9. The
    decay lies outside the momentum; torch.optim.SGD has it inside. w starts normal with standard
    deviation `init` and the same signs as `filter` from the same seed; where w is exactly 0, b stays.

    scaling: the network uses s b, where s is the mean of |w| over each output channel. s counts as a
        constant, so it multiplies the gradient (Rastegari et al. 2016; Bi-Real net). Where s is 0 (all
        weights of the channel start at 0) the factor is 1.
    clipping: the gradient is 0 where |w| > 1 (Bi-Real net, and the paper's "clipping region"); w itself is
        never clamped, unlike BinaryNet's and larq's.

    two_step: the first share of the training uses the latent weights themselves (with binary activations), the rest
        and every evaluation their signs. The two steps are those of Martinez et al. (2020); to take them in one run
        under one schedule is ours.

    By default the learning rate decays along a cosine, as in the paper.
    """

    # The paper's own settings are learning rate 0.1, weight decay 1e-4, momentum 0.1; it does not state its
    # ranges. Ours: two decades to either side of the first two, one of the third (which 1 bounds). `init`
    # reaches from one decade above 0.1, near He's standard deviation at fan-ins of 64 to 256, since above 1 clipping
    # would stop every weight at the start, down to below the 6e-4 of the paper's U(-1e-3, 1e-3) on ImageNet.
    space: Space = Space(
        (
            Float("learning_rate", 1e-3, 1e1, log=True),
            Float("init", 1e-4, 1.0, log=True),
            Float("momentum", 1e-2, 1.0, log=True),
            Float("weight_decay", 1e-6, 1e-2, log=True),
            Choice("scaling", (False, True)),
            Choice("clipping", (False, True)),
        )
    )
    two_step: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.two_step < 1:
            raise ValueError(f"two_step is a share of the training, from 0 to below 1, got {self.two_step}")

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """Latent weights init * noise, and the signs of the noise, which are random even with `init` = 0."""
        return {"binary": sign(noise), **super().start(noise, h)}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        """b, or s b with scaling; w in training during the first of two steps."""
        binary = state["binary"] * _factor(state["latent"], h)
        real = self.two_step and training
        return torch.where(h["progress"] < self.two_step, state["latent"], binary) if real else binary

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient times the factor of the scaling, and 0 in the clipping region."""
        latent = state["latent"]
        end = torch.full_like(h["clipping"], torch.inf).masked_fill_(h["clipping"] > 0, 1.0)
        binary = (gradient * _factor(latent, h)).masked_fill_(latent.abs() > end, 0.0)
        return torch.where(h["progress"] < self.two_step, gradient, binary) if self.two_step else binary

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step: eq. 2-4."""
        super().update(state, gradient, h)  # eq. 2 and 3
        follow_sign_(state["binary"], state["latent"])  # eq. 4


def _factor(latent: Tensor, h: Hyperparameters) -> Tensor:
    """Scale of each output channel, shape [k, out, 1, ...]; 1 where scaling is off."""
    mean = latent.abs().mean(dim=tuple(range(2, latent.dim())), keepdim=True)
    return torch.where((h["scaling"] > 0) & (mean > 0), mean, torch.ones_like(mean))


METHOD = Latent()
