"""Task: data, network and budget, which turn configurations into results."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import FunctionType, MethodType

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.method import FunctionMethod, Method
from hpsearch.contracts.objective import Objective, Result, finished, number
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.space import Configuration, Space


@dataclass(frozen=True)
class Context:
    """Which trial is trained: its method's label, and the numbers, from 1, of its study and of itself in that study.

    A task may name files by it, or say in its log what it is at. A result depends on configuration and seed only.
    `seed` is the number, from 1, of the seed among those that the trial is trained with, if the study file wants
    several.
    """

    method: str
    repeat: int
    trial: int
    seed: int = 1


class ReturnError(TypeError):
    """A task returned what can be neither recorded nor reported; the message names its function."""


class Task(ABC):
    """Data, network and budget.

    What training prints and logs is kept with its trials, its beginning and its end, for `hpsearch trials --log`; it
    is not shown.

    A task with settings is a frozen dataclass derived from this class: its fields are the settings that a study
    file may give. A module holds its task as TASK. Workers make it anew from the module's name and the settings. A
    task finds its data by environment variables, which workers share.
    """

    objective: Objective
    """What `train` returns as each result's objective; a property if it depends on the settings."""
    methods: str | type[Method] | None = None
    """Package whose files are this task's methods; or the class of its methods, which may be in any module; or None if
    a method is only a space, given in the study file."""
    hyperparameters: Space = Space(())
    """Hyperparameters of the task itself, with the ranges that are worth searching. Those that a study file's [space]
    names join the space of every method, so that `train` finds them in the configurations; without it they are
    settings."""
    pack: int = 1
    """At most how many trials the task likes to train together; 1 if it only loops over them."""
    imports: tuple[str, ...] = ()
    """Modules that training needs and that take long to import: workers do so while the driver prepares."""

    def prepare(self, progress: Progress) -> Mapping[str, str | int | float]:  # noqa: ARG002
        """Do once what all trials share (unpack, compute features); returns facts for the provenance.

        Raises TaskError if data is missing or wrong.
        """
        return {}

    def files(self) -> Sequence[Path]:
        """Files below the data and the cache folder that training reads, so that machines without them get them."""
        return ()

    def load(self, device: str) -> None:  # noqa: ARG002
        """Load what training reads, once per process and before it trains, so that no trial's seconds include it."""
        return

    def split_of(self, repeat: int, seed: int) -> Mapping[str, int]:  # noqa: ARG002
        """The settings by which study `repeat`, from 1, of each method splits the data, if repeats are over folds.

        A task with folds takes them in turn. One that draws its split at random takes `seed`, of 31 bits, which differs
        between studies. Empty, as here, if there is only one split: then a study file that wants several is refused.
        The studies are trained by this task with these settings; it is prepared, and loaded, with each of them.
        """
        return {}

    @abstractmethod
    def train(
        self,
        method: Method,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,
    ) -> list[Result]:
        """One result per configuration. A result depends on its own configuration and seed only."""

    def train_in(
        self,
        method: Method,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,
        contexts: Sequence[Context],  # noqa: ARG002
    ) -> list[Result]:
        """What a run calls: `train`, unless a task overrides this to be told which trial each of them is."""
        return self.train(method, configurations, seeds, device)


@dataclass(frozen=True)
class FunctionTask(Task):
    """A task from a function `objective(configuration, seed) -> float`, trained one trial at a time.

    The function may use any framework, and may also return a Result. With a third parameter `context` it is told which
    trial it trains. Worker processes find it by the name of the module that holds the task.
    """

    function: Callable[..., float | Result]
    objective: Objective

    def train(
        self,
        method: Method,  # noqa: ARG002
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,  # noqa: ARG002
    ) -> list[Result]:
        """Call the function once per configuration."""
        return _results(self.function, list(zip(configurations, seeds, strict=True)))

    def train_in(
        self,
        method: Method,  # noqa: ARG002
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,  # noqa: ARG002
        contexts: Sequence[Context],
    ) -> list[Result]:
        """Call the function once per configuration, with the context if it takes one."""
        return _results(self.function, list(zip(configurations, seeds, strict=True)), contexts)


@dataclass(frozen=True)
class DataTask(Task):
    """A task for methods with code of their own, each a FunctionMethod: it provides what all of them train on.

    Attributes:
        provide: a function without parameters. It is called once per process, and what it returns (data, a budget) is
            the first argument of each method's function, which must leave it as it is.
        objective: what the methods' functions return.
    """

    provide: Callable[[], object]
    objective: Objective
    methods = FunctionMethod

    def load(self, device: str) -> None:  # noqa: ARG002
        """Let the function provide."""
        _ = self._provided

    def train(
        self,
        method: Method,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,  # noqa: ARG002
    ) -> list[Result]:
        """Call the method's function once per configuration."""
        return _results(_own_function(method), self._trials(configurations, seeds))

    def train_in(
        self,
        method: Method,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        device: str,  # noqa: ARG002
        contexts: Sequence[Context],
    ) -> list[Result]:
        """Call the method's function once per configuration, with the context if it takes one."""
        return _results(_own_function(method), self._trials(configurations, seeds), contexts)

    def _trials(self, configurations: Sequence[Configuration], seeds: Sequence[int]) -> list[tuple[object, ...]]:
        return [(self._provided, *trial) for trial in zip(configurations, seeds, strict=True)]

    @cached_property
    def _provided(self) -> object:
        return self.provide()


def _results(
    function: Callable[..., float | Result],
    trials: Sequence[tuple[object, ...]],
    contexts: Sequence[Context] | None = None,
) -> list[Result]:
    """What a function that trains one trial makes of each, told its context if there are some and it takes one."""
    if contexts is None or not _takes_context(function):
        return [_result(function, function(*trial)) for trial in trials]
    told = zip(trials, contexts, strict=True)
    return [_result(function, function(*trial, context=context)) for trial, context in told]


def _result(function: Callable[..., object], returned: object) -> Result:
    if isinstance(returned, Result):
        return returned
    try:
        return finished(number(returned))
    except TypeError as error:
        raise ReturnError(f"{place_of(function)} must return a number or an hpsearch.Result, got {error}") from None


def _takes_context(function: Callable[..., object]) -> bool:
    try:
        return "context" in inspect.signature(function).parameters
    except ValueError:  # it is built in, and cannot tell
        return False


def _own_function(method: Method) -> Callable[..., float | Result]:
    if isinstance(method, FunctionMethod):
        return method.function
    raise TaskError(f"{type(method).__name__} has no function of its own: wrap that in hpsearch.FunctionMethod")


def function_of(task: Task, method: Method) -> Callable[..., object]:
    """The function that makes a task's results with a method.

    It is what a FunctionTask or a FunctionMethod calls, or the class's own `train_in` or `train`.
    """
    if isinstance(task, FunctionTask):
        return task.function
    if isinstance(task, DataTask):
        return _own_function(method)
    return own_training(task)


def own_training(task: Task) -> Callable[..., object]:
    """A task's `train_in` if its class has one, else its `train`."""
    return task.train if type(task).train_in is Task.train_in else task.train_in


def place_of(function: object) -> str:
    """Name, file and line of a function as far as it tells them.

    Its folder is left out, which says more about a machine than about the function.
    """
    function = function.func if isinstance(function, partial) else function
    function = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(function, FunctionType):
        return type(function).__name__
    code = inspect.unwrap(function).__code__
    return f"{function.__qualname__} ({Path(code.co_filename).name}:{code.co_firstlineno})"
