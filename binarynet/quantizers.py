"""The sign, the surrogate gradients of sign activations, and functions that round alike in any company."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

GRADIENTS = ("clip", "bireal", "irnet", "rbnn")
"""Surrogate gradients of sign activations; the last two sharpen over the training, and belong to methods."""
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


def rising(progress: Tensor, start: float, end: float) -> Tensor:
    """From `start` to `end` along a logarithmic scale, at a share of the training of any shape (k, ...) or ()."""
    first, last = math.log(start), math.log(end)
    exponent = first + (last - first) * progress
    return whole_vectors(torch.exp, exponent) if exponent.dim() else exponent.exp()


def tanh_slope(x: Tensor, t: Tensor) -> Tensor:
    """K t (1 - tanh^2(t x)), k = max(1 / t, 1): IR-Net's estimator (Qin et al. 2020) at sharpness t."""
    return t.clamp(min=1.0) * (1 - whole_vectors(torch.tanh, t * x).square())  # k t = max(1, t)


def parabola_slope(x: Tensor, t: Tensor) -> Tensor:
    """max(0, sqrt(2) t - t^2 |x|): RBNN's estimator (Lin et al. 2020) at sharpness t, without its factor k."""
    return (math.sqrt(2) * t - t.square() * x.abs()).clamp(min=0.0)


SHARPENING: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "irnet": lambda x, progress: tanh_slope(x, rising(progress, 1e-3, 1e1)),
    "rbnn": lambda x, progress: parabola_slope(x, rising(progress, 1e-2, 1e1).clamp(min=1.0)),
}
"""Slopes of sign activations (x, share of the training that lies behind). RBNN's code has no k and t >= 1 for them."""


class _SharpeningSign(torch.autograd.Function):
    """f(x) = sign(x); df/dx := a slope in SHARPENING."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gradient: str, progress: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        ctx.gradient, ctx.progress = gradient, progress  # not saved: it moves in place between steps
        return sign(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return gradients[0] * SHARPENING[ctx.gradient](x, ctx.progress), None, None


def sign_activation(x: Tensor, gradient: str, progress: Tensor | None = None) -> Tensor:
    """Sign of an activation of any shape.

    Args:
        x: real activations.
        gradient: "clip", the derivative of hardtanh (BinaryNet); "bireal", that of the piecewise quadratic that is
            closer to the sign (Bi-Real net); or "irnet" or "rbnn", which sharpen over the training.
        progress: for the last two, the share of the training that lies behind, without dimensions.
    """
    if gradient == "clip":
        return _ClipSign.apply(x)  # type: ignore[no-any-return, no-untyped-call]
    if gradient == "bireal":
        return _BiRealSign.apply(x)  # type: ignore[no-any-return, no-untyped-call]
    if gradient in SHARPENING and progress is not None:
        return _SharpeningSign.apply(x, gradient, progress)  # type: ignore[no-any-return, no-untyped-call]
    raise ValueError(f"gradient is one of {GRADIENTS}, got {gradient!r}")
