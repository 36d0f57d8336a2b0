"""Packed layers: k networks of one shape side by side, every parameter with a leading axis of k.

Activations are (k, features, batch): a feature's examples lie next to each other, so that batch norm
over the pack is one native call on contiguous rows and a trial's numbers do not depend on its company.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from binarynet.quantizers import sign_activation


def draw(shape: Sequence[int], generators: Sequence[Generator]) -> Tensor:
    """Standard normal numbers in double precision, shape (k, *shape): each trial's from its own generator."""
    return torch.stack([torch.randn(*shape, generator=g, dtype=torch.float64) for g in generators])


class Linear(nn.Module):
    """k real-valued linear maps without bias (batch norm follows): (k, inputs, b) -> (k, outputs, b).

    Attributes:
        multiply: the type of the product's operands.
        operand: the weights in that type, for whoever keeps them so: then no product has to convert them.
        velocity: a tensor that becomes `momentum` times itself plus the gradient, for an optimizer; if None, the
            gradient goes to `weight.grad`.
    """

    def __init__(self, k: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(k, outputs, inputs))
        self.multiply = torch.float32
        self.operand: Tensor | None = None
        self.velocity: Tensor | None = None
        self.momentum = 0.0

    def start(self, generators: Sequence[Generator]) -> None:
        """Normal weights of variance 2 / inputs (He et al. 2015)."""
        _, outputs, inputs = self.weight.shape
        with torch.no_grad():
            self.weight.copy_(draw((outputs, inputs), generators) * (2.0 / inputs) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply in the precision `multiply`; the product has the precision of the weights."""
        operand = self.weight.to(self.multiply) if self.operand is None else self.operand
        if self.velocity is not None and torch.is_grad_enabled():
            return _AccumulatingProduct.apply(x.to(self.multiply), self.weight, operand, self)  # type: ignore[no-any-return, no-untyped-call]
        return torch.bmm(operand, x.to(self.multiply)).to(self.weight.dtype)


class _AccumulatingProduct(torch.autograd.Function):
    """The product of `Linear`, whose weight gradient goes into the layer's velocity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, operand: Tensor, layer: Linear) -> Tensor:
        ctx.save_for_backward(x, operand)
        ctx.layer = layer
        return torch.bmm(operand, x).to(weight.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, None]:
        (x, operand), velocity, momentum = ctx.saved_tensors, ctx.layer.velocity, ctx.layer.momentum
        gradient = gradients[0].to(x.dtype)
        if x.dtype == velocity.dtype:
            velocity.baddbmm_(gradient, x.transpose(1, 2), beta=momentum)
        else:
            # Converted first: an addition of two types takes as long again.
            of_weight = torch.bmm(gradient, x.transpose(1, 2)).to(velocity.dtype)
            torch.add(of_weight, velocity, alpha=momentum, out=velocity)
        back = torch.bmm(operand.transpose(1, 2), gradient) if ctx.needs_input_grad[0] else None
        return back, None, None, None


class BinaryLinear(Linear):
    """k linear maps whose weights a training method sets before every step.

    The optimizer of the real parameters leaves `weight` alone; its `.grad` goes to the method.
    """

    def start(self, generators: Sequence[Generator]) -> None:
        """Draw nothing: the method has the weights."""


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
            raise ValueError(f"batch norm takes (k, features, b) only, got {tuple(x.shape)}")
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
    """The identity, but its gradient reaches batch norm contiguous: backward has the same trap as forward."""

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
        """Signs, -1 or +1, of x of any shape."""
        return sign_activation(x, self.gradient)
