"""BNN (Hubara, Courbariaux, Soudry, El-Yaniv and Bengio 2016): the sign, and its straight-through estimate."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from binarynet.method import Hyperparameters
from binarynet.proximal import ProxConnect


@dataclass(frozen=True)
class StraightThrough(ProxConnect):
    """F = sign, B(w) = 1 where |w| <= 1, else 0: BinaryConnect with a masked gradient."""

    def backward(self, latent: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """B(w), the derivative of hardtanh."""
        return (latent.abs() <= 1).to(latent.dtype)


METHOD = StraightThrough()
