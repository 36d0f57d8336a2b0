"""What is wrong with a task before it trains anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from hpsearch.contracts.objective import Objective
from hpsearch.contracts.task import FunctionTask, Task, place_of


def fault_of_task(found: object) -> str:
    """All that is wrong with a task, and what to do; empty if nothing is."""
    if not isinstance(found, Task):
        return "is no task: derive its class from hpsearch.Task, or wrap a function in hpsearch.FunctionTask"
    return "; ".join(_faults(found))


def _faults(task: Task) -> Iterator[str]:
    try:
        objective: object = task.objective
    except Exception as error:  # it may be a property
        yield f"has no objective: give it an hpsearch.Objective ({type(error).__name__}: {error})"
    else:
        if not isinstance(objective, Objective):
            yield f"has no objective: give it an hpsearch.Objective, got {objective!r}"
    if type(task.pack) is not int or task.pack < 1:
        yield f"has no pack: it must be a whole number from 1, got {task.pack!r}"
    if task.methods is not None and not isinstance(task.methods, str):
        yield f"has no methods: it must name a package of them, or be None, got {task.methods!r}"
    if isinstance(task, FunctionTask):
        yield from _uncallable(task.function, "configuration", "seed")
    else:
        yield from _uncallable(task.train, "method", "configurations", "seeds", "device")
    yield from _uncallable(task.prepare, "progress")
    yield from _uncallable(task.load, "device")
    yield from _uncallable(task.files)


def _uncallable(function: Callable[..., object], *parameters: str) -> Iterator[str]:
    """What is wrong with a function that is to be called with these."""
    expected = f"({', '.join(parameters)})"
    if not callable(function):
        yield f"needs a function of {expected}, got {function!r}"
        return
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # it is built in, and cannot tell
        return
    try:
        signature.bind(*parameters)
    except TypeError:
        yield f"calls {place_of(function)} with {expected}, which takes {signature}"
