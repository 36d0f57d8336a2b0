"""ProxConnect (Dockhorn, Yu, Sari, Zolnouri and Partovi Nia 2021): a piecewise linear forward that becomes the sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from binarynet.method import Hyperparameters
from binarynet.proximal import SEARCHED, ProxConnect
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class PiecewiseLinear(ProxConnect):
    """F(w) = clip(w / (1 - r), -1, 1), which is the sign at r = 1; B = 1.

    r rises along a line from `rho` to 1 over the training. This schedule is ours: none was found.
    """

    # Ours: at rho = 0 the first weights are the latent ones. At 0.9 the weights beyond 0.1 are at -1 or 1 already: a
    # third of them at an init of 0.1, nearly all at an init of 1.
    space: Space = Space((*SEARCHED, Float("rho", 0.0, 0.9)))

    real_in_training: ClassVar[bool] = True

    def forward(self, latent: Tensor, binary: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """A line of slope 1 / (1 - r) between -(1 - r) and 1 - r."""
        rest = (1 - h["rho"]) * (1 - h["progress"])  # 1 - r, above 0 in every step
        return (latent / rest).clamp(-1.0, 1.0)


METHOD = PiecewiseLinear()
