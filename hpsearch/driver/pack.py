"""What a worker does: train one pack, from names alone, and check what the task returns."""

from __future__ import annotations

import math
import numbers
import platform
import sys
import time
import traceback
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hpsearch.contracts.errors import DeviceError
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Result
from hpsearch.contracts.space import RESERVED, Configuration
from hpsearch.contracts.task import Task
from hpsearch.contracts.text import in_characters
from hpsearch.study.plan import PlanByName
from hpsearch.system import devices
from hpsearch.system.stopping import Stopped

LINES_KEPT = 12
"""How many lines of a traceback are kept: its end says where in the task's code the fault is."""
LONGEST = 2_000
"""How many characters of a task's message are kept: a database keeps one for every attempt that failed."""
LARGEST = sys.float_info.max


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
                    results += checked_results(returned, len(configurations[now]), plan.hyperparameters)
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


def checked_results(returned: object, count: int, hyperparameters: Collection[str] = ()) -> list[Result]:
    """What a task's `train` returned, or TypeError for nonsense that could not be recorded or reported.

    A complete result whose objective is not finite has diverged, whatever the task says.
    """
    if not isinstance(returned, list) or not all(isinstance(result, Result) for result in returned):
        raise TypeError(f"the task's train must return a list of Result, got {type(returned).__name__}")
    if len(returned) != count:
        raise TypeError(f"the task returned {len(returned)} results for {count} configurations")
    taken = {*RESERVED, *hyperparameters}
    for result in returned:
        if result.outcome not in ("complete", "diverged", "failed") or not isinstance(result.reason, str):
            raise TypeError(f"a result's outcome is complete, diverged or failed, got {result.outcome!r}")
        values = {"objective": result.objective, **result.metrics}
        values |= {f"{name}[{i}]": v for name, curve in result.curves.items() for i, v in enumerate(curve)}
        for name, value in values.items():
            if value is not None and not isinstance(value, numbers.Real):
                raise TypeError(f"a result's {name} must be a number, got {type(value).__name__}")
            if isinstance(value, int) and abs(value) > LARGEST:
                raise TypeError(f"a result's {name} is too large for a floating-point number")
            if _text(name) != name:
                raise TypeError(f"a metric or curve may not be called {name!r}: that is no text")
        if clash := taken.intersection(result.metrics) or {"method", "repeat", "trial", "epoch"} & set(result.curves):
            raise TypeError(f"a result's metric or curve may not be called {min(clash)!r}: a column has that name")
        if len({len(curve) for curve in result.curves.values()}) > 1:
            raise TypeError("the curves of a result must have one value an epoch each")
    return [_or_diverged(replace(result, reason=_text(result.reason))) for result in returned]


def _or_diverged(result: Result) -> Result:
    if result.outcome != "complete" or (result.objective is not None and math.isfinite(result.objective)):
        return result
    return replace(result, objective=None, outcome="diverged", reason=f"the objective was {result.objective}")


def _text(text: str) -> str:
    """The text as it can be kept: a message may hold a whole array."""
    text = in_characters(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... and {len(text) - LONGEST} characters more"


def _one_line(error: BaseException) -> str:
    # Where the task's own code was, by the file's name: a folder would say more of a machine than of the fault.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return _text(f"{type(error).__name__}: {' '.join(_said(error).split())}{where}")


def _last_lines(error: BaseException) -> str:
    """Innermost frames by file name, and the message."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{Path(f.filename).name}:{f.lineno} in {f.name}: {(f.line or '').strip()}" for f in frames]
    message = f"{type(error).__name__}: {_said(error)}".strip().splitlines()
    return _text("\n".join([*lines[-LINES_KEPT // 2 :], *message[-LINES_KEPT // 2 :]]))


def _said(error: BaseException) -> str:
    """An error's message; one of a task's own may be unable to say anything."""
    try:
        return str(error)
    except Exception as another:
        return f"(its message cannot be had: {type(another).__name__})"


_fitting: dict[tuple[PlanByName, str], int] = {}
"""How many trials of a method fit into this worker's memory, where that is known to be fewer than a pack."""
