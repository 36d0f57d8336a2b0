"""Bop2ndOrder: Suarez-Ramirez, Gonzalez-Mendoza, Chang, Ochoa-Ruiz and Duran-Vega (2021). Three hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import sign
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Space

EPSILON = 1e-10
"""The authors' code adds this to the denominator."""


@dataclass(frozen=True)
class Bop2ndOrder(BinaryMethod):
    """Bop with the averaged gradient measured in units of the gradient's root mean square.

    m_i = (1 - gamma) m_{i-1} + gamma g_i
    v_i = (1 - sigma) v_{i-1} + sigma g_i^2
    b_i = -b_{i-1} if b_{i-1} m_i / (sqrt(v_i) + 1e-10) > threshold

    These are the recursions of the authors' code; the text at hand numbers no equations. m and v start at 0 and b at
    random. `bias_corrected` is the second version in the authors' code: it puts m / gamma and v / sigma in place of m
    and v, with this step's gamma and sigma. Apart from the 1e-10 this is the first version with the threshold
    multiplied by gamma / sqrt(sigma).
    """

    # The authors' recipe on CIFAR-10 moves threshold, gamma and sigma along lines over 500 epochs, from 1e-5 to 1e-8,
    # from 1e-2 to 1e-5, and from 1e-7 to 1e-2. Ours: the ranges hold these values and reach up to 1, which bounds
    # gamma and sigma by definition and the ratio of m to the root of v nearly. By default threshold and gamma fall to
    # a thousandth along a line, like theirs. sigma stays constant, which is ours: a discount may not exceed 1.
    space: Space = Space(
        (
            Float("threshold", 1e-8, 1.0, log=True),
            Float("gamma", 1e-7, 1.0, log=True),
            Float("sigma", 1e-7, 1.0, log=True),
        )
    )
    schedules: Mapping[str, str] = field(
        default_factory=lambda: {"threshold": "linear(0.001)", "gamma": "linear(0.001)"}
    )
    bias_corrected: bool = False

    def __post_init__(self) -> None:
        check_schedules(self.schedules)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:  # noqa: ARG002
        """Random signs; both averages at 0."""
        return {"binary": sign(noise), "momentum": torch.zeros_like(noise), "second": torch.zeros_like(noise)}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The binary weights themselves."""
        return state["binary"]

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """The loss's gradient at the binary weight, as it is."""
        return gradient

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """Move the averages, then flip."""
        momentum, second, binary = state["momentum"], state["second"], state["binary"]
        momentum.lerp_(gradient, h["gamma"])
        second.lerp_(gradient * gradient, h["sigma"])
        first, square = momentum, second
        if self.bias_corrected:
            first, square = momentum / h["gamma"], second / h["sigma"]
        binary.mul_(sign(h["threshold"] - binary * first / (square.sqrt() + EPSILON)))


METHOD = Bop2ndOrder()
