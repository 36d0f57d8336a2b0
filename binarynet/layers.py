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
    """

    def __init__(self, k: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(k, outputs, inputs))
        self.multiply = torch.float32
        self.operand: Tensor | None = None

    def start(self, generators: Sequence[Generator]) -> None:
        """Normal weights of variance 2 / inputs (He et al. 2015)."""
        _, outputs, inputs = self.weight.shape
        with torch.no_grad():
            self.weight.copy_(draw((outputs, inputs), generators) * (2.0 / inputs) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply in the precision `multiply`; the product has the precision of the weights."""
        factor = x.to(self.multiply)
        operand = self.weight.detach().to(self.multiply) if self.operand is None else self.operand
        if torch.is_grad_enabled():
            return _RoundedProduct.apply(factor, self.weight, operand)  # type: ignore[no-any-return, no-untyped-call]
        if factor.stride(0) == 0 and factor.dtype is torch.bfloat16:
            # Inputs that all trials share are one product, 2.5 times as fast. Its bits do not depend on k; those of
            # other types may, and it is no faster in them.
            return torch.mm(operand.flatten(0, 1), factor[0]).view(len(operand), -1, x.shape[-1]).to(self.weight.dtype)
        return torch.bmm(operand, factor).to(self.weight.dtype)


class _RoundedProduct(torch.autograd.Function):
    """The product of `Linear` with its operand, whose gradient is that of its weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, operand: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.operand, ctx.dtype = operand, weight.dtype  # not saved: it is changed in place between steps
        return torch.bmm(operand, x).to(weight.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None]:
        (x,), gradient = ctx.saved_tensors, gradients[0].to(ctx.operand.dtype)
        back = torch.bmm(ctx.operand.transpose(1, 2), gradient) if ctx.needs_input_grad[0] else None
        return back, torch.bmm(gradient, x.transpose(1, 2)).to(ctx.dtype), None


class BinaryLinear(Linear):
    """k linear maps whose weights a training method sets before every step.

    The optimizer of the real parameters leaves `weight` alone; its `.grad` goes to the method. In memory the trials'
    slices of `weight` are apart from each other: it takes `reshape`, not `view`.
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
        if self.training and x.shape[-1] == 1:
            raise ValueError("batch norm has nothing to normalise over in a batch of one: let batches have two or more")
        return _Normalised.apply(x, self.weight, self.bias, self)  # type: ignore[no-any-return, no-untyped-call]


class _Normalised(torch.autograd.Function):
    """torch's batch norm, and its gradient, on contiguous rows: over others its kernels sum in an order that k changes.

    Both are called as they are: what torch's function has around them costs a small network as much as themselves.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, layer: BatchNorm) -> Tensor:
        rows = x.contiguous().view(1, -1, x.shape[-1])
        running = layer.running_mean.view(-1), layer.running_variance.view(-1)
        normalised, *statistics = torch.native_batch_norm(
            rows, weight.view(-1), bias.view(-1), *running, layer.training, layer.momentum, layer.epsilon
        )
        ctx.save_for_backward(rows, weight, *statistics, *running)
        ctx.settings = layer.training, layer.epsilon
        return normalised.view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        rows, weight, mean, deviation, *running = ctx.saved_tensors
        gradient, shape = gradients[0].contiguous(), gradients[0].shape
        of_rows, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient.view(rows.shape), rows, weight.view(-1), *running, mean, deviation, *ctx.settings, [True] * 3
        )
        return of_rows.view(shape), of_weight.view(weight.shape), of_bias.view(weight.shape), None


class Sign(nn.Module):
    """Sign activation with a surrogate gradient: "clip" or "bireal", as the network asks, or a method's own."""

    def __init__(self, gradient: str) -> None:
        super().__init__()
        self.gradient = gradient
        self.progress: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Signs, -1 or +1, of x of any shape."""
        return sign_activation(x, self.gradient, self.progress)
