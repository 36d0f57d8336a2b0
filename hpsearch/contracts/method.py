"""Method: a way to train, together with its search space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from hpsearch.contracts.objective import Result
from hpsearch.contracts.space import Space


@dataclass(frozen=True)
class Method:
    """What the search tool knows about a training method; everything else is between the method and its task.

    A method is a frozen dataclass derived from this one, or from the contract of a family of tasks such as
    `binarynet.method.BinaryMethod`. Its further fields are the settings that a study file may change.

    Attributes:
        space: the hyperparameters that are searched or fixed.
        schedules: hyperparameter -> name of its schedule over training; one that is not named stays constant.
    """

    conditions: ClassVar[bool] = True
    """Whether the space may have conditional hyperparameters, so that a configuration may lack some."""
    space: Space
    schedules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, init=False)
class FunctionMethod(Method):
    """A method whose training is a function of its own, `function(provided, configuration, seed) -> float`.

    The function may use any framework, and may also return a Result. `provided` is what its task's `provide` returned.
    With a parameter `context` the function is told which trial it trains. A hyperparameter reaches it as one value, so
    there are no schedules: the function itself changes what is to change over a training.
    """

    function: Callable[..., float | Result] = field(kw_only=True)

    def __init__(
        self, function: Callable[..., float | Result], space: Space, schedules: Mapping[str, str] | None = None
    ) -> None:
        """Raise ValueError if there are schedules."""
        if schedules:
            raise ValueError("a method that is a function takes no schedules: let the function change its values")
        super().__init__(space)
        object.__setattr__(self, "function", function)
