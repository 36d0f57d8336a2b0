"""BD-BNN (Rozen, Kimhi, Chmiel, Mendelson and Baskin 2022): a kurtosis term makes latent weights bimodal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from binarynet.latent_sgd import SEARCHED
from binarynet.method import Hyperparameters, State
from binarynet.methods.irnet import IrNet
from hpsearch.contracts.space import Float, Space


@dataclass(frozen=True)
class BdBnn(IrNet):
    """IR-Net with one more term in the loss for each layer: penalty (K - target)^2.

    K = mean z^4,  z = (w - mean w) / std w over the whole layer: 3 for normal weights, 1.8 for uniform ones, 1 for two
    values. The authors take a mean over the layers, times 1: a penalty of 1 / their number here. Their code holds the
    term, its target of 1.8 and the sharpness t, 1e-2 to 10, of its estimator, but neither that nor the quantiser;
    IR-Net's are ours to take. Their teacher, a network of real weights, is left out.
    """

    # Ours: two decades to either side of what the authors' 1 is for three layers.
    space: Space = Space((*SEARCHED, Float("penalty", 3e-3, 3e1, log=True)))
    target: float = 1.8
    sharpness: ClassVar[tuple[float, float]] = (1e-2, 1e1)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """IR-Net's gradient, and the kurtosis term's."""
        return super().gradient(state, gradient, h) + h["penalty"] * self._pull(state["latent"])

    def _pull(self, latent: Tensor) -> Tensor:
        """The derivative of (K - target)^2 by each latent weight; 0 where a layer's weights are equal."""
        axes, n = tuple(range(1, latent.dim())), latent[0].numel()
        centred = latent - latent.mean(dim=axes, keepdim=True)
        deviation = (centred.square().sum(dim=axes, keepdim=True) / max(1, n - 1)).sqrt()
        z = centred / deviation.masked_fill(deviation == 0, 1.0)
        cubes = z * z.square()
        kurtosis = z.square().square().mean(dim=axes, keepdim=True)
        of_kurtosis = 4 / n * (cubes - cubes.mean(dim=axes, keepdim=True) - z * kurtosis * (n / max(1, n - 1)))
        found = 2 * (kurtosis - self.target) * of_kurtosis / deviation.masked_fill(deviation == 0, 1.0)
        return found.masked_fill(deviation == 0, 0.0)


METHOD = BdBnn()
