"""BNN++ (Lu, Yu, Li and Partovi Nia 2024): forward SignSwish, backward its derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from binarynet.method import Hyperparameters
from binarynet.proximal import SEARCHED, Annealed, sign_swish, sign_swish_slope
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class Swish(Annealed):
    """F = SS in training and the sign afterwards, B = SS'.

    Beta rises tenfold over the training, so that SS comes near the sign. This rise is ours: no schedule was found. With
    the mirrored sigmoid s it is beta / s, which is ours too; give beta the schedule "constant" with it.
    """

    # The range of bnnplus, before the rise.
    space: Space = Space((*SEARCHED, Float("beta", 0.5, 50.0, log=True)))
    schedules: Mapping[str, str] = field(default_factory=lambda: {"learning_rate": "cosine", "beta": "exponential(10)"})

    real_in_training: ClassVar[bool] = True

    def forward(self, latent: Tensor, binary: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """SS(w)."""
        return sign_swish(latent, self._beta(h))

    def backward(self, latent: Tensor, h: Hyperparameters) -> Tensor:
        """SS'(w)."""
        return sign_swish_slope(latent, self._beta(h))

    def _beta(self, h: Hyperparameters) -> Tensor:
        return h["beta"] if self.annealing == "ours" else h["beta"] / self.softness(h["progress"])


METHOD = Swish()
