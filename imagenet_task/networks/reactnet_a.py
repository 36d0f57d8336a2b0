"""ReActNet-A (Liu, Shen, Savvides and Cheng 2020): MobileNet's widths, with learned shifts around signs and PReLUs."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from binarynet.layers import Sign
from binarynet.stacked import BinaryConv2d, Shift
from imagenet_task.images import Normalise

FIRST = 32
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
"""Channels that each of the 13 blocks gives, and its stride."""


class Residual(nn.Module):
    """x + batch norm(binary convolution(sign(x + shift))); with a stride, x is averaged over 2 x 2 pixels."""

    def __init__(self, channels: int, size: int, stride: int, activation_gradient: str) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            Shift(channels),
            Sign(activation_gradient),
            BinaryConv2d(channels, channels, size, stride=stride, padding=size // 2),
            nn.BatchNorm2d(channels),
        )
        self.shortcut: nn.Module = nn.AvgPool2d(2, ceil_mode=True) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, h, w) -> (b, channels, h / stride, w / stride)."""
        return torch.add(self.shortcut(x), self.branch(x))


class Doubled(nn.Module):
    """Two residual convolutions of 1 x 1 beside each other, from the same signs, which double the channels."""

    def __init__(self, channels: int, activation_gradient: str) -> None:
        super().__init__()
        self.signs = nn.Sequential(Shift(channels), Sign(activation_gradient))
        self.branches = nn.ModuleList(
            nn.Sequential(BinaryConv2d(channels, channels, 1), nn.BatchNorm2d(channels)) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, h, w) -> (b, 2 channels, h, w)."""
        signs = self.signs(x)
        return torch.cat([x + branch(signs) for branch in self.branches], dim=1)


class Network(nn.Module):
    """Real convolution of 3 x 3, 13 blocks of binary ones (of 3 x 3, then one or two of 1 x 1), average, real linear
    layer.

    After each residual sum come a shift, a PReLU and another shift of each channel. 28,253,184 weights are binary, and
    with 1,000 classes 29,343,592 parameters are trained in all. The authors train it in two steps towards the outputs
    of a real ResNet-34: the first with binary activations and real weights, the second with both binary. The task's
    setting `teacher` trains towards such outputs, in one step as Quist et al. (2023) do. The first step is not here.
    """

    resolutions: ClassVar[range] = range(32, 513)

    def __init__(self, activation_gradient: str, classes: int, resolution: int) -> None:  # noqa: ARG002
        super().__init__()
        layers: list[nn.Module] = [
            Normalise(), nn.Conv2d(3, FIRST, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(FIRST),
        ]  # fmt: skip
        inputs = FIRST
        for outputs, stride in BLOCKS:
            layers += [Residual(inputs, 3, stride, activation_gradient), *_shifted(inputs)]
            if outputs == inputs:
                layers.append(Residual(inputs, 1, 1, activation_gradient))
            else:
                layers.append(Doubled(inputs, activation_gradient))
            layers += _shifted(outputs)
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, s, s) -> (b, classes)."""
        logits: Tensor = self.last(self.layers(x).mean(dim=(2, 3)))
        return logits


def _shifted(channels: int) -> list[nn.Module]:
    return [Shift(channels), nn.PReLU(channels), Shift(channels)]
