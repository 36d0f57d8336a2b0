"""A method that tells what it does."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from binarynet.method import BinaryMethod, Hyperparameters, State


@dataclass(frozen=True, kw_only=True)
class Recording(BinaryMethod):
    """Another method, noting the gradients it gets and the binary weights it leaves at every step."""

    method: BinaryMethod
    gradients: list[Tensor] = field(default_factory=list)
    binary: list[Tensor] = field(default_factory=list)

    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        state = self.method.start(noise, h)
        self.binary.append(state["binary"].clone())
        return state

    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        return self.method.weights(state, h, training)

    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        return self.method.gradient(state, gradient, h)

    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        self.gradients.append(gradient.clone())
        self.method.update(state, gradient, h)
        self.binary.append(state["binary"].clone())


def recording(method: BinaryMethod) -> Recording:
    return Recording(space=method.space, schedules=method.schedules, method=method)
