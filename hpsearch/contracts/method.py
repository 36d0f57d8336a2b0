"""Method: a way to train, together with its search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

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
