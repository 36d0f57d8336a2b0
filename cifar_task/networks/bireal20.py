"""Bi-Real-20, the network of Quist et al.: ResNet-20 (He et al. 2016) with the shortcuts of Liu et al. (2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from binarynet.layers import Sign
from binarynet.stacked import BinaryConv2d
from cifar_task.images import Normalise

WIDTHS, CONVOLUTIONS = (16, 32, 64), 6
"""Channels in each of the three stages, and the number of binary convolutions in each."""


class Residual(nn.Module):
    """x + batch norm(binary convolution(sign(x))): each convolution has a shortcut of its own.

    Between stages the shortcut takes every other pixel and fills the new channels with zeros, half on either
    side (He et al. 2016, option A): it stays real-valued and has no weights.
    """

    def __init__(self, inputs: int, outputs: int, activation_gradient: str) -> None:
        super().__init__()
        self.stride, self.added = (1 if inputs == outputs else 2), (outputs - inputs) // 2
        self.branch = nn.Sequential(
            Sign(activation_gradient),
            BinaryConv2d(inputs, outputs, 3, stride=self.stride, padding=1),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, inputs, h, w) -> (b, outputs, h / stride, w / stride)."""
        shortcut = x
        if self.stride > 1:
            every = x[:, :, :: self.stride, :: self.stride]
            shortcut = nn.functional.pad(every, (0, 0, 0, 0, self.added, self.added))
        return torch.add(shortcut, self.branch(x))


class Network(nn.Module):
    """Real convolution, 18 binary ones in three stages, average, real linear layer: 267,264 binary weights."""

    def __init__(self, activation_gradient: str) -> None:
        super().__init__()
        blocks, inputs = [], WIDTHS[0]
        for outputs in WIDTHS:
            for _ in range(CONVOLUTIONS):
                blocks.append(Residual(inputs, outputs, activation_gradient))
                inputs = outputs
        self.first = nn.Sequential(
            Normalise(), nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0])
        )
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(inputs, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, 32, 32) -> (b, 10)."""
        logits: Tensor = self.last(self.blocks(self.first(x)).mean(dim=(2, 3)))
        return logits
