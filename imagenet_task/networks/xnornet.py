"""XNOR-Net in the form that Bop and Bop2ndOrder were measured on: AlexNet, without the scales of Rastegari et al."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from binarynet.layers import Sign
from binarynet.stacked import BinaryConv2d
from imagenet_task.images import Normalise

CONVOLUTIONS = (
    # inputs, outputs, size, padding, whether a pool follows
    (96, 256, 5, 2, True),
    (256, 384, 3, 1, False),
    (384, 384, 3, 1, False),
    (384, 256, 3, 1, True),
    (256, 4096, 6, 0, False),  # over all 6 x 6 pixels that are left: a linear layer
    (4096, 4096, 1, 0, False),
)


class Network(nn.Module):
    """Real convolution of 11 x 11, four binary ones, two binary linear layers, real linear layer without bias.

    Batch norm follows each layer but the last, after the pool if there is one; the first has a second one, after its
    pool. 58,236,928 weights are binary, and with 1,000 classes 62,387,104 parameters are trained in all. The constants
    of batch norm are those of the authors of Bop.
    """

    resolutions: ClassVar[range] = range(224, 225)

    def __init__(self, activation_gradient: str, classes: int, resolution: int) -> None:  # noqa: ARG002
        super().__init__()
        layers: list[nn.Module] = [
            Normalise(),
            nn.ZeroPad2d((3, 4, 3, 4)),  # as "same" padding divides the 7 pixels that 56 strides of 4 lack
            nn.Conv2d(3, 96, 11, stride=4, bias=False),
            nn.BatchNorm2d(96, eps=1e-5),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.BatchNorm2d(96, eps=1e-4),
        ]
        for index, (inputs, outputs, size, padding, pool) in enumerate(CONVOLUTIONS):
            layers += [Sign(activation_gradient), BinaryConv2d(inputs, outputs, size, padding=padding)]
            layers += [nn.MaxPool2d(3, stride=2)] if pool else []
            layers.append(nn.BatchNorm2d(outputs, eps=1e-3 if index == len(CONVOLUTIONS) - 1 else 1e-4))
        self.layers = nn.Sequential(*layers, nn.ReLU(), nn.Flatten(), nn.Linear(outputs, classes, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, 224, 224) -> (b, classes)."""
        logits: Tensor = self.layers(x)
        return logits
