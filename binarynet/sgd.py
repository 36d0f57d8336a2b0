"""The optimizer of the real-valued parameters: SGD with momentum and weight decay, with no copy of their size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from binarynet.layers import BatchNorm, BinaryLinear, Linear
from binarynet.stacked import Stacked


class Sgd:
    """torch.optim.SGD's recursion: v <- momentum v + g + decay w, then w <- w - rate v; no decay in batch norm.

    The weights of packed linear layers are most of a network's memory, and each pass over them costs as much as a
    tenth of their matrix product. So these layers add the gradient to momentum v as they compute it and never store
    it: there must be exactly one backward pass per step. The rate is a tensor, so that a GPU's graph can read it.
    """

    def __init__(self, network: nn.Module, momentum: float, decay: float) -> None:
        self.momentum, self.decay = momentum, decay
        modules = list(network.modules())
        self.linear = [m for m in modules if isinstance(m, Linear) and not isinstance(m, BinaryLinear)]
        for layer in self.linear:
            layer.velocity, layer.momentum = torch.zeros_like(layer.weight), momentum
            layer.operand = layer.weight.detach().to(layer.multiply)  # the weights themselves if they have that type
        others = [(p, False) for m in modules if isinstance(m, BatchNorm) for p in (m.weight, m.bias)]
        others += [pair for m in modules if isinstance(m, Stacked) for pair in m.real_parameters]
        self.others: list[Tensor] = [p for p, _ in others]
        self.velocities = [torch.zeros_like(p) for p in self.others]
        decaying = [place for place, (_, decays) in enumerate(others) if decays]
        self.decaying = [[tensors[place] for place in decaying] for tensors in (self.velocities, self.others)]
        known = {id(p) for p, _ in others} | {id(m.weight) for m in modules if isinstance(m, Linear)}
        known |= {id(p) for m in modules if isinstance(m, Stacked) for p in m.binary_weights}
        if unknown := [name for name, p in network.named_parameters() if id(p) not in known]:
            raise ValueError(f"no recipe for the parameter {unknown[0]}: it is of no Linear, BatchNorm or Stacked")

    @torch.no_grad()
    def step(self, rate: Tensor) -> None:
        """One update from the backward pass before it; `rate` has no dimensions."""
        for layer in self.linear:
            assert layer.velocity is not None
            assert layer.operand is not None
            layer.velocity.add_(layer.weight, alpha=self.decay)
            layer.weight.addcmul_(layer.velocity, rate, value=-1)
            if layer.operand.dtype != layer.weight.dtype:
                layer.operand.copy_(layer.weight)
        if not self.others:
            return
        # All at once: each is small, and a call costs more than its arithmetic.
        torch._foreach_mul_(self.velocities, self.momentum)
        torch._foreach_add_(self.velocities, [p.grad for p in self.others if p.grad is not None])
        if self.decaying[0]:
            torch._foreach_add_(*self.decaying, alpha=self.decay)
        torch._foreach_addcmul_(self.others, self.velocities, [rate] * len(self.others), value=-1)
