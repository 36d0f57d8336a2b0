"""ReCU (Xu, Lin, Liu, Chen, Shao, Gao, Tian and Ji 2021): weights in the tails of the distribution are revived."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from binarynet.latent_sgd import LatentSgd, Standardised
from binarynet.method import Hyperparameters, State
from binarynet.quantizers import sign, whole_vectors

TAU = (0.85, 0.99)
"""tau at the start and at the end of training."""


@dataclass(frozen=True)
class ReCu(LatentSgd):
    """The binary weight is the sign of a standardised one, clamped to the quantiles of a Laplace distribution.

    x = 2 sqrt(2) (w - mean w) / std w over the output channel,    Q = -mean |x| ln(2 - 2 tau) over the layer
    weight = sign(clamp(x, -Q, Q)),    tau = 0.85 + 0.14 (e^t - 1) / (e - 1) at a share t of the training

    The clamp changes no sign: it stops the gradient where |x| > Q, which else passes on as it is, and through the
    standardisation. The authors train 600 epochs by SGD at 0.1 with a warm-up, momentum 0.9 and weight decay 5e-4. Left
    out are their scale behind each convolution, of which batch norm leaves nothing but in its epsilon, and the division
    of activations by their deviation, and the 1e-5 that they add to the variance. tau moves with each step, theirs once
    an epoch.
    """

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The signs of the standardised weights."""
        return sign(Standardised(state["latent"]).weights)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient through the clamp and the standardisation."""
        standard = Standardised(state["latent"])
        x = 2 * math.sqrt(2) * standard.weights
        grown = (whole_vectors(torch.exp, h["progress"]) - 1) / (math.e - 1)
        tau = TAU[0] + (TAU[1] - TAU[0]) * grown
        mean = x.abs().mean(dim=tuple(range(1, x.dim())), keepdim=True)
        end = -mean * whole_vectors(torch.log, 2 - 2 * tau)
        return standard.through(2 * math.sqrt(2) * gradient.masked_fill(x.abs() > end, 0.0))


METHOD = ReCu()
