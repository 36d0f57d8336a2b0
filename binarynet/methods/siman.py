"""SiMaN (Lin et al. 2022): half of each channel's weights, those of large magnitude, are +1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from binarynet.latent_sgd import SEARCHED, LatentSgd, Standardised
from binarynet.method import Hyperparameters, State
from hpsearch.contracts.space import Space

CUT = 0.15
"""Share of a layer's magnitudes that is clipped at either end, at the start of training; it falls to 0 along a line."""


@dataclass(frozen=True)
class SiMaN(LatentSgd):
    """The binary weight is +1 where |x| exceeds the median of its output channel, else -1; the sign of x plays no part.

    w := sign(w') clip(|w'|, L, H),    w' = w - mean w over the channel
    x = (w - mean w) / std w,    weight = +1 where |x| > median |x|, else -1

    L and H are the quantiles p and 1 - p of the layer's |w'|, with p = 0.15 (1 - t) at a share t of the training.

    As in the authors' code the clipped weights replace the latent ones at every step, the gradient is that of |x|, and
    binary layers have no weight decay. The median is the lower of the two in the middle. The authors train 400 epochs
    by SGD at 0.1 with a warm-up and momentum 0.9. Left out are their scale behind each convolution, which batch norm
    takes away, the standardisation of activations, and the 1e-5 that they add to the variance. They change p once an
    epoch and evaluate with the weights of the last step; here p falls with each step, and evaluation is after the last.
    """

    space: Space = Space(tuple(parameter for parameter in SEARCHED if parameter.name != "weight_decay"))

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:  # noqa: ARG002
        """+1 for the larger half of each channel's magnitudes."""
        magnitudes = Standardised(_clipped(state["latent"], h["progress"])).weights.abs()
        flat = magnitudes.flatten(2)
        larger = flat > flat.median(dim=2, keepdim=True).values
        return (2 * larger.to(flat.dtype) - 1).view(magnitudes.shape)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """The gradient of |x| through the standardisation; the latent weights become the clipped ones."""
        latent = state["latent"]
        latent.copy_(_clipped(latent, h["progress"]))
        standard = Standardised(latent)
        return standard.through(gradient * standard.weights.sign())

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step of SGD without decay."""
        momentum = state["momentum"].lerp_(gradient, h["momentum"])
        state["latent"].addcmul_(momentum, h["learning_rate"], value=-1)


def _clipped(latent: Tensor, progress: Tensor) -> Tensor:
    """Centred weights whose magnitudes lie between two quantiles of their layer's."""
    centred = latent - latent.mean(dim=tuple(range(2, latent.dim())), keepdim=True)
    magnitudes = centred.abs()
    ordered = magnitudes.flatten(1).sort(dim=1).values
    # The trials of a pack are equally far, so that one share holds for all.
    share = CUT * (1 - progress.flatten()[:1])
    low, high = (_quantile(ordered, q).view(-1, *[1] * (latent.dim() - 1)) for q in (share, 1 - share))
    return torch.copysign(torch.clamp(magnitudes, low, high), centred)


def _quantile(ordered: Tensor, share: Tensor) -> Tensor:
    """A quantile of each trial's sorted numbers (k, n), (k,), on the line between its two neighbours."""
    place = share * (ordered.shape[1] - 1)
    below = place.floor()
    low = ordered.index_select(1, below.long())[:, 0]
    high = ordered.index_select(1, place.ceil().long())[:, 0]
    return low + (high - low) * (place - below)


METHOD = SiMaN()
