"""IR-Net (Qin, Gong, Liu, Shen, Wei, Yu and Song 2020): balanced weights and an estimator that sharpens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import sign, whole_vectors
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Space

SHARPNESS = (1e-3, 1e1)
"""t at the start and at the end of training; it rises along a logarithmic scale."""


@dataclass(frozen=True)
class IrNet(BinaryMethod):
    """The binary weight is the sign of a real one that is standardised over its output channel, times a power of 2.

    w^ = (w - mean w) / std w,    weight = 2^round(log2 mean |w^|) sign(w^)
    d sign(w^) / d w^ := k t (1 - tanh^2(t w^)),    k = max(1 / t, 1)

    The gradient also passes through the standardisation; the power of 2 counts as a constant. Latent weights follow
    SGD as in `latent`: its weight decay lies outside the momentum, where IR-Net has it inside. IR-Net's estimator for
    activations is left out, since a task decides on activations for all methods alike. By default the learning rate
    decays along a cosine, as in `latent`.
    """

    # IR-Net trains by SGD at 0.1 with momentum 0.9 and weight decay 1e-4, the settings around which `latent` argues
    # its ranges.
    space: Space = Space(
        (
            Float("learning_rate", 1e-3, 1e1, log=True),
            Float("init", 1e-2, 1.0, log=True),
            Float("momentum", 1e-2, 1.0, log=True),
            Float("weight_decay", 1e-6, 1e-2, log=True),
        )
    )
    schedules: Mapping[str, str] = field(default_factory=lambda: {"learning_rate": "cosine"})

    def __post_init__(self) -> None:
        check_schedules(self.schedules)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """Latent weights init * noise."""
        return {"momentum": torch.zeros_like(noise), "latent": h["init"] * noise}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """Scaled signs of the standardised weights."""
        standard, _ = _standardised(state["latent"])
        return sign(standard) * _power_of_two(standard)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient passed back through the scale, the estimator and the standardisation."""
        standard, deviation = _standardised(state["latent"])
        start, end = (math.log(t) for t in SHARPNESS)
        t = whole_vectors(torch.exp, start + (end - start) * h["progress"])
        slope = t.clamp(min=1.0) * (1 - whole_vectors(torch.tanh, t * standard).square())  # k t = max(1, t)
        inner = gradient * _power_of_two(standard) * slope
        axes, n = tuple(range(2, inner.dim())), inner[0, 0].numel()
        along = (inner * standard).sum(dim=axes, keepdim=True) / max(1, n - 1)
        return (inner - inner.mean(dim=axes, keepdim=True) - standard * along) / deviation

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """The step of `latent`; the next call of `weights` takes the signs."""
        momentum, latent, rate = state["momentum"], state["latent"], h["learning_rate"]
        momentum.lerp_(gradient, h["momentum"])
        latent.mul_(1 - rate * h["weight_decay"]).addcmul_(momentum, rate, value=-1)


def _standardised(latent: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (k, out, ...) with mean 0 and deviation 1 in each channel, and that deviation, (k, out, 1, ...)."""
    axes, n = tuple(range(2, latent.dim())), latent[0, 0].numel()
    centred = latent - latent.mean(dim=axes, keepdim=True)
    deviation = (centred.square().sum(dim=axes, keepdim=True) / max(1, n - 1)).sqrt()
    deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))  # equal weights stay 0
    return centred / deviation, deviation


def _power_of_two(standard: Tensor) -> Tensor:
    """2^round(log2 mean |w^|) of each channel, (k, out, 1, ...); 1 where the mean is 0."""
    mean = standard.abs().mean(dim=tuple(range(2, standard.dim())), keepdim=True)
    exponent = whole_vectors(torch.log2, torch.where(mean > 0, mean, torch.ones_like(mean))).round_()
    return whole_vectors(torch.exp2, exponent)


METHOD = IrNet()
