"""SGDAT (Shan et al. 2023): a threshold that grows with each flip. One hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import sign
from binarynet.schedules import check_schedules
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class Sgdat(BinaryMethod):
    """A binary weight follows minus the sum of its gradients once that exceeds what its flips so far ask for.

    d_i = averaging d_{i-1} + g_i,    M_i = M_{i-1} - d_i
    b_i = sign(M_i) if |M_i| > threshold f_{i-1}, else b_{i-1};    f_i = f_{i-1} + [b_i is not b_{i-1}]

    These are the authors' recursions with M in units of their learning rate, 1e-4, since nothing but the ratio of their
    threshold, 1e-7, to it matters: the threshold here is 1e-3 for them. M and f start at 0 and b at random, so that the
    first step sets every weight.

    averaging: 0, or 0.9 in the authors' variant with momentum, which is torch's.
    restarts: the flips are counted anew in every epoch. The authors' code makes its optimizer anew each epoch, so it
        does; their text counts over the training.
    """

    # The authors' threshold is 1e-3 of gradient. Ours: three decades to either side.
    space: Space = Space((Float("threshold", 1e-6, 1.0, log=True),))
    schedules: Mapping[str, str] = field(default_factory=dict)
    averaging: float = 0.0
    restarts: bool = True

    def __post_init__(self) -> None:
        check_schedules(self.schedules)
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging must be from 0 to below 1, got {self.averaging}")

    def start(self, noise: Tensor, h: Hyperparameters) -> State:  # noqa: ARG002
        """Random signs; no gradient and no flip yet."""
        return {
            "binary": sign(noise),
            "average": torch.zeros_like(noise),
            "sum": torch.zeros_like(noise),
            "flips": torch.zeros_like(noise),
        }

    def begin_epoch(self, state: State, h: Hyperparameters) -> None:  # noqa: ARG002
        """Forget the flips."""
        if self.restarts:
            state["flips"].zero_()

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The binary weights themselves."""
        return state["binary"]

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:  # noqa: ARG002
        """The loss's gradient at the binary weight, as it is."""
        return gradient

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """Add up, flip, and count."""
        binary, total, flips = state["binary"], state["sum"], state["flips"]
        total.sub_(state["average"].mul_(self.averaging).add_(gradient))
        followed = torch.where(total.abs() > h["threshold"] * flips, sign(total), binary)
        flips.add_((followed != binary).to(flips.dtype))
        binary.copy_(followed)


METHOD = Sgdat()
