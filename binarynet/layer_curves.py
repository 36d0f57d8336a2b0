"""What happens in each binary layer, as curves: they tell why a method's verdict is what it is."""

from __future__ import annotations

import torch
from torch import Tensor

from binarynet.weights import BinaryWeights


class LayerCurves:
    """Three curves for each binary layer, with one value per epoch and trial.

    effective_rank: of the layer's weights (out, n) as it is evaluated, the exponential of the entropy of its singular
        values as shares of their sum (Roy and Vetterli 2007): from 1 to the smaller side.
    flip_ratio: the mean over updates of the share of its weights that change sign, as in the curve of all layers.
    gradient_rms: the root mean square, over updates and weights, of the loss's gradient at its weights.

    Args:
        weights: the binary weights of a pack.
        epochs: how many there will be.
        steps: updates in each.
    """

    def __init__(self, weights: BinaryWeights, epochs: int, steps: int) -> None:
        self.weights, self.steps = weights, steps
        k, layers, place = len(weights.flips), len(weights.weights), weights.flips.device
        weights.layer_flips = self._flips = torch.zeros(layers, k, dtype=torch.int64, device=place)
        self._squares = torch.zeros(layers, k, dtype=torch.float64, device=place)
        names = ("effective_rank", "flip_ratio", "gradient_rms")
        self._curves = {name: torch.zeros(epochs, layers, k, dtype=torch.float64, device=place) for name in names}

    @torch.no_grad()
    def begin(self) -> None:
        """Begin an epoch."""
        self._flips.zero_()
        self._squares.zero_()

    @torch.no_grad()
    def learned(self) -> None:
        """Note the gradients that a step's loss has at the weights."""
        for number, weight in enumerate(self.weights.weights):
            if weight.grad is not None:
                self._squares[number] += weight.grad.square().flatten(1).mean(dim=1)

    @torch.no_grad()
    def end(self, epoch: int) -> None:
        """Note the epoch's values; the network has the weights that it is evaluated with."""
        self._curves["gradient_rms"][epoch] = (self._squares / self.steps).sqrt()
        for number, weight in enumerate(self.weights.weights):
            self._curves["flip_ratio"][epoch, number] = self._flips[number].double() / (weight[0].numel() * self.steps)
            for trial, one in enumerate(weight):  # one after the other: products round by a matrix's place
                self._curves["effective_rank"][epoch, number, trial] = effective_rank(one.flatten(1))

    def of_trials(self) -> list[dict[str, list[float]]]:
        """Each trial's curves by name: flip_ratio_1 is the first layer's."""
        return [
            {
                f"{name}_{number + 1}": values[:, number, trial].tolist()
                for number in range(len(self.weights.weights))
                for name, values in self._curves.items()
            }
            for trial in range(len(self.weights.flips))
        ]


def effective_rank(matrix: Tensor) -> Tensor:
    """The exponential of the entropy of a matrix's singular values as shares of their sum; 1 if all are 0.

    From 1, where all rows are multiples of one, to the smaller side, where all singular values are equal. It is NaN for
    a matrix that is not finite, as of a trial that has diverged.
    """
    if not matrix.isfinite().all():
        return torch.full((), torch.nan, dtype=torch.float64, device=matrix.device)
    values = torch.linalg.svdvals(matrix.double())
    shares = values / values.sum().clamp(min=torch.finfo(torch.float64).tiny)
    entropy: Tensor = torch.special.entr(shares).sum()
    return entropy.exp()
