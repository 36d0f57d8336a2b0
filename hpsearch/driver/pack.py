"""What a worker does: train one pack, from names alone, and check what the task returns."""

from __future__ import annotations

import platform
import time
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.contracts.errors import DeviceError
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Result
from hpsearch.contracts.space import Configuration
from hpsearch.contracts.task import Task
from hpsearch.driver.returned import ReturnError, checked_results, returned_by, text_kept
from hpsearch.study.plan import PlanByName
from hpsearch.system import devices
from hpsearch.system.stopping import Stopped

LINES_KEPT = 12
"""How many lines of a traceback are kept: its end says where in the task's code the fault is."""


class PackError(Exception):
    """What a task raised, in a form that can cross processes: one line, and the last lines of the traceback."""

    def __init__(self, line: str, trace: str = "") -> None:
        """`line` is kind, message, file and line number."""
        super().__init__(line, trace)
        self.trace = trace

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Trained:
    """A pack's results, how long it took, where, and how many warnings were raised in it.

    `started` and `ended` are what the clock said, which somebody may have set meanwhile; `seconds` is what passed.
    `together` is how many trials were trained at once, at most: fewer than all where memory did not allow more.
    """

    results: list[Result]
    started: float
    ended: float
    seconds: float
    host: str
    device: str
    warnings: int
    together: int


def train_pack(
    plan_by_name: PlanByName,
    label: str,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
) -> Trained:
    """Train the configurations together, on this process's device.

    A pack for which memory does not suffice is halved, and halved again: a result does not depend on its company.

    Args:
        plan_by_name: what is compared; its names become objects here.
        label: the method's.
        configurations: one a trial, of the method's space.
        seeds: one a trial.

    Raises:
        DeviceError: if the device may have stopped working; this process can train no more.
        PackError: for whatever else the task raises or returns wrongly.
    """
    results: list[Result] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            plan = plan_by_name.plan()
            plan.task.load(devices.torch_name())
            started, begun = time.time(), time.perf_counter()
            fits = (plan_by_name, label)
            size = _fitting.get(fits, len(configurations))
            while len(results) < len(configurations):
                now = slice(len(results), len(results) + size)
                returned = _train(plan.task, plan.methods[label], configurations[now], seeds[now])
                if returned is None:
                    size = _fitting[fits] = -(-min(size, len(configurations)) // 2)
                else:
                    count = len(configurations[now])
                    results += checked_results(returned, count, plan.hyperparameters, returned_by(plan.task))
        except (Stopped, KeyboardInterrupt):
            raise
        except BaseException as error:  # a task may raise anything
            if devices.is_the_devices(error):
                raise DeviceError(_one_line(error)) from None
            raise PackError(_one_line(error), _last_lines(error)) from None
    together = min(size, len(configurations))
    seconds = time.perf_counter() - begun
    return Trained(results, started, time.time(), seconds, platform.node(), devices.own(), len(caught), together)


def _train(
    task: Task, method: Method, configurations: Sequence[Configuration], seeds: Sequence[int]
) -> list[Result] | None:
    """What the task returns, or None where memory does not suffice for so many."""
    try:
        own = [dict(configuration) for configuration in configurations]  # which the task may change
        return task.train(method, own, seeds, devices.torch_name())
    except Exception as error:
        if len(configurations) == 1 or not devices.is_out_of_memory(error):
            raise
    devices.free_memory()  # not before the error, which holds on to all that was computed, is gone
    return None


def _one_line(error: BaseException) -> str:
    # Where the task's own code was, by the file's name: a folder would say more of a machine than of the fault.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, ReturnError):  # which names the task's function
        where = ""
    return text_kept(f"{type(error).__name__}: {' '.join(_said(error).split())}{where}")


def _last_lines(error: BaseException) -> str:
    """Innermost frames by file name, and the message."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{Path(f.filename).name}:{f.lineno} in {f.name}: {(f.line or '').strip()}" for f in frames]
    message = f"{type(error).__name__}: {_said(error)}".strip().splitlines()
    return text_kept("\n".join([*lines[-LINES_KEPT // 2 :], *message[-LINES_KEPT // 2 :]]))


def _said(error: BaseException) -> str:
    """An error's message; one of a task's own may be unable to say anything."""
    try:
        return str(error)
    except Exception as another:
        return f"(its message cannot be had: {type(another).__name__})"


_fitting: dict[tuple[PlanByName, str], int] = {}
"""How many trials of a method fit into this worker's memory, where that is known to be fewer than a pack."""
