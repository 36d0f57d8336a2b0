"""Gradient filtering: Quist, Li and van Gemert (2023), eq. 11-13. No latent weight, two hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import follow_sign_, sign
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class Filter(BinaryMethod):
    """The binary weight is minus the sign of the gradient, smoothed by two averages in a cascade.

    m_i = (1 - gamma) m_{i-1} + gamma g_i           eq. 11
    G_i = (1 - alpha_i) G_{i-1} + alpha_i m_i       eq. 12, with this step's alpha
    b_i = -sign(G_i)                                eq. 13

    m and G start at 0 and b at random; where G is exactly 0, b stays (eq. 5 would draw it again). By default
    alpha decays along a cosine, as in the paper's experiments on CIFAR-10.
    """

    # The paper's own settings are alpha 1e-3 and gamma 0.1; it does not state the ranges that it searches. Ours: as
    # discount factors both go up to 1, where an average forgets all but the newest gradient, and down to two decades
    # below the paper's alpha and one below its gamma.
    space: Space = Space((Float("alpha", 1e-5, 1.0, log=True), Float("gamma", 1e-2, 1.0, log=True)))
    schedules: Mapping[str, str] = field(default_factory=lambda: {"alpha": "cosine"})

    def __post_init__(self) -> None:
        check_schedules(self.schedules)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:  # noqa: ARG002
        """Random signs; both averages at 0."""
        return {
            "binary": sign(noise),
            "momentum": torch.zeros_like(noise),
            "filtered": torch.zeros_like(noise),
        }

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The binary weights themselves."""
        return state["binary"]

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """The loss's gradient at the binary weight, as it is."""
        return gradient

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step: eq. 11-13."""
        momentum, filtered, binary = state["momentum"], state["filtered"], state["binary"]
        momentum.lerp_(gradient, h["gamma"])  # eq. 11
        filtered.lerp_(momentum, h["alpha"])  # eq. 12
        follow_sign_(binary, filtered, times=-1)  # eq. 13


METHOD = Filter()
