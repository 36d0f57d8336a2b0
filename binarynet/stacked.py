"""k networks side by side from one plain torch network: for convolutions, since each fills a machine alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from binarynet.layers import draw


class BinaryConv2d(nn.Conv2d):
    """A convolution whose weights a training method sets before every step; no bias, since batch norm follows."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(inputs, outputs, size, stride, padding, bias=False)


class BinaryDense(nn.Linear):
    """A linear map whose weights a training method sets before every step; no bias: batch norm follows, or Affine."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)


class Shift(nn.Module):
    """A learned shift of each channel (Liu et al. 2020, ReActNet); it starts at 0, and has no weight decay."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels, h, w) -> the same shape."""
        return x + self.shift.view(-1, 1, 1)


class Affine(nn.Module):
    """A learned factor and a learned shift of each feature, for a binary layer that no batch norm follows.

    The shift starts at 0, as a bias does, and the factor at `start`. Neither has weight decay.
    """

    def __init__(self, features: int, start: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.full((features,), start))
        self.shift = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """(..., features) -> the same shape."""
        return torch.addcmul(self.shift, x, self.factor)


class Tokens(nn.Module):
    """The class token, which comes first, and a learned position for each token (Dosovitskiy et al. 2021).

    Both start normal with deviation 0.02 (Touvron et al. 2021, whose cut of the tails, at -2 and 2, is a hundred
    deviations away), and have no weight decay.
    """

    deviation: ClassVar[float] = 0.02

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.of_class = nn.Parameter(torch.zeros(width))
        self.positions = nn.Parameter(torch.zeros(tokens + 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """(b, tokens, width) -> (b, tokens + 1, width)."""
        return torch.cat([self.of_class.expand(len(x), 1, -1), x], dim=1) + self.positions


KNOWN = (nn.Conv2d, nn.Linear, _BatchNorm, nn.LayerNorm, nn.PReLU, Shift, Affine, Tokens)
"""Layers whose parameters have a start and a rule of weight decay."""


class Stacked(nn.Module):
    """k networks of one shape, every parameter and buffer with a leading axis of k.

    The network is an ordinary torch module made of nn.Conv2d, nn.Linear, batch norm, nn.LayerNorm, nn.PReLU, Shift,
    Affine and Tokens, with BinaryConv2d and BinaryDense where weights are binary. It runs once per trial, with that
    trial's slices, so that a trial gets exactly the numbers that it gets alone.

    Attributes:
        multiply: type of the operands of convolutions and products; on a GPU also of all activations.
    """

    def __init__(self, k: int, build: Callable[[], nn.Module]) -> None:
        """`build` makes the network of one trial; what it draws at random is drawn again by `start`."""
        super().__init__()
        self.k, self.multiply = k, torch.float32
        with torch.random.fork_rng(devices=()):
            network = build()
        parameters, buffers = dict(network.named_parameters()), dict(network.named_buffers())
        self._parameter_names, self._buffer_names = list(parameters), list(buffers)
        self.stacked = nn.ParameterList(p.detach().expand(k, *p.shape).clone() for p in parameters.values())
        for index, buffer in enumerate(buffers.values()):
            self.register_buffer(f"buffer{index}", buffer.expand(k, *buffer.shape).clone())
        self._hidden = [network.to("meta")]  # in a list, or torch would take its parameters for ours
        self._layers = dict(_layers_by_parameter(network))

    @property
    def network(self) -> nn.Module:
        """The network of one trial, without values in its parameters."""
        return self._hidden[0]

    @property
    def binary_weights(self) -> list[nn.Parameter]:
        """The weights that a training method sets, (k, out, in, ...) each, from the input to the output."""
        return [p for name, p in self._named() if self._is_binary(name)]

    @property
    def real_parameters(self) -> list[tuple[nn.Parameter, bool]]:
        """All other parameters, each with whether weight decay applies: only to convolutions and linear layers."""
        return [(p, self._is_product(name)) for name, p in self._named() if not self._is_binary(name)]

    def start(self, generators: Sequence[Generator]) -> None:
        """Normal real weights of variance 2 / inputs (He et al. 2015), no bias; tokens as their class says.

        All else is as it was built.
        """
        with torch.no_grad():
            for name, parameter in self._named():
                if isinstance(self._layers[name], Tokens):
                    parameter.copy_(draw(parameter.shape[1:], generators) * Tokens.deviation)
                elif self._is_binary(name) or not self._is_product(name):
                    continue
                elif name.endswith("bias"):
                    parameter.zero_()
                else:
                    inputs = parameter[0, 0].numel()
                    parameter.copy_(draw(parameter.shape[1:], generators) * (2.0 / inputs) ** 0.5)

    def train(self, mode: bool = True) -> Stacked:
        """Put the packed network into training mode, or into evaluation mode."""
        super().train(mode)
        self.network.train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """(k, b, ...) -> (k, outputs, b), in the precision of the parameters."""
        slices = self._slices()
        return torch.stack([self._one(x, slices, trial) for trial in range(self.k)]).to(self.stacked[0].dtype)

    def _slices(self) -> dict[str, tuple[Tensor, ...]]:
        """Each parameter's and buffer's slices, one per trial."""
        slices = {name: self._operand(name, parameter).unbind() for name, parameter in self._named()}
        return slices | {name: self.get_buffer(f"buffer{i}").unbind() for i, name in enumerate(self._buffer_names)}

    def _one(self, x: Tensor, slices: Mapping[str, Sequence[Tensor]], trial: int) -> Tensor:
        """Outputs of one trial, (outputs, b)."""
        inputs = self._rounded(x[trial])
        if inputs.dim() == 4:
            # Tensor cores are fast with channels last; a CPU is a tenth faster without.
            inputs = inputs.contiguous(memory_format=torch.channels_last if x.is_cuda else torch.contiguous_format)
        return self.call({name: tensors[trial] for name, tensors in slices.items()}, inputs)

    def call(self, own: dict[str, Tensor], inputs: Tensor) -> Tensor:
        """The network of one trial with its own parameters and buffers: (b, ...) -> (outputs, b)."""
        outputs: Tensor = functional_call(self.network, own, (inputs,), strict=True)
        return outputs.T

    def _named(self) -> Iterator[tuple[str, nn.Parameter]]:
        return zip(self._parameter_names, self.stacked, strict=True)

    def _is_binary(self, name: str) -> bool:
        return isinstance(self._layers[name], BinaryConv2d | BinaryDense)

    def _is_product(self, name: str) -> bool:
        return isinstance(self._layers[name], nn.Conv2d | nn.Linear)

    def _is_norm(self, name: str) -> bool:
        return isinstance(self._layers[name], _BatchNorm)

    def _operand(self, name: str, parameter: Tensor) -> Tensor:
        """A parameter as the layers want it, for all trials at once: one call per layer rather than one per trial."""
        if self._is_norm(name):
            return parameter
        operand = self._rounded(parameter)
        if operand.is_cuda and operand.dim() == 5:  # the kernels of tensor cores are for channels last
            operand = operand.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
        return operand

    def _rounded(self, x: Tensor) -> Tensor:
        """A tensor rounded to the type of operands; a CPU, slow to convolve in bf16, gets it in single precision."""
        operand = x.to(self.multiply)
        return operand if operand.is_cuda or operand.dtype is not torch.bfloat16 else operand.float()


def _layers_by_parameter(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for prefix, layer in network.named_modules():
        for name, _ in layer.named_parameters(recurse=False):
            full = f"{prefix}.{name}".lstrip(".")
            if not isinstance(layer, KNOWN):
                names = ", ".join(kind.__name__.lstrip("_") for kind in KNOWN)
                raise ValueError(f"no recipe for {full}: the layers of a stacked network with parameters are {names}")
            yield full, layer
