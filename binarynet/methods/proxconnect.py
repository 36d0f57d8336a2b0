"""ProxConnect (Dockhorn, Yu, Sari, Zolnouri and Partovi Nia 2021): a piecewise linear forward that becomes the sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from binarynet.method import Hyperparameters
from binarynet.proximal import SEARCHED, Annealed
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class PiecewiseLinear(Annealed):
    """F(w) = clip(w / (1 - r), -1, 1), which is the sign at r = 1; B = 1.

    r rises from `rho` to 1 over the training: along a line, which is ours, since no schedule of the authors' was found,
    or as 1 - (1 - rho) s with PARQ's mirrored sigmoid s.
    """

    # Ours: at rho = 0 the first weights are the latent ones. At 0.99 the weights beyond 0.01 are at -1 or 1 already;
    # up to 0.9 only, 15 of 20 studies on spoken digits ended there.
    space: Space = Space((*SEARCHED, Float("rho", 0.0, 0.99)))

    real_in_training: ClassVar[bool] = True

    def forward(self, latent: Tensor, binary: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """A line of slope 1 / (1 - r) between -(1 - r) and 1 - r."""
        left = 1 - h["progress"] if self.annealing == "ours" else self.softness(h["progress"])
        rest = (1 - h["rho"]) * left  # 1 - r, above 0 in every step
        return (latent / rest).clamp(-1.0, 1.0)


METHOD = PiecewiseLinear()
