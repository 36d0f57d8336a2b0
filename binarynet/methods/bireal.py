"""Bi-Real net's weights (Liu, Wu, Luo, Yang, Liu and Cheng 2018) as ProxConnect++ has them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from binarynet.method import Hyperparameters
from binarynet.proximal import ProxConnect


@dataclass(frozen=True)
class PiecewiseQuadratic(ProxConnect):
    """F = sign, B(w) = 2 - 2 |w| where |w| < 1, else 0: the derivative of the piecewise quadratic near the sign."""

    def backward(self, latent: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """B(w)."""
        return latent.abs().mul_(-2.0).add_(2.0).clamp_(min=0.0)


METHOD = PiecewiseQuadratic()
