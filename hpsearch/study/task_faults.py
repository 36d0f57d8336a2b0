"""Faults that can be seen in a task, or in a method's function, before it trains anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from hpsearch.contracts.method import FunctionMethod, Method
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.task import DataTask, FunctionTask, Task, own_training, place_of


def faults_of_task(task: Task) -> Iterator[str]:
    """Each fault of a task, and what to do."""
    try:
        objective: object = task.objective
    except Exception as error:  # it may be a property
        yield f"has no objective: give it an hpsearch.Objective ({type(error).__name__}: {error})"
    else:
        if not isinstance(objective, Objective):
            yield f"has no objective: give it an hpsearch.Objective, got {objective!r}"
    if type(task.pack) is not int or task.pack < 1:
        yield f"has no pack: it must be a whole number from 1, got {task.pack!r}"
    if not _may_be_methods(task.methods):
        yield (
            "has no package of methods: `methods` is its name, or a class derived from hpsearch.Method, or None, got "
            f"{task.methods!r}"
        )
    if isinstance(task, FunctionTask):
        yield from _uncallable(task.function, "configuration", "seed", perhaps="context")
    elif isinstance(task, DataTask):
        yield from _uncallable(task.provide)
    elif (function := own_training(task)) == task.train:
        yield from _uncallable(function, "method", "configurations", "seeds", "device")
    else:
        yield from _uncallable(function, "method", "configurations", "seeds", "device", "contexts")
    yield from _uncallable(task.prepare, "progress")
    yield from _uncallable(task.load, "device")
    yield from _uncallable(task.files)
    yield from _uncallable(task.split_of, "repeat", "seed")


def faults_of_function(method: FunctionMethod) -> Iterator[str]:
    """Say why a task cannot call a method's function."""
    return _uncallable(method.function, "provided", "configuration", "seed", perhaps="context")


def _may_be_methods(methods: object) -> bool:
    return methods is None or isinstance(methods, str) or (isinstance(methods, type) and issubclass(methods, Method))


def _uncallable(function: Callable[..., object], *parameters: str, perhaps: str = "") -> Iterator[str]:
    """Say why a function cannot be called with these parameters, and by name with `perhaps` if it has that one."""
    expected = f"({', '.join(parameters)})"
    if not callable(function):
        yield f"needs a function of {expected}, got {function!r}"
        return
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # it is built in, and cannot tell
        return
    by_name = {perhaps: perhaps} if perhaps in signature.parameters else {}
    try:
        signature.bind(*parameters, **by_name)
    except TypeError:
        expected = f"({', '.join([*parameters, *by_name])})"
        yield f"calls {place_of(function)} with {expected}, which takes {signature}"
