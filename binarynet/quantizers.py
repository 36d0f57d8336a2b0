"""The sign, the two surrogate gradients of sign activations, and functions that round alike in any company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

GRADIENTS = ("clip", "bireal")
VECTOR = 16
"""How many single-precision numbers the longest vector of any processor holds."""


def sign(x: Tensor) -> Tensor:
    """-1 or +1, never 0: the sign bit of x, so that +0 gives +1 and -0 gives -1."""
    return torch.copysign(torch.ones((), dtype=x.dtype, device=x.device), x)


def follow_sign_(binary: Tensor, value: Tensor, times: float = 1.0) -> None:
    """Set `binary`, in place, to the sign of `times * value`, -1 or +1; where the product is 0 it stays.

    A product smaller than the smallest normal number of its type counts as 0.
    """
    binary.mul_(torch.finfo(binary.dtype).tiny).add_(value, alpha=times)
    torch.copysign(torch.ones((), dtype=binary.dtype, device=binary.device), binary, out=binary)


def whole_vectors(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply an elementwise function to x (k, ...) so that a trial's values do not depend on its company.

    Processors compute exp, tanh and pow a vector at a time, and the numbers left over one by one, with another
    rounding. So each trial's numbers are padded to whole vectors first.
    """
    flat = x.reshape(len(x), -1)
    padding = -flat.shape[1] % VECTOR
    padded = torch.nn.functional.pad(flat, (0, padding)).contiguous() if padding else flat.contiguous()
    return function(padded)[:, : flat.shape[1]].reshape(x.shape)


class _ClipSign(torch.autograd.Function):
    """f(x) = sign(x); df/dx := 1 where |x| < 1, else 0 (Hubara et al. 2016, eq. 4)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return sign(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradients[0], x, -1.0, 1.0)  # type: ignore[no-any-return]


class _BiRealSign(torch.autograd.Function):
    """f(x) = sign(x); df/dx := 2 - 2|x| where |x| < 1, else 0 (Liu et al. 2018, eq. 6)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return sign(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        slope: Tensor = x.abs().mul_(-2.0).add_(2.0).clamp_(min=0.0)
        return gradients[0] * slope


def sign_activation(x: Tensor, gradient: str) -> Tensor:
    """Sign of an activation of any shape.

    Args:
        x: real activations.
        gradient: "clip", the derivative of hardtanh (BinaryNet), or "bireal", that of the piecewise
            quadratic that is closer to the sign (Bi-Real net).
    """
    if gradient == "clip":
        return _ClipSign.apply(x)  # type: ignore[no-any-return, no-untyped-call]
    if gradient == "bireal":
        return _BiRealSign.apply(x)  # type: ignore[no-any-return, no-untyped-call]
    raise ValueError(f"gradient is one of {GRADIENTS}, got {gradient!r}")
