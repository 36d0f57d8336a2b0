"""BinaryNet (Courbariaux et al. 2016; Hubara et al. 2016): all nine layers are binary, the first sees real pixels."""

from __future__ import annotations

from torch import Tensor, nn

from binarynet.layers import Sign
from binarynet.stacked import BinaryConv2d, BinaryDense
from cifar_task.images import Normalise


class Network(nn.Module):
    """2x128C3 - MP2 - 2x256C3 - MP2 - 2x512C3 - MP2 - 2x1024FC - 10FC: 14,022,016 binary weights.

    Batch norm follows each layer, after the pool if there is one, and a sign follows it in all layers but the last.
    """

    def __init__(self, activation_gradient: str) -> None:
        super().__init__()
        layers: list[nn.Module] = [Normalise()]
        inputs = 3
        for outputs in (128, 256, 512):
            for pool in (False, True):
                layers.append(BinaryConv2d(inputs, outputs, 3, padding=1))
                layers += [nn.MaxPool2d(2)] if pool else []
                layers += [nn.BatchNorm2d(outputs), Sign(activation_gradient)]
                inputs = outputs
        layers.append(nn.Flatten())
        inputs *= 4 * 4
        for outputs in (1024, 1024):
            layers += [BinaryDense(inputs, outputs), nn.BatchNorm1d(outputs), Sign(activation_gradient)]
            inputs = outputs
        self.layers = nn.Sequential(*layers, BinaryDense(inputs, 10), nn.BatchNorm1d(10))

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, 32, 32) -> (b, 10)."""
        logits: Tensor = self.layers(x)
        return logits
