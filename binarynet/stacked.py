"""k networks side by side from one plain network of torch: for convolutions, each of which fills a machine alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from binarynet.layers import draw


class BinaryConv2d(nn.Conv2d):
    """A convolution without bias, for batch norm follows it, whose weights a training method sets before every step."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(inputs, outputs, size, stride, padding, bias=False)


class BinaryDense(nn.Linear):
    """A linear map of the same kind."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)


class Stacked(nn.Module):
    """k networks of one shape, every parameter and buffer with a leading axis of k.

    The network is written as torch writes networks: of nn.Conv2d, nn.Linear and batch norm, and of BinaryConv2d
    and BinaryDense where weights are binary. It runs once a trial, with that trial's slices, so that a trial's numbers
    are the very ones that it has alone.

    Attributes:
        multiply: the type of the operands of convolutions and products, and of the activations between them.
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
        """The network of one trial, without its numbers."""
        return self._hidden[0]

    @property
    def binary_weights(self) -> list[nn.Parameter]:
        """The weights that a training method sets, (k, out, in, ...) each, from the input's side."""
        return [p for name, p in self._named() if self._is_binary(name)]

    @property
    def real_parameters(self) -> list[tuple[nn.Parameter, bool]]:
        """All others, each with whether weight decay is for it: it spares batch norm."""
        return [(p, not self._is_norm(name)) for name, p in self._named() if not self._is_binary(name)]

    def start(self, generators: Sequence[Generator]) -> None:
        """Normal real weights of variance 2 / inputs (He et al. 2015), no bias; batch norm is the identity."""
        with torch.no_grad():
            for name, parameter in self._named():
                if self._is_binary(name) or self._is_norm(name):
                    continue
                if name.endswith("bias"):
                    parameter.zero_()
                else:
                    inputs = parameter[0, 0].numel()
                    parameter.copy_(draw(parameter.shape[1:], generators) * (2.0 / inputs) ** 0.5)

    def train(self, mode: bool = True) -> Stacked:
        """As of every module."""
        super().train(mode)
        self.network.train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """(k, b, ...) -> (k, outputs, b), in the precision of the parameters."""
        slices = {name: self._operand(name, parameter).unbind() for name, parameter in self._named()}
        slices |= {name: self.get_buffer(f"buffer{i}").unbind() for i, name in enumerate(self._buffer_names)}
        outputs = []
        for trial in range(self.k):
            inputs = x[trial].to(self.multiply)
            if x.is_cuda and inputs.dim() == 4:
                inputs = inputs.contiguous(memory_format=torch.channels_last)
            own = {name: tensors[trial] for name, tensors in slices.items()}
            outputs.append(functional_call(self.network, own, (inputs,), strict=True).T)
        return torch.stack(outputs).to(self.stacked[0].dtype)

    def _named(self) -> Iterator[tuple[str, nn.Parameter]]:
        return zip(self._parameter_names, self.stacked, strict=True)

    def _is_binary(self, name: str) -> bool:
        return isinstance(self._layers[name], BinaryConv2d | BinaryDense)

    def _is_norm(self, name: str) -> bool:
        return isinstance(self._layers[name], _BatchNorm)

    def _operand(self, name: str, parameter: Tensor) -> Tensor:
        """As the layers want it; for all trials at once, so that it is a call a layer and not one a trial."""
        if self._is_norm(name):
            return parameter
        operand = parameter.to(self.multiply)
        if operand.is_cuda and operand.dim() == 5:  # the kernels of tensor cores are for channels last
            operand = operand.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)
        return operand


def _layers_by_parameter(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for prefix, layer in network.named_modules():
        for name, _ in layer.named_parameters(recurse=False):
            full = f"{prefix}.{name}".lstrip(".")
            if not isinstance(layer, nn.Conv2d | nn.Linear | _BatchNorm):
                raise ValueError(f"no recipe for {full}: a stacked network is of Conv2d, Linear and batch norm")
            yield full, layer
