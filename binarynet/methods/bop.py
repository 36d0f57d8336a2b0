"""Bop: Helwegen, Widdicombe, Geiger, Liu, Cheng and Nusselder (2019). No latent weight, two hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import sign
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class Bop(BinaryMethod):
    """A binary weight flips when the averaged gradient points against it by more than a threshold.

    m_i = (1 - gamma_i) m_{i-1} + gamma_i g_i      algorithm 1, line 4
    b_i = -b_{i-1} if b_{i-1} m_i > threshold      line 6

    m starts at 0 and b at random. By default gamma decays in steps, as in the paper's experiments on CIFAR-10.
    """

    # The paper's settings on CIFAR-10 are gamma 1e-4, times 0.1 every 100 of 500 epochs, and threshold 1e-8; it also
    # shows gamma 1e-5 to 1e-2 and thresholds 0 to 1e-5 (figures 2 and 3). Ours: gamma up to 1, where the average
    # forgets all but the newest, and thresholds up to 1e-3, near the largest averaged gradients of a small network.
    space: Space = Space((Float("threshold", 1e-9, 1e-3, log=True), Float("gamma", 1e-5, 1.0, log=True)))
    schedules: Mapping[str, str] = field(default_factory=lambda: {"gamma": "step(0.1, 5)"})

    def __post_init__(self) -> None:
        check_schedules(self.schedules)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:  # noqa: ARG002
        """Random signs; the average at 0."""
        return {"binary": sign(noise), "momentum": torch.zeros_like(noise)}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The binary weights themselves."""
        return state["binary"]

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """The loss's gradient at the binary weight, as it is."""
        return gradient

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step: algorithm 1, lines 4 to 7."""
        momentum, binary = state["momentum"], state["binary"]
        momentum.lerp_(gradient, h["gamma"])
        binary.mul_(sign(h["threshold"] - binary * momentum))  # equal to the threshold is +0, and does not flip


METHOD = Bop()
