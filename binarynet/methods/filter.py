"""Gradient filtering: Quist, Li and van Gemert (2023), eq. 11-13. No latent weight, two hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import follow_sign_, sign
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Space

SIZES = {"random": Float("kappa", 1e-3, 1e3, log=True), "gradient": Float("kappa", 1e-1, 1e3, log=True)}
"""What kappa is searched in. Of a random start these are latent's init, 1e-4 to 1, over its learning rate, 1e-3 to 10,
but for the smallest, which are as good as 0. In units of the gradient it is about how many equal gradients turn a sign;
ours are from less than one to a thousand."""


@dataclass(frozen=True)
class Filter(BinaryMethod):
    """The binary weight is minus the sign of the gradient, smoothed by two averages in a cascade.

    m_i = (1 - gamma) m_{i-1} + gamma g_i           eq. 11
    G_i = (1 - alpha_i) G_{i-1} + alpha_i m_i       eq. 12, with this step's alpha
    b_i = -sign(G_i)                                eq. 13

    m and G start at 0 and b at random; where G is exactly 0, b stays (eq. 5 would draw it again). By default
    alpha decays along a cosine, as in the paper's experiments on CIFAR-10.

    begin: how G starts. "zero" is the paper's: the first step sets every weight to minus the sign of its first
        gradient. The others are ours, and have a third hyperparameter, kappa, the size of a start G_0 = -kappa alpha
        noise that holds random signs for a while. With "random" that is the inertia of latent weights of `latent`:
        kappa is its init over its learning rate. With "gradient" the noise is in units of the first gradient's root
        mean square over the layer.
    """

    # The paper's own settings are alpha 1e-3 and gamma 0.1; it does not state the ranges that it searches. Ours: as
    # discount factors both go up to 1, where an average forgets all but the newest gradient, and down to two decades
    # below the paper's alpha and one below its gamma.
    space: Space = Space((Float("alpha", 1e-5, 1.0, log=True), Float("gamma", 1e-2, 1.0, log=True)))
    schedules: Mapping[str, str] = field(default_factory=lambda: {"alpha": "cosine"})
    begin: Literal["zero", "random", "gradient"] = "zero"

    def __post_init__(self) -> None:
        if self.begin not in ("zero", *SIZES):
            raise ValueError(f'begin is "zero", "random" or "gradient", got {self.begin!r}')
        if self.begin in SIZES and "kappa" not in self.space.names:
            object.__setattr__(self, "space", Space((*self.space, SIZES[self.begin])))
        if self.begin in SIZES and self.schedules.get("alpha", "").strip().startswith("warmup"):
            raise ValueError("alpha cannot warm up where it gives the start its size, which would be 0: begin at zero")
        check_schedules(self.schedules)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """Random signs, the momentum at 0, and G as `begin` says."""
        filtered = torch.zeros_like(noise) if self.begin == "zero" else -h["kappa"] * h["alpha"] * noise
        return {"binary": sign(noise), "momentum": torch.zeros_like(noise), "filtered": filtered}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The binary weights themselves."""
        return state["binary"]

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The loss's gradient at the binary weight, as it is; in the first step it may give G its unit."""
        if self.begin == "gradient":
            size = gradient.square().mean(dim=tuple(range(1, gradient.dim())), keepdim=True).sqrt()
            state["filtered"].mul_(torch.where(h["step"] == 1, size, torch.ones_like(size)))
        return gradient

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step: eq. 11-13."""
        momentum, filtered, binary = state["momentum"], state["filtered"], state["binary"]
        momentum.lerp_(gradient, h["gamma"])  # eq. 11
        filtered.lerp_(momentum, h["alpha"])  # eq. 12
        follow_sign_(binary, filtered, times=-1)  # eq. 13


METHOD = Filter()
