"""The binary weights of a packed network and the method that moves them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Generator, Tensor, nn

from binarynet.layers import BinaryLinear, draw
from binarynet.method import BinaryMethod, Hyperparameters, State
from binarynet.quantizers import VECTOR
from binarynet.schedules import factors
from binarynet.stacked import Stacked
from hpsearch.contracts.space import Configuration

INTEGERS = {torch.float32: (torch.int32, 31), torch.float64: (torch.int64, 63)}
"""For each type, integers of the same size, and how far their sign bit is from the last bit."""


class BinaryWeights:
    """State of a method for all binary layers of a pack.

    Each tensor of the state is one flat (k, n) over all layers, so that `update` is one elementwise pass, and so are
    the layers' weights and their gradients. `weights` and `gradient` see views of it that have the layers' own shapes.
    Each layer's slice of a trial is padded to whole vectors, so that no number's rounding in `update` depends on its
    place in a vector. The views leave the padding out: sums, products and means round alike without it; for exp and the
    like there is `whole_vectors`.

    Attributes:
        flips: how many signs have changed since it was last set to 0, (k,).
        layer_flips: the same of each layer, (layers, k), for whoever puts zeros there; None counts nothing.
    """

    def __init__(
        self,
        network: nn.Module,
        method: BinaryMethod,
        h: Hyperparameters,
        noise: Tensor,
        generators: Sequence[Generator],
    ) -> None:
        """Start the method from `noise`, (k, n), as `start_noise` draws it for the network's binary weights.

        What a layer's own state needs besides is drawn from `generators`, one per trial.
        """
        self.weights = weights = binary_weights(network)
        self.method = method
        self.flips = torch.zeros(len(noise), dtype=torch.int64, device=noise.device)
        self.layer_flips: Tensor | None = None
        self.count = sum(weight[0].numel() for weight in weights)
        self.state = method.start(noise, _shaped(h, 2))
        self.gradients, self.shown, self._before = (torch.zeros_like(noise) for _ in range(3))
        offsets = _offsets(weights)
        self._layers: list[State] = [
            {name: t.to(noise.device, noise.dtype) for name, t in method.start_layer(w.shape[1:], generators).items()}
            for w in weights
        ]
        self._states: list[State] = [
            {name: _view(flat, at, weight) for name, flat in self.state.items()} | layer
            for at, weight, layer in zip(offsets, weights, self._layers, strict=False)
        ]
        self._gradients = [_view(self.gradients, at, weight) for at, weight in zip(offsets, weights, strict=False)]
        for at, weight in zip(offsets, weights, strict=False):
            weight.data = _view(self.shown, at, weight).copy_(weight.detach())

    @torch.no_grad()
    def show(self, h: Hyperparameters, training: bool) -> None:
        """Give every layer the weights that the network is to use now, and count the signs that this changes."""
        self._before.copy_(self.shown)
        for weight, state in zip(self.weights, self._states, strict=True):
            weight.copy_(self.method.weights(state, _shaped(h, weight.dim()), training))
        # Where the sign bits differ, the exclusive or is negative, and shifted by `last` it is -1. This is twice
        # as fast as comparing signs, which cost a tenth of a small network's step.
        integer, last = INTEGERS[self.shown.dtype]
        differs = self._before.view(integer).bitwise_xor_(self.shown.view(integer)).bitwise_right_shift_(last)
        self.flips -= differs.sum(dim=1)
        if self.layer_flips is not None:
            for at, weight, flips in zip(_offsets(self.weights), self.weights, self.layer_flips, strict=False):
                flips -= differs[:, at : at + weight[0].numel()].sum(dim=1)

    @torch.no_grad()
    def step(self, h: Hyperparameters) -> None:
        """One update from the gradients that lie in the layers."""
        for weight, state, gradient in zip(self.weights, self._states, self._gradients, strict=True):
            assert weight.grad is not None
            gradient.copy_(self.method.gradient(state, weight.grad, _shaped(h, weight.dim())))
        self.method.update(self.state, self.gradients, _shaped(h, 2))

    @torch.no_grad()
    def begin_epoch(self, h: Hyperparameters) -> None:
        """Let the method do what it does once an epoch."""
        for weight, state in zip(self.weights, self._states, strict=True):
            self.method.begin_epoch(state, _shaped(h, weight.dim()))

    def not_finite(self) -> list[str]:
        """Name of a part of each trial's state that holds NaN or infinity, or "" if none does, (k,)."""
        names = [""] * len(self.gradients)
        for state in (self.state, *self._layers):
            for name, part in state.items():
                for trial in (~part.isfinite().flatten(1).all(dim=1)).nonzero().flatten().tolist():
                    names[trial] = name
        return names


class Values:
    """Table of every hyperparameter's value in each trial at each step: the configured one times the schedule's factor.

    Two more columns are no hyperparameters: `progress` and `step`, as in BinaryMethod.
    """

    def __init__(
        self,
        method: BinaryMethod,
        configurations: Sequence[Configuration],
        steps: int,
        dtype: torch.dtype,
        device: str,
    ) -> None:
        for name, value in configurations[0].items():
            if isinstance(value, str):
                raise ValueError(f"{name} is {value!r}: a hyperparameter of a binarynet method is a number or boolean")
        # Double precision until the end, so that a factor means the same in any precision.
        count = torch.arange(steps, dtype=torch.float64)
        columns = {
            name: torch.outer(
                torch.tensor(factors(method.schedules.get(name, "constant"), steps), dtype=torch.float64),
                torch.tensor([float(c[name]) for c in configurations], dtype=torch.float64),
            )
            for name in method.space.names
        }
        columns["progress"] = (count / steps)[:, None].expand(steps, len(configurations))
        columns["step"] = (count + 1)[:, None].expand(steps, len(configurations))
        self.names = tuple(columns)
        self._values = torch.stack(list(columns.values()), dim=1).to(device, dtype)  # (steps, names, k)

    def at(self, step: Tensor) -> Hyperparameters:
        """Hyperparameters of one step, each of shape (k,); `step`, (1,), counts from 0 and lies on the device."""
        return dict(zip(self.names, self._values.index_select(0, step)[0].unbind(), strict=True))


def binary_weights(network: nn.Module) -> list[nn.Parameter]:
    """The weights of a network that a method sets, (k, out, in, ...) each, in order."""
    weights: list[nn.Parameter] = []
    for module in network.modules():
        if isinstance(module, BinaryLinear):
            weights.append(module.weight)
        elif isinstance(module, Stacked):
            weights += module.binary_weights
    return weights


def start_noise(weights: Sequence[Tensor], generators: Sequence[Generator]) -> Tensor:
    """One standard normal number per weight in double precision, (k, n); the padding holds 1."""
    offsets, k = _offsets(weights), len(generators)
    noise = torch.ones(k, offsets[-1], dtype=torch.float64)
    for at, weight in zip(offsets, weights, strict=False):
        _view(noise, at, weight).copy_(draw(weight.shape[1:], generators))
    return noise


def _offsets(weights: Iterable[Tensor]) -> list[int]:
    """Where each layer's slice begins, counted in numbers of one trial; the last entry is the padded size of all."""
    offsets = [0]
    for weight in weights:
        size = weight[0].numel()
        offsets.append(offsets[-1] + -(-size // VECTOR) * VECTOR)
    return offsets


def _view(flat: Tensor, at: int, like: Tensor) -> Tensor:
    return flat[:, at : at + like[0].numel()].view(like.shape)


def _shaped(h: Hyperparameters, rank: int) -> Hyperparameters:
    return {name: value.view(-1, *[1] * (rank - 1)) for name, value in h.items()}
