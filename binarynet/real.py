"""The optimizer of the real-valued parameters: SGD in one pass over memory, or Adam; each trial may have its own
rate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from binarynet.adam import adam_step
from binarynet.layers import BatchNorm, BinaryLinear, Linear
from binarynet.quantizers import VECTOR
from binarynet.schedules import factors
from binarynet.stacked import Stacked
from binarynet.task import Recipe, searched
from hpsearch.contracts.space import Configuration

MOMENTUM = 0.9
"""Of SGD, as in Quist et al. (2023), section 4.1."""
NEW, NEW_SQUARE = 0.1, 0.001
"""Adam's weights of what is new: 1 - beta of Kingma and Ba (2015), algorithm 1."""

Used: TypeAlias = list[tuple[Tensor, Tensor, tuple[Tensor, ...]]]
"""Parameters with their gradients and averages."""


class RealParameters:
    """All parameters of a packed network but the binary weights, and how they move.

    Args:
        network: made of layers of this package.
        recipe: which optimizer, at which rate and decay; batch norm has no decay.
        configurations: those of the trials, which may have a rate and a decay of their own.
        steps: how many updates there will be.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, configurations: Sequence[Configuration], steps: int) -> None:
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
        like = real[0][0] if real else torch.zeros(())

        def of_trials(name: str) -> Tensor:
            """A value for all trials, without dimensions, or each trial's own, (k,); in double precision."""
            own = searched(configurations, name)
            return torch.tensor(getattr(recipe, name) if own is None else own, dtype=torch.float64)

        rate, decay = of_trials("real_learning_rate"), of_trials("real_weight_decay")
        schedule = torch.tensor(factors(recipe.real_schedule, steps), dtype=torch.float64)
        # Double precision until the end, so that a factor means the same in any precision.
        self.rates = (schedule.view(-1, *[1] * rate.dim()) * rate).to(like.device, like.dtype)
        decay = decay.to(like.device, like.dtype) if decay.dim() else decay
        shared, kind = not rate.dim() and not decay.dim(), _Sgd if recipe.real_optimizer == "sgd" else _Adam
        self.groups = [
            kind([p for p, d in real if d is decays and _whole(p) is whole], decay * decays, shared and whole)
            for decays in (True, False)
            for whole in (True, False)
        ]

    @torch.no_grad()
    def step(self, number: Tensor) -> None:
        """One update from the backward pass before it; `number`, (1,), counts from 0 and lies on the device."""
        rate = self.rates.index_select(0, number)[0]
        for group in self.groups:
            group.step(rate, number)
        for layer in self.linear:
            assert layer.operand is not None
            if layer.operand.dtype != layer.weight.dtype:
                layer.operand.copy_(layer.weight)


class _Group(ABC):
    """Parameters with one decay, updated together: each is small, and a call costs more than its arithmetic.

    Args:
        parameters: (k, ...) each.
        decay: without dimensions, or (k,).
        fused: whether torch's own pass over memory may update them: the trials share a rate, and each trial's slice is
            whole vectors.
    """

    def __init__(self, parameters: list[Tensor], decay: Tensor, fused: bool) -> None:
        self.parameters, self.fused = parameters, fused
        # Each trial's own lie on the device from the start: a GPU's graph can copy nothing there.
        self.decay: float | Tensor = decay if decay.any() and decay.dim() else float(decay.max())
        self.state = [self.fresh(p) for p in parameters]

    def step(self, rate: Tensor, number: Tensor) -> None:
        """One update of those that have a gradient; `rate` has no dimensions or is (k,)."""
        used = [(p, p.grad, s) for p, s in zip(self.parameters, self.state, strict=True) if p.grad is not None]
        if used:
            self.update(used, rate, number)

    @staticmethod
    @abstractmethod
    def fresh(parameter: Tensor) -> tuple[Tensor, ...]:
        """The averages of one parameter before the first step."""

    @abstractmethod
    def update(self, used: Used, rate: Tensor, number: Tensor) -> None:
        """One update, in place on parameters and state."""


class _Sgd(_Group):
    """torch.optim.SGD's recursion: v <- momentum v + g + decay w, then w <- w - rate v.

    Where it can be it is torch's fused update, which reads and writes everything once: the weights of packed linear
    layers are most of a network's memory, and each pass over them costs as much as a tenth of their matrix product. On
    a processor the numbers that are left over by whole vectors are rounded otherwise in it, and which ones they are
    depends on k. So parameters whose slices are no whole vectors are updated in passes, which round all numbers alike.
    """

    @staticmethod
    def fresh(parameter: Tensor) -> tuple[Tensor, ...]:
        return (torch.zeros_like(parameter),)

    def update(self, used: Used, rate: Tensor, number: Tensor) -> None:  # noqa: ARG002
        parameters, gradients = [p for p, _, _ in used], [g for _, g, _ in used]
        velocities = [velocity for _, _, (velocity,) in used]
        if self.fused:
            settings: Any = {"weight_decay": self.decay, "momentum": MOMENTUM, "lr": rate}  # a tensor is no float to it
            sgd(
                parameters, gradients, [*velocities], fused=True, dampening=0.0, nesterov=False, maximize=False,
                **settings,
            )  # fmt: skip
            return
        torch._foreach_mul_(velocities, MOMENTUM)
        torch._foreach_add_(velocities, gradients)
        if isinstance(self.decay, Tensor):
            torch._foreach_addcmul_(velocities, parameters, [_shaped(self.decay, p) for p in parameters])
        elif self.decay:
            torch._foreach_add_(velocities, parameters, alpha=self.decay)
        torch._foreach_addcmul_(parameters, velocities, [_shaped(rate, p) for p in parameters], value=-1)


class _Adam(_Group):
    """torch.optim.Adam's recursion, its decay a part of the gradient."""

    def __init__(self, parameters: list[Tensor], decay: Tensor, fused: bool) -> None:
        super().__init__(parameters, decay, fused)
        like = parameters[0] if parameters else torch.zeros(())
        self.new, self.new_square = torch.tensor([NEW, NEW_SQUARE], dtype=like.dtype).to(like.device)

    @staticmethod
    def fresh(parameter: Tensor) -> tuple[Tensor, ...]:
        return torch.zeros_like(parameter), torch.zeros_like(parameter)

    def update(self, used: Used, rate: Tensor, number: Tensor) -> None:
        count = number[0].to(rate.dtype) + 1
        values = {"momentum": self.new, "second": self.new_square, "learning_rate": rate, "step": count}
        for parameter, gradient, (momentum, second) in used:
            if isinstance(self.decay, Tensor):
                decayed = torch.addcmul(gradient, parameter, _shaped(self.decay, parameter))
            else:
                decayed = torch.add(gradient, parameter, alpha=self.decay)
            adam_step(parameter, momentum, second, decayed, {name: _shaped(v, parameter) for name, v in values.items()})


def _shaped(value: Tensor, like: Tensor) -> Tensor:
    """A value for all trials, or one for each, as (k, 1, ...)."""
    return value.expand(len(like)).view(-1, *[1] * (like.dim() - 1))


def _whole(parameter: Tensor) -> bool:
    return parameter.is_cuda or parameter[0].numel() % VECTOR == 0
