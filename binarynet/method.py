"""The contract of a training method for binary networks: what moves the binary weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from torch import Tensor

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.method import Method

State: TypeAlias = dict[str, Tensor]
Hyperparameters: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True)
class BinaryMethod(Method, ABC):
    """A training method together with its search space, and how it sets and moves binary weights.

    The four functions see every weight tensor of the network with a leading axis of k trials and any rank, and
    hyperparameters of the present step as tensors that broadcast against it, shape [k, 1, ...]: any of
    them may follow a schedule. Booleans arrive as 0 and 1. Beside those of the space there are `step`, from
    1, and `progress`, the share of the training that lies behind, in [0, 1). A method changes its state in
    place and never looks at a value (no `if` on a tensor, no `.item()`), so that a GPU can replay its step.
    `start` and `update` are elementwise and see all
    weights as one tensor [k, n]; `weights` and `gradient` see one layer at a time, [k, out, in, ...], and
    may reduce over a layer's own axes.
    """

    real_in_training: ClassVar[bool] = False
    """Whether the forward in training is no sign times a scale for each output unit; at evaluation it always is."""

    @abstractmethod
    def start(self, noise: Tensor, h: Hyperparameters) -> State:
        """State before the first step, from one standard normal draw a weight; tensors shaped as `noise`."""

    @abstractmethod
    def weights(self, state: State, h: Hyperparameters, training: bool) -> Tensor:
        """The weights that the network uses, of one layer."""

    @abstractmethod
    def gradient(self, state: State, gradient: Tensor, h: Hyperparameters) -> Tensor:
        """Gradient for `update`, from the loss's gradient at `weights`, of one layer."""

    @abstractmethod
    def update(self, state: State, gradient: Tensor, h: Hyperparameters) -> None:
        """One step, in place on `state`."""


def binary(method: Method) -> BinaryMethod:
    """`method` itself, for a task that trains binary networks. Raises TaskError if it is of another family."""
    if not isinstance(method, BinaryMethod):
        raise TaskError(
            f"{type(method).__name__} does not move binary weights: derive it from binarynet.method.BinaryMethod"
        )
    return method
