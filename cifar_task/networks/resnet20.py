"""ResNet-20 as IR-Net (Qin et al. 2020) binarises it, and ReCU, RBNN and BiPer after it."""

from __future__ import annotations

from torch import Tensor, nn

from cifar_task.images import Normalise
from cifar_task.networks.bireal20 import CONVOLUTIONS, WIDTHS, Residual


class Network(nn.Module):
    """Bi-Real-20 with hardtanh after each sum and batch norm before the linear layer: 267,264 binary weights.

    Left out are what ReCU and BiPer do to activations before their sign, and their average pools in the shortcuts.
    """

    def __init__(self, activation_gradient: str) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs = WIDTHS[0]
        for outputs in WIDTHS:
            for _ in range(CONVOLUTIONS):
                blocks += [Residual(inputs, outputs, activation_gradient), nn.Hardtanh()]
                inputs = outputs
        self.first = nn.Sequential(
            Normalise(), nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.Hardtanh()
        )
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, 10))

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, 32, 32) -> (b, 10)."""
        logits: Tensor = self.last(self.blocks(self.first(x)).mean(dim=(2, 3)))
        return logits
