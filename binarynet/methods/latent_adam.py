"""Latent weights trained by Adam: Liu, Shen, Li, Helwegen, Huang and Cheng (2021), AdamBNN. Seven hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from binarynet.adam import adam_step
from binarynet.method import Hyperparameters, State
from binarynet.methods.latent import Latent
from binarynet.quantizers import follow_sign_
from hpsearch.contracts.space import Choice, Float, Space


@dataclass(frozen=True)
class LatentAdam(Latent):
    """The binary weight is the sign of a real one that Adam moves.

    u_i = g_i + weight_decay w_{i-1}
    m_i = (1 - momentum) m_{i-1} + momentum u_i
    v_i = (1 - second) v_{i-1} + second u_i^2
    w_i = w_{i-1} - learning_rate_i m^ / (sqrt(v^) + 1e-8)

    with m^ = m_i / (1 - (1 - momentum)^i) and v^ likewise. `momentum` and `second` are the weights of what is new,
    0.1 and 0.001 for what Adam calls beta 0.9 and 0.999. Scaling, clipping and `two_step` are those of `latent`. As in
    AdamBNN, the second of two steps has no weight decay, and by default the learning rate decays along a line.
    """

    # AdamBNN trains at 2.5e-3 (5e-4 in some of its scripts) with weight decay 5e-6 in its first step and Adam's usual
    # averages. Ours: two decades to either side of the learning rate, since one update moves a weight by about that
    # much and `init` spans four decades; three around the decay; one below and what 1 allows above for the averages.
    space: Space = Space(
        (
            Float("learning_rate", 1e-5, 1e-1, log=True),
            Float("init", 1e-4, 1.0, log=True),
            Float("momentum", 1e-2, 1.0, log=True),
            Float("second", 1e-4, 1e-1, log=True),
            Float("weight_decay", 1e-7, 1e-3, log=True),
            Choice("scaling", (False, True)),
            Choice("clipping", (False, True)),
        )
    )
    schedules: Mapping[str, str] = field(default_factory=lambda: {"learning_rate": "linear"})

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """The start of `latent`, with the second average at 0."""
        return {**super().start(noise, h), "second": torch.zeros_like(noise)}

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """Adam's step."""
        latent, decay = state["latent"], h["weight_decay"]
        if self.two_step:
            decay = decay * (h["progress"] < self.two_step)
        adam_step(latent, state["momentum"], state["second"], torch.addcmul(gradient, latent, decay), h)
        follow_sign_(state["binary"], latent)


METHOD = LatentAdam()
