"""The worker's side: train one pack, given only names, and check what the task returns."""

from __future__ import annotations

import platform
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from hpsearch.contracts.errors import DeviceError
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Result
from hpsearch.contracts.space import RESERVED_OF_SEEDS, Configuration
from hpsearch.contracts.task import Context, ReturnError, Task
from hpsearch.driver.returned import checked_results, returned_by, text_kept
from hpsearch.study.plan import PlanByName
from hpsearch.system import devices
from hpsearch.system.output import captured, note
from hpsearch.system.stopping import Stopped

LINES_KEPT = 12
"""How many lines of a traceback are kept; its end says where in the task's code the fault is."""


class PackError(Exception):
    """What a task raised, in a form that can cross processes: one line, and the last lines of the traceback."""

    def __init__(self, line: str, trace: str = "") -> None:
        """`line` has the error's kind, message, file and line number."""
        super().__init__(line, trace)
        self.trace = trace

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Trained:
    """A pack's results, how long they took, where, how many warnings were raised, and what was printed.

    `started` and `ended` are what the clock said, which may have been set meanwhile; `seconds` is what passed.
    `together` is how many trials were trained at once at most: fewer than all if memory did not suffice.
    """

    results: list[Result]
    started: float
    ended: float
    seconds: float
    host: str
    device: str
    warnings: int
    together: int
    output: str


def train_pack(
    plan_by_name: PlanByName,
    label: str,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    numbers: Sequence[tuple[int, int, int]] | None = None,
) -> Trained:
    """Train the configurations together, on this process's device.

    A pack for which memory does not suffice is halved again and again, since a result does not depend on its company.

    Args:
        plan_by_name: what is compared; its names become objects here.
        label: the method's label.
        configurations: one per trial, from the method's space.
        seeds: one per trial.
        numbers: study, trial and number of the seed of each; None for trials of no study, which count as the first
            ones of so many.

    Raises:
        DeviceError: if the device may have stopped working; this process can train no more.
        PackError: if the task raises anything else, or returns something wrong.
    """
    results: list[Result] = []
    contexts = [Context(label, *pair) for pair in numbers or [(i, 1, 1) for i, _ in enumerate(seeds, 1)]]
    with captured() as printed, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            plan = plan_by_name.plan()
            taken = plan.hyperparameters | (RESERVED_OF_SEEDS if plan.spec.seeds > 1 else frozenset())
            task = plan.task_of(label, contexts[0].repeat)
            if any(plan.task_of(label, context.repeat) is not task for context in contexts):
                raise ValueError("studies with different splits of the data cannot be trained together")
            _load(task)
            started, begun = time.time(), time.perf_counter()
            fits = (plan_by_name, label)
            size = _fitting.get(fits, len(configurations))
            method = plan.methods[label]
            while len(results) < len(configurations):
                now = slice(len(results), len(results) + size)
                returned = _train(task, method, configurations[now], seeds[now], contexts[now])
                if returned is None:
                    size = _fitting[fits] = -(-min(size, len(configurations)) // 2)
                else:
                    count = len(configurations[now])
                    checked = checked_results(returned, count, taken, returned_by(task, method))
                    results += checked if plan.spec.keep_correct else [replace(each, correct={}) for each in checked]
        except (Stopped, KeyboardInterrupt):
            raise
        except BaseException as error:  # a task may raise anything
            broken = devices.is_the_devices(error)
            failure = DeviceError(_one_line(error)) if broken else PackError(_one_line(error), _last_lines(error))
            note(failure, printed())
            raise failure from None
        seconds = time.perf_counter() - begun
        output = printed()
    together = min(size, len(configurations))
    place = (platform.node(), devices.own())
    return Trained(results, started, time.time(), seconds, *place, len(caught), together, output)


def imported(modules: Sequence[str]) -> None:
    """Import what training will need."""
    for module in modules:
        import_module(module)


def _load(task: Task) -> None:
    """Let a task load its data, once in a process for as long as no other one, or another split, is trained in it."""
    if _loaded[0] is not task:
        task.load(devices.torch_name())
        _loaded[0] = task


def _train(
    task: Task,
    method: Method,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    contexts: Sequence[Context],
) -> list[Result] | None:
    """What the task returns, or None if memory does not suffice for so many trials."""
    try:
        own = [dict(configuration) for configuration in configurations]  # copies, which the task may change
        return task.train_in(method, own, seeds, devices.torch_name(), contexts)
    except Exception as error:
        if len(configurations) == 1 or not devices.is_out_of_memory(error):
            raise
    devices.free_memory()  # after the error is gone, since it holds on to all that was computed
    return None


def _one_line(error: BaseException) -> str:
    # Name the file without its folder, which says more about a machine than about the fault.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, ReturnError):  # it names the task's function
        where = ""
    return text_kept(f"{type(error).__name__}: {' '.join(_said(error).split())}{where}")


def _last_lines(error: BaseException) -> str:
    """The innermost frames with their files' names, and the message."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{Path(f.filename).name}:{f.lineno} in {f.name}: {(f.line or '').strip()}" for f in frames]
    message = f"{type(error).__name__}: {_said(error)}".strip().splitlines()
    return text_kept("\n".join([*lines[-LINES_KEPT // 2 :], *message[-LINES_KEPT // 2 :]]))


def _said(error: BaseException) -> str:
    """An error's message; a task's own error may be unable to give one."""
    try:
        return str(error)
    except Exception as another:
        return f"(its message cannot be had: {type(another).__name__})"


_loaded: list[Task | None] = [None]
"""The task that has loaded its data here."""
_fitting: dict[tuple[PlanByName, str], int] = {}
"""How many trials of a method fit into this worker's memory, if they are known to be fewer than a pack."""
