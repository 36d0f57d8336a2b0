"""Latent weights that SGD moves: what the methods share that differ in how a weight is binarised and estimated.

    m_i = (1 - momentum) m_{i-1} + momentum d_i,    w_i = w_{i-1} - learning_rate_i (m_i + weight_decay w_{i-1})

d is what a method's `gradient` makes of the loss's gradient at the weight that the network uses. This is the form of
Quist et al. (2023), eq. 2 and 3, so that the methods can be compared with `latent`: torch's SGD at a rate e with
momentum 0.9 is a learning rate of e / 0.1 and a momentum of 0.1 here. The decay lies outside the momentum, where the
authors of these methods, who train by torch's SGD, have it inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Parameter, Space

# Ours: the ranges of `latent`, whose file argues them.
SEARCHED: tuple[Parameter, ...] = (
    Float("learning_rate", 1e-3, 1e1, log=True),
    Float("init", 1e-4, 1.0, log=True),
    Float("momentum", 1e-2, 1.0, log=True),
    Float("weight_decay", 1e-6, 1e-2, log=True),
)


@dataclass(frozen=True)
class LatentSgd(BinaryMethod):
    """Normal latent weights of deviation `init`; by default the learning rate decays along a cosine, as in `latent`."""

    space: Space = Space(SEARCHED)
    schedules: Mapping[str, str] = field(default_factory=lambda: {"learning_rate": "cosine"})

    def __post_init__(self) -> None:
        check_schedules(self.schedules)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """Latent weights init * noise."""
        return {"momentum": torch.zeros_like(noise), "latent": h["init"] * noise}

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step of SGD; the next call of `weights` takes the signs."""
        momentum, latent, rate = state["momentum"], state["latent"], h["learning_rate"]
        momentum.lerp_(gradient, h["momentum"])
        latent.mul_(1 - rate * h["weight_decay"]).addcmul_(momentum, rate, value=-1)


class Standardised:
    """Weights with mean 0 and deviation 1 in each output channel, and the way back of a gradient through that.

    Equal weights of a channel stay 0.

    Attributes:
        weights: (k, out, in, ...).
        deviation: the latent weights' own, (k, out, 1, ...), without bias; 1 where it is 0.
    """

    def __init__(self, latent: Tensor) -> None:
        self._axes, self._n = tuple(range(2, latent.dim())), latent[0, 0].numel()
        centred = latent - latent.mean(dim=self._axes, keepdim=True)
        deviation = (centred.square().sum(dim=self._axes, keepdim=True) / max(1, self._n - 1)).sqrt()
        self.deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        self.weights = centred / self.deviation

    def through(self, gradient: Tensor) -> Tensor:
        """The gradient at the latent weights, from that at the standardised ones."""
        along = (gradient * self.weights).sum(dim=self._axes, keepdim=True) / max(1, self._n - 1)
        centred = gradient - gradient.mean(dim=self._axes, keepdim=True)
        return (centred - self.weights * along) / self.deviation
