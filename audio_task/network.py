"""The fully connected network: four layers with batch norm, the first of them real-valued."""

from __future__ import annotations

from torch import Tensor, nn

from binarynet.layers import BatchNorm, BinaryLinear, Linear, Sign


class Perceptron(nn.Module):
    """k networks: inputs - width - width - width - 10, with batch norm after each layer and signs between layers."""

    def __init__(self, k: int, inputs: int, width: int, activation_gradient: str, classes: int = 10) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Linear(k, inputs, width),
            BatchNorm(k, width),
            Sign(activation_gradient),
            BinaryLinear(k, width, width),
            BatchNorm(k, width),
            Sign(activation_gradient),
            BinaryLinear(k, width, width),
            BatchNorm(k, width),
            Sign(activation_gradient),
            BinaryLinear(k, width, classes),
            BatchNorm(k, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(k, b, inputs) -> logits (k, classes, b)."""
        logits: Tensor = self.layers(x.transpose(1, 2))
        return logits
