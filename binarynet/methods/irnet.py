"""IR-Net (Qin, Gong, Liu, Shen, Wei, Yu and Song 2020): balanced weights and an estimator that sharpens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from binarynet.latent_sgd import LatentSgd, Standardised
from binarynet.method import Hyperparameters, State
from binarynet.quantizers import rising, sign, tanh_slope, whole_vectors


@dataclass(frozen=True)
class IrNet(LatentSgd):
    """The binary weight is the sign of a real one that is standardised over its output channel, times a power of 2.

    w^ = (w - mean w) / std w,    weight = 2^round(log2 mean |w^|) sign(w^)
    d sign(w^) / d w^ := k t (1 - tanh^2(t w^)),    k = max(1 / t, 1)

    The gradient also passes through the standardisation; the power of 2 counts as a constant. IR-Net trains by SGD at
    0.1 with momentum 0.9 and weight decay 1e-4, the settings around which `latent` argues its ranges.

    own_activations: sign activations have this estimator too, as in IR-Net; else the task's, as in all methods.
    """

    own_activations: bool = False
    sharpness: ClassVar[tuple[float, float]] = (1e-3, 1e1)
    """t at the start and at the end of training; it rises along a logarithmic scale, step by step."""

    @property
    def activation(self) -> str | None:
        """IR-Net's, if asked for."""
        return "irnet" if self.own_activations else None

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """Scaled signs of the standardised weights."""
        standard = Standardised(state["latent"]).weights
        return sign(standard) * _power_of_two(standard)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient passed back through the scale, the estimator and the standardisation."""
        standard = Standardised(state["latent"])
        slope = tanh_slope(standard.weights, rising(h["progress"], *self.sharpness))
        return standard.through(gradient * _power_of_two(standard.weights) * slope)


def _power_of_two(standard: Tensor) -> Tensor:
    """2^round(log2 mean |w^|) of each channel, (k, out, 1, ...); 1 where the mean is 0."""
    mean = standard.abs().mean(dim=tuple(range(2, standard.dim())), keepdim=True)
    exponent = whole_vectors(torch.log2, torch.where(mean > 0, mean, torch.ones_like(mean))).round_()
    return whole_vectors(torch.exp2, exponent)


METHOD = IrNet()
