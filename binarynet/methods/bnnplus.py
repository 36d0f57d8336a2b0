"""BNN+ (Darabi, Belbahri, Courbariaux and Partovi Nia 2018): forward the sign, backward the slope of SignSwish."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from binarynet.method import Hyperparameters
from binarynet.proximal import SEARCHED, ProxConnect, sign_swish_slope
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class SwishBackward(ProxConnect):
    """F = sign, B = SS'. The paper's regularisation and trained scale are left out."""

    # The paper tries beta 5 and 10. Ours: about a decade to either side.
    space: Space = Space((*SEARCHED, Float("beta", 0.5, 50.0, log=True)))

    def backward(self, latent: Tensor, h: Hyperparameters) -> Tensor:
        """SS'(w)."""
        return sign_swish_slope(latent, h["beta"])


METHOD = SwishBackward()
