"""RBNN (Lin, Ji, Xu, Zhang, Wang, Wu, Huang and Lin 2020): weights are rotated towards their signs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from binarynet.latent_sgd import LatentSgd, Standardised
from binarynet.method import Hyperparameters, State
from binarynet.quantizers import parabola_slope, rising, sign, whole_vectors

SHARPNESS = (1e-2, 1e1)
"""t at the start and at the end of training; it rises along a logarithmic scale."""
ALTERNATIONS = 3


@dataclass(frozen=True)
class Rbnn(LatentSgd):
    """The binary weight is the sign of a standardised one on the way to its rotation.

    x = (w - mean w) / std w over the output channel, as a matrix X of a rows and a' columns, a a' = n, a <= a'
    y = x + |sin b| (R1' X R2 - x),    weight = sign(y)
    d sign(y) / d y := k max(0, sqrt(2) t - t^2 |y|),    k = max(1 / t, 1)

    R1 and R2 are rotations that a layer's channels share. They begin at random. Before each epoch they are turned three
    times towards the signs S = sign(R1' X R2): R1 = V U' of sum S R2' X' = U D V', then R2 = U V' of sum X' R1 S = U D
    V' (the sums run over channels). b, one a channel, is learned with the weights by the same SGD, decay included; it
    begins at pi / 2, the whole rotation.

    The gradient is that of y with the rotations held constant: (1 - |sin b|) q + |sin b| R1 Q R2' for q at y. The
    authors' code takes the rotated weights as constants too; what is left is 1 - |sin b| of q, nothing at all at the
    start, and only the decay of b lets weights move. The authors train 1,000 epochs by SGD at 0.1 with a warm-up,
    momentum 0.9 and weight decay 1e-4. Left out are their scale behind each convolution, which batch norm takes away,
    the standardisation of activations, and batch norm's scales, which start at 1e-8 there. t moves with each step,
    theirs once an epoch.

    own_activations: sign activations have this estimator too, with k = 1 and t of at least 1; else the task's.
    """

    own_activations: bool = False

    @property
    def activation(self) -> str | None:
        """RBNN's, if asked for."""
        return "rbnn" if self.own_activations else None

    def start_layer(self, shape: Sequence[int], generators: Sequence[Generator]) -> State:
        """Random rotations, (k, a, a) and (k, a', a'), and angles, (k, out, 1, ...)."""
        rows, columns = _sides(math.prod(shape[1:]))
        angle = torch.full((len(generators), shape[0], *[1] * (len(shape) - 1)), math.pi / 2, dtype=torch.float64)
        drawn = [(_rotation(rows, g), _rotation(columns, g)) for g in generators]
        left, right = (torch.stack(matrices) for matrices in zip(*drawn, strict=True))
        return {"left": left, "right": right, "angle": angle, "angle_momentum": torch.zeros_like(angle)}

    def begin_epoch(self, state: State, h: Hyperparameters) -> None:  # noqa: ARG002
        """Turn the rotations towards the signs."""
        x = Standardised(state["latent"]).weights.nan_to_num(0.0, 0.0, 0.0)  # of a trial that has diverged
        for trial, (left, right) in enumerate(zip(state["left"], state["right"], strict=True)):
            turned = _turned(_matrices(x[trial]).double(), left.double(), right.double())
            left.copy_(turned[0])
            right.copy_(turned[1])

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The signs on the way."""
        x = Standardised(state["latent"]).weights
        return sign(_on_the_way(x, _rotated(x, state), state["angle"]))

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient through the estimator, the rotation and the standardisation; the angles take their own step."""
        standard, angle = Standardised(state["latent"]), state["angle"]
        x = standard.weights
        rotated = _rotated(x, state)
        t = rising(h["progress"], *SHARPNESS)
        slope = (1 / t).clamp(min=1.0) * parabola_slope(_on_the_way(x, rotated, angle), t)
        at_y, sine = gradient * slope, whole_vectors(torch.sin, angle)
        passed = at_y + sine.abs() * (_rotated(at_y, state, back=True) - at_y)
        axes = tuple(range(2, x.dim()))
        along = whole_vectors(torch.cos, angle) * sine.sign() * (at_y * (rotated - x)).sum(dim=axes, keepdim=True)
        momentum, rate = state["angle_momentum"], h["learning_rate"]
        momentum.lerp_(along, h["momentum"])
        angle.mul_(1 - rate * h["weight_decay"]).addcmul_(momentum, rate, value=-1)
        return standard.through(passed)


def _sides(n: int) -> tuple[int, int]:
    """The largest divisor of n that is no larger than its root, and the other side."""
    rows = next(d for d in range(math.isqrt(n), 0, -1) if n % d == 0)
    return rows, n // rows


def _rotation(size: int, generator: Generator) -> Tensor:
    """A random orthogonal matrix, uniformly distributed (Mezzadri 2007)."""
    q, r = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    rotation: Tensor = q * sign(r.diagonal())
    return rotation


def _matrices(x: Tensor) -> Tensor:
    """One trial's weights (out, in, ...) as matrices (out, a, a')."""
    return x.reshape(len(x), *_sides(x[0].numel()))


def _on_the_way(x: Tensor, rotated: Tensor, angle: Tensor) -> Tensor:
    return x + whole_vectors(torch.sin, angle).abs() * (rotated - x)


def _rotated(x: Tensor, state: State, *, back: bool = False) -> Tensor:
    """R1' X R2 of each channel; with `back`, R1 X R2', which undoes it. x is (k, out, in, ...).

    One trial after the other, each from the beginning of memory of its own: products round by a matrix's place.
    """
    turn: Callable[[Tensor], Tensor] = (lambda m: m.mT.clone()) if back else (lambda m: m.clone())
    return torch.stack(
        [
            (turn(left).mT @ _matrices(one.clone()) @ turn(right)).view(one.shape)
            for one, left, right in zip(x, state["left"], state["right"], strict=True)
        ]
    )


def _turned(x: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """One trial's rotations, turned towards the signs of the rotated channels (out, a, a')."""
    for _ in range(ALTERNATIONS):
        signs = sign(left.mT @ x @ right)
        u, _, vh = torch.linalg.svd((signs @ right.mT @ x.mT).sum(dim=0))
        left = vh.mT @ u.mT
        u, _, vh = torch.linalg.svd((x.mT @ left @ signs).sum(dim=0))
        right = u @ vh
    return left, right


METHOD = Rbnn()
