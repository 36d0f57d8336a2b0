"""DSQ (Gong, Liu, Jiang, Li, Hu, Lin, Yu and Yan 2019) at one bit: the slope of a tanh whose steepness is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from binarynet.latent_sgd import LatentSgd
from binarynet.method import Hyperparameters, State
from binarynet.quantizers import sign, whole_vectors

BOUNDS = (1e-3, 0.999)
"""Where a is kept, which is ours: at 0 the slope is infinite, and beyond 1 it is that of no tanh."""


@dataclass(frozen=True)
class Dsq(LatentSgd):
    """weight = U sign(w);  d sign(w) / d w := s K (1 - tanh^2(K w)),  s = 1 / (1 - a),  K = ln(2 / a - 1) / (2 U).

    U is the largest |w| of the layer, so that the soft sign s tanh(K w) runs from -1 to 1 over the layer's weights; it
    counts as a constant. a is one number a layer. It begins at `softness` and is learned with the weights, by the same
    SGD, unless `learned` is off. Near 1 it is the straight-through estimator, near 0 a narrow peak.

    There is no code by the authors. The equations are those of an unofficial one (ricky40403/DSQ), whose one interval
    between two learned bounds becomes this where the bounds are +-U; that one also begins at 0.2. MQBench, of the
    authors' company, holds a at 0.4. The estimator for activations is left out.
    """

    softness: float = 0.2
    learned: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not BOUNDS[0] <= self.softness <= BOUNDS[1]:
            raise ValueError(f"softness must be {BOUNDS[0]} to {BOUNDS[1]}, got {self.softness}")

    def start_layer(self, shape: Sequence[int], generators: Sequence[Generator]) -> State:
        """a, and the average of its gradients."""
        a = torch.full((len(generators), *[1] * len(shape)), self.softness, dtype=torch.float64)
        return {"softness": a, "softness_momentum": torch.zeros_like(a)}

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """The scaled signs."""
        latent = state["latent"]
        return sign(latent) * _largest(latent)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient through the soft sign; a takes its own step."""
        latent, a = state["latent"], state["softness"]
        largest, axes = _largest(latent), tuple(range(1, latent.dim()))
        steepness = whole_vectors(torch.log, 2 / a - 1) / (2 * largest)
        soft = whole_vectors(torch.tanh, steepness * latent)
        scaled, slope, s = gradient * largest, 1 - soft.square(), 1 / (1 - a)
        passed = scaled * s * steepness * slope
        if self.learned:
            # d s / d a = s^2, and d K / d a = -2 / (a (2 - a)) / (2 U).
            along = s.square() * soft - s * slope * latent * (2 / (a * (2 - a))) / (2 * largest)
            momentum, rate = state["softness_momentum"], h["learning_rate"]
            momentum.lerp_((scaled * along).sum(dim=axes, keepdim=True), h["momentum"])
            a.mul_(1 - rate * h["weight_decay"]).addcmul_(momentum, rate, value=-1).clamp_(*BOUNDS)
        return passed


def _largest(latent: Tensor) -> Tensor:
    """The largest magnitude in each trial's layer, (k, 1, ...); 1 where all are 0."""
    largest = latent.abs().amax(dim=tuple(range(1, latent.dim())), keepdim=True)
    return torch.where(largest > 0, largest, torch.ones_like(largest))


METHOD = Dsq()
