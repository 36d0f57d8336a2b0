"""DoReFa-Net (Zhou, Wu, Ni, Zhou, Wen and Zou 2016) at one bit: the sign times the layer's mean magnitude."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from binarynet.latent_sgd import LatentSgd
from binarynet.method import Hyperparameters, State
from binarynet.quantizers import sign


@dataclass(frozen=True)
class DoReFa(LatentSgd):
    """weight = E sign(w), E = mean |w| over the whole layer;  d weight / d w := 1.

    So the authors' code has it (tensorpack's example): E is a constant and is not passed on, there is no mask and no
    clamp. `latent` with scaling has an E for each channel, and passes it on. A layer of zeros has E = 1.

    DoReFa's activations, 0 or 1, are left out: a task decides on activations for all methods alike.
    """

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The scaled signs."""
        latent = state["latent"]
        mean = latent.abs().mean(dim=tuple(range(1, latent.dim())), keepdim=True)
        return sign(latent) * torch.where(mean > 0, mean, torch.ones_like(mean))

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """The loss's gradient at the binary weight, as it is."""
        return gradient


METHOD = DoReFa()
