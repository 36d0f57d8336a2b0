"""The contract of a training method for binary networks: what moves the binary weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from torch import Generator, Tensor

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.method import Method

State: TypeAlias = dict[str, Tensor]
Hyperparameters: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True)
class BinaryMethod(Method, ABC):
    """A training method together with its search space, and how it sets and moves binary weights.

    Weights have a leading axis of k trials. `start` and `update` are elementwise and see all weights as one tensor
    [k, n]. `weights` and `gradient` see one layer at a time, [k, out, in, ...], and may reduce over the layer's
    own axes.

    Hyperparameters `h` are those of the present step, since each may follow a schedule. They are tensors of shape
    [k, 1, ...] that broadcast against the weights; booleans arrive as 0 and 1. Beside the space's own there are
    `step`, which counts from 1, and `progress`, the share of the training that lies behind, in [0, 1).

    A method changes its state in place and never looks at a value (no `if` on a tensor, no `.item()`), so that a
    GPU can replay its step.

    A term of the loss that depends on the latent weights alone needs no place of its own: its derivative is added in
    `gradient`, and the curves of the loss stay comparable. What else a method may need are `start_layer`, for numbers
    that are not one a weight; `begin_epoch`, for what happens once an epoch; and `activation`.
    """

    conditions: ClassVar[bool] = False  # a pack's trials are stacked: each hyperparameter has a value in all of them
    real_in_training: ClassVar[bool] = False
    """Whether training may use weights other than a sign times one scale per output unit; evaluation never does."""

    @property
    def activation(self) -> str | None:
        """The method's own surrogate gradient for sign activations, a name in binarynet.quantizers.GRADIENTS.

        With None, the default, it is the task's, as for all methods alike.
        """
        return None

    @abstractmethod
    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """State before the first step, from one standard normal draw per weight; its tensors are shaped as `noise`."""

    def start_layer(self, shape: Sequence[int], generators: Sequence[Generator]) -> State:  # noqa: ARG002
        """More state of one layer before the first step: (k, ...) each, of any further shape, or nothing.

        It reaches `weights`, `gradient` and `begin_epoch` beside the layer's part of what `start` made, but not
        `update`: `gradient` moves it where it learns.

        Args:
            shape: that of the layer's weights in one trial, (out, in, ...).
            generators: each trial's own, for what is drawn at random, on the CPU.
        """
        return {}

    def begin_epoch(self, state: State, h: Hyperparameters) -> None:
        """Change one layer's state in place before the first step of each epoch."""

    @abstractmethod
    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        """Weights of one layer as the network uses them."""

    @abstractmethod
    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """What `update` takes as the gradient of one layer, from the loss's gradient at `weights`."""

    @abstractmethod
    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """Take one step, in place on `state`."""


def binary(method: Method) -> BinaryMethod:
    """`method` itself, for a task that trains binary networks. Raises TaskError if it is of another family."""
    if not isinstance(method, BinaryMethod):
        raise TaskError(
            f"{type(method).__name__} does not move binary weights: derive it from binarynet.method.BinaryMethod"
        )
    return method
