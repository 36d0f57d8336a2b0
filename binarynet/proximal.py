"""ProxConnect++ (Lu, Yu, Li and Partovi Nia 2024): latent weights seen through a forward and a backward quantizer.

    w_i = F(w*_i),    w*_{i+1} = w*_i - learning_rate_i m_i,    m_i = (1 - momentum) m_{i-1} + momentum B(w*_i) g_i

Here g is the loss's gradient at w. The paper steps by the gradient itself, which is momentum = 1 here. The average is
that of Quist et al. (2023), eq. 2, so that the family can be compared with `latent`; the default cosine of the learning
rate is ours for the same reason. There is no weight decay and no clamp. (The source at hand has no equation numbers.)
Each method of the family is a pair (F, B), in a file of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import follow_sign_, sign, whole_vectors
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Parameter, Space

# Ours: the ranges of `latent`, whose file argues them, and one more decade of learning rates: without weight decay and
# clamp, and with a gradient that shrinks by B, half of the studies on spoken digits ended at 10.
SEARCHED: tuple[Parameter, ...] = (
    Float("learning_rate", 1e-3, 1e2, log=True),
    Float("init", 1e-4, 1.0, log=True),
    Float("momentum", 1e-2, 1.0, log=True),
)


@dataclass(frozen=True)
class ProxConnect(BinaryMethod):
    """F = sign, B = 1; other members of the family override `forward` and `backward`."""

    space: Space = Space(SEARCHED)
    schedules: Mapping[str, str] = field(default_factory=lambda: {"learning_rate": "cosine"})

    def __post_init__(self) -> None:
        check_schedules(self.schedules)

    def forward(self, latent: Tensor, binary: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """F of the latent weights and their signs, in training; after it F is the sign, whatever it was before."""
        return binary

    def backward(self, latent: Tensor, h: Hyperparameters) -> Tensor | None:  # noqa: ARG002
        """B, or None for 1."""
        return None

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """Normal latent weights of deviation `init`, with the signs that every method has from the same seed."""
        return {"binary": sign(noise), "momentum": torch.zeros_like(noise), "latent": h["init"] * noise}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        """F(w*) in training, the signs afterwards."""
        return self.forward(state["latent"], state["binary"], h) if training else state["binary"]

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """B(w*) g."""
        factor = self.backward(state["latent"], h)
        return gradient if factor is None else gradient * factor

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step; where w* is exactly 0, the sign stays."""
        momentum, latent = state["momentum"], state["latent"]
        momentum.lerp_(gradient, h["momentum"])
        latent.addcmul_(momentum, h["learning_rate"], value=-1)
        follow_sign_(state["binary"], latent)


@dataclass(frozen=True)
class Annealed(ProxConnect):
    """A member of the family whose forward sharpens into the sign over the training.

    annealing: "ours", the schedule that the method's file names, since its authors give none; or "mirrored sigmoid",
        that of PARQ (Jin et al. 2025) for the map of ProxConnect.
    steepness: of the mirrored sigmoid. 10 is the default of PARQ's code, 100 that of its script for CIFAR-10.
    """

    annealing: Literal["ours", "mirrored sigmoid"] = "ours"
    steepness: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.annealing not in ("ours", "mirrored sigmoid"):
            raise ValueError(f'annealing is "ours" or "mirrored sigmoid", got {self.annealing!r}')
        if not 0.1 <= self.steepness <= 1000:
            raise ValueError(f"steepness must be 0.1 to 1000, got {self.steepness}")

    def softness(self, progress: Tensor) -> Tensor:
        """S of the mirrored sigmoid, from 1 to 0 over the training, and never below 1e-3."""
        end = 1 / (1 + math.exp(self.steepness / 2))
        q = whole_vectors(torch.sigmoid, self.steepness * (0.5 - progress))
        return ((q - end) / (1 - 2 * end)).clamp(min=1e-3)


def sign_swish(x: Tensor, beta: Tensor) -> Tensor:
    """SS(x) = 2 s(bx) (1 + bx (1 - s(bx))) - 1 with s the logistic function (Darabi et al. 2018); up to +-1.2."""

    def swish(x: Tensor) -> Tensor:
        share = torch.sigmoid(x)
        return 2 * share * (1 + x * (1 - share)) - 1

    return whole_vectors(swish, beta * x)


def sign_swish_slope(x: Tensor, beta: Tensor) -> Tensor:
    """SS'(x) = b (2 - bx tanh(bx / 2)) / (1 + cosh bx)."""

    def slope(x: Tensor) -> Tensor:
        # Beyond 50 the slope is below 1e-18, and cosh would leave single precision at 89.
        x = x.clamp(-50.0, 50.0)
        return (2 - x * torch.tanh(0.5 * x)) / (1 + torch.cosh(x))

    return beta * whole_vectors(slope, beta * x)
