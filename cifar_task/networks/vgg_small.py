"""VGG-Small (Zhang et al. 2018), as in IR-Net (Qin et al. 2020): first convolution and linear layer are real."""

from __future__ import annotations

from torch import Tensor, nn

from binarynet.layers import Sign
from binarynet.stacked import BinaryConv2d
from cifar_task.images import Normalise


class Network(nn.Module):
    """128 - 128 - MP2 - 256 - 256 - MP2 - 512 - 512 - MP2 - 10: 4,571,136 binary weights.

    Batch norm follows each convolution, after the pool if there is one. Hardtanh bounds what the linear layer sees,
    as in IR-Net; before a sign it would change nothing.
    """

    def __init__(self, activation_gradient: str) -> None:
        super().__init__()
        layers: list[nn.Module] = [Normalise(), nn.Conv2d(3, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128)]
        inputs = 128
        for outputs, pool in ((128, True), (256, False), (256, True), (512, False), (512, True)):
            layers += [Sign(activation_gradient), BinaryConv2d(inputs, outputs, 3, padding=1)]
            layers += [nn.MaxPool2d(2)] if pool else []
            layers.append(nn.BatchNorm2d(outputs))
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Hardtanh(), nn.Flatten(), nn.Linear(4 * 4 * 512, 10))

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, 32, 32) -> (b, 10)."""
        logits: Tensor = self.layers(x)
        return logits
