"""The optimizer of the real-valued parameters: SGD with momentum and weight decay, in one pass over memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from binarynet.layers import BatchNorm, BinaryLinear, Linear
from binarynet.quantizers import VECTOR
from binarynet.stacked import Stacked


class Sgd:
    """torch.optim.SGD's recursion: v <- momentum v + g + decay w, then w <- w - rate v; no decay in batch norm.

    It is torch's fused update, which reads and writes everything once: the weights of packed linear layers are most of
    a network's memory, and each pass over them costs as much as a tenth of their matrix product. On a processor the
    numbers that are left over by whole vectors are rounded otherwise in it, and which ones they are depends on k. So
    parameters whose slices are no whole vectors are updated in passes, which round all numbers alike.

    The rate is a tensor, so that a GPU's graph can read it.
    """

    def __init__(self, network: nn.Module, momentum: float, decay: float) -> None:
        self.momentum, self.decay = momentum, decay
        modules = list(network.modules())
        self.linear = [m for m in modules if isinstance(m, Linear) and not isinstance(m, BinaryLinear)]
        for layer in self.linear:
            layer.operand = layer.weight.detach().to(layer.multiply)  # the weights themselves if they have that type
        real = [(layer.weight, True) for layer in self.linear]
        real += [(p, False) for m in modules if isinstance(m, BatchNorm) for p in (m.weight, m.bias)]
        real += [pair for m in modules if isinstance(m, Stacked) for pair in m.real_parameters]
        known = {id(p) for p, _ in real} | {id(m.weight) for m in modules if isinstance(m, Linear)}
        known |= {id(p) for m in modules if isinstance(m, Stacked) for p in m.binary_weights}
        if unknown := [name for name, p in network.named_parameters() if id(p) not in known]:
            raise ValueError(f"no recipe for the parameter {unknown[0]}: it is of no Linear, BatchNorm or Stacked")
        real = list({id(p): (p, decays) for p, decays in real}.values())  # one that layers share is updated once
        self.groups = [
            _Group([p for p, decays in real if decays is decaying and _whole(p) is whole], decay * decaying, whole)
            for decaying in (True, False)
            for whole in (True, False)
        ]

    @torch.no_grad()
    def step(self, rate: Tensor) -> None:
        """One update from the backward pass before it; `rate` has no dimensions."""
        for group in self.groups:
            group.step(self.momentum, rate)
        for layer in self.linear:
            assert layer.operand is not None
            if layer.operand.dtype != layer.weight.dtype:
                layer.operand.copy_(layer.weight)


class _Group:
    """Parameters with one decay, updated together: each is small, and a call costs more than its arithmetic."""

    def __init__(self, parameters: list[Tensor], decay: float, fused: bool) -> None:
        self.parameters, self.decay, self.fused = parameters, decay, fused
        self.velocities = [torch.zeros_like(p) for p in parameters]

    def step(self, momentum: float, rate: Tensor) -> None:
        used = [(p, p.grad, v) for p, v in zip(self.parameters, self.velocities, strict=True) if p.grad is not None]
        if not used:
            return
        parameters, gradients, velocities = (list(tensors) for tensors in zip(*used, strict=True))
        if self.fused:
            settings: Any = {"weight_decay": self.decay, "momentum": momentum, "lr": rate}  # a tensor is no float to it
            sgd(
                parameters, gradients, [*velocities], fused=True, dampening=0.0, nesterov=False, maximize=False,
                **settings,
            )  # fmt: skip
            return
        torch._foreach_mul_(velocities, momentum)
        torch._foreach_add_(velocities, gradients)
        if self.decay:
            torch._foreach_add_(velocities, parameters, alpha=self.decay)
        torch._foreach_addcmul_(parameters, velocities, [rate] * len(parameters), value=-1)


def _whole(parameter: Tensor) -> bool:
    return parameter.is_cuda or parameter[0].numel() % VECTOR == 0
