"""Adam (Kingma and Ba 2015) on packed weights: each trial with a learning rate and averages of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from binarynet.method import Hyperparameters
from binarynet.quantizers import whole_vectors

EPSILON = 1e-8
"""The constant of algorithm 1."""


def adam_step(moved: Tensor, momentum: Tensor, second: Tensor, gradient: Tensor, h: Hyperparameters) -> None:
    """One step of algorithm 1, in place on `moved` and both averages, all (k, n); `gradient` is overwritten.

    h["momentum"] and h["second"] are the weights of what is new, 0.1 and 0.001 for what the paper calls beta 0.9 and
    0.999; h["learning_rate"] is alpha, and h["step"] counts from 1.
    """
    momentum.lerp_(gradient, h["momentum"])
    second.lerp_(gradient.square_(), h["second"])
    divisor = (second / _seen(h["second"], h["step"])).sqrt_().add_(EPSILON)
    moved.addcdiv_(momentum * (-h["learning_rate"] / _seen(h["momentum"], h["step"])), divisor)


def _seen(share: Tensor, step: Tensor) -> Tensor:
    """1 - (1 - share)^step: the sum of the weights in an average that started at 0."""
    return -whole_vectors(torch.expm1, step * whole_vectors(torch.log1p, -share))
