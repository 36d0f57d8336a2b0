"""Bi-Real-18 (Liu et al. 2018): ResNet-18 with a binary convolution in each of 16 residual blocks."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from binarynet.layers import Sign
from binarynet.stacked import BinaryConv2d
from imagenet_task.images import Normalise

WIDTHS, CONVOLUTIONS = (64, 128, 256, 512), 4
"""Channels in each of the four stages, and the number of binary convolutions in each."""


class Residual(nn.Module):
    """x + batch norm(binary convolution(sign(x))): each convolution has a shortcut of its own.

    Between stages the shortcut is an average over 2 x 2 pixels, a real convolution of 1 x 1 and batch norm.
    """

    def __init__(self, inputs: int, outputs: int, activation_gradient: str) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.branch = nn.Sequential(
            Sign(activation_gradient),
            BinaryConv2d(inputs, outputs, 3, stride=stride, padding=1),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(2, ceil_mode=True),  # of an odd side the branch keeps its last row too
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        """(b, inputs, h, w) -> (b, outputs, h / stride, w / stride)."""
        return torch.add(self.shortcut(x), self.branch(x))


class Network(nn.Module):
    """Real convolution of 7 x 7, 16 binary ones in four stages, average, real linear layer.

    10,985,472 weights are binary, and with 1,000 classes 11,689,512 parameters are trained in all.
    """

    resolutions: ClassVar[range] = range(32, 513)

    def __init__(self, activation_gradient: str, classes: int, resolution: int) -> None:  # noqa: ARG002
        super().__init__()
        self.first = nn.Sequential(
            Normalise(),
            nn.Conv2d(3, WIDTHS[0], 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        blocks, inputs = [], WIDTHS[0]
        for outputs in WIDTHS:
            for _ in range(CONVOLUTIONS):
                blocks.append(Residual(inputs, outputs, activation_gradient))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, s, s) -> (b, classes)."""
        logits: Tensor = self.last(self.blocks(self.first(x)).mean(dim=(2, 3)))
        return logits
