"""Packed layers: k networks of one shape side by side, every parameter with a leading axis of k.

Activations are (k, features, batch): a feature's examples lie next to each other, so that batch norm
over the pack is one native call on contiguous rows and a trial's numbers do not depend on its company.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from binarynet.quantizers import sign_activation


def draw(shape: Sequence[int], generators: Sequence[Generator]) -> Tensor:
    """Standard normal numbers in double precision, shape (k, *shape): each trial's from its own generator."""
    return torch.stack([torch.randn(*shape, generator=g, dtype=torch.float64) for g in generators])


class Linear(nn.Module):
    """k real-valued linear maps without bias (batch norm follows): (k, inputs, b) -> (k, outputs, b)."""

    def __init__(self, k: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(k, outputs, inputs))
        self.multiply = torch.float32

    def start(self, generators: Sequence[Generator]) -> None:
        """Normal weights of variance 2 / inputs (He et al. 2015)."""
        _, outputs, inputs = self.weight.shape
        with torch.no_grad():
            self.weight.copy_(draw((outputs, inputs), generators) * (2.0 / inputs) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Operands in the precision `multiply`, the product in that of the weights."""
        return torch.bmm(self.weight.to(self.multiply), x.to(self.multiply)).to(self.weight.dtype)


class BinaryLinear(Linear):
    """k linear maps whose weights a training method sets before every step.

    The optimizer of the real parameters leaves `weight` alone; its `.grad` goes to the method.
    """

    def start(self, generators: Sequence[Generator]) -> None:
        """Nothing is drawn here: the method has the weights."""


class BatchNorm(nn.Module):
    """Batch norm of k networks (Ioffe and Szegedy 2015), one native call on (1, k * features, b)."""

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, k: int, features: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.weight = nn.Parameter(torch.ones(k, features))
        self.bias = nn.Parameter(torch.zeros(k, features))
        self.register_buffer("running_mean", torch.zeros(k, features))
        self.register_buffer("running_variance", torch.ones(k, features))

    def forward(self, x: Tensor) -> Tensor:
        """(k, features, b) -> the same shape, normalised over b."""
        if x.dim() != 3:
            raise ValueError(f"batch norm over (k, features, b) only, got {tuple(x.shape)}")
        # Over a transposed view the kernel sums in another order when k changes.
        rows = x.contiguous().view(1, -1, x.shape[-1])
        normalised = torch.nn.functional.batch_norm(
            rows,
            self.running_mean.view(-1),
            self.running_variance.view(-1),
            self.weight.view(-1),
            self.bias.view(-1),
            self.training,
            self.momentum,
            self.epsilon,
        )
        return _ContiguousGradient.apply(normalised).view(x.shape)  # type: ignore[no-any-return, no-untyped-call]


class _ContiguousGradient(torch.autograd.Function):
    """The identity, whose gradient reaches batch norm contiguous: the same trap on the way back."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:  # noqa: ARG004
        return x.view_as(x)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return gradients[0].contiguous()


class Sign(nn.Module):
    """Sign activation with the surrogate gradient "clip" or "bireal"."""

    def __init__(self, gradient: str) -> None:
        super().__init__()
        self.gradient = gradient

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same shape, of -1 and +1."""
        return sign_activation(x, self.gradient)
