"""Task: data, network and budget; what turns configurations into results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import unwrap
from pathlib import Path
from types import FunctionType, MethodType

from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Objective, Result, finished, number
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.space import Configuration


class Task(ABC):
    """Data, network and budget.

    A task with settings is a frozen dataclass derived from this class: its fields are the settings that a study
    file may give. A module holds its task as TASK. Workers make it anew from the module's name and the settings; a
    task reads where its data lies from the environment, which workers share.
    """

    objective: Objective
    """What `train` returns as each result's objective. A property where it depends on the settings."""
    methods: str | None = None
    """Package whose files are this task's methods; None if a method is only a space, given in the study file."""
    pack: int = 1
    """How many trials the task likes to train together at most; 1 if it only loops over them."""

    def prepare(self, progress: Progress) -> Mapping[str, str | int | float]:  # noqa: ARG002
        """Do once what all trials share (unpack, compute features); returns facts for the provenance.

        Raises TaskError where data is missing or wrong.
        """
        return {}

    def files(self) -> Sequence[Path]:
        """Files that training reads below the folders of hpsearch.contracts.dataset, for machines without them."""
        return ()

    def load(self, device: str) -> None:  # noqa: ARG002
        """Load what training reads, once in each process before it trains, so that no trial's seconds count it."""
        return

    @abstractmethod
    def train(
        self,
        method: Method,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,
    ) -> list[Result]:
        """One result a configuration. A result depends on its own configuration and seed only."""


@dataclass(frozen=True)
class FunctionTask(Task):
    """A task from a function `objective(configuration, seed) -> float`, trained one trial at a time.

    The function may be of any framework; it may also return a Result. It is found again in worker
    processes by the name of the module that holds the task.
    """

    function: Callable[[Configuration, int], float | Result]
    objective: Objective

    def train(
        self,
        method: Method,  # noqa: ARG002
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,  # noqa: ARG002
    ) -> list[Result]:
        """Call the function once a configuration."""
        return [
            self._result(self.function(configuration, seed))
            for configuration, seed in zip(configurations, seeds, strict=True)
        ]

    def _result(self, returned: object) -> Result:
        if isinstance(returned, Result):
            return returned
        try:
            return finished(number(returned))
        except TypeError as error:
            raise TypeError(
                f"{place_of(self.function)} must return a number or an hpsearch.Result, got {error}"
            ) from None


def place_of(function: object) -> str:
    """Name, file and line of a function as far as it tells them. A folder would say more of a machine than of it."""
    function = function.func if isinstance(function, partial) else function
    function = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(function, FunctionType):
        return type(function).__name__
    code = unwrap(function).__code__
    return f"{function.__qualname__} ({Path(code.co_filename).name}:{code.co_firstlineno})"
