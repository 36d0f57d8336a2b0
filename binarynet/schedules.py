"""Schedules: the factor on a hyperparameter after a share of the training; but for a warm-up it is 1 at the start.

Study files write a schedule as "cosine", or with its numbers as "step(0.1, 5)".
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping


def constant(progress: float) -> float:  # noqa: ARG001
    """1 throughout."""
    return 1.0


def cosine(progress: float, end: float = 0.0) -> float:
    """From 1 to `end` along half a cosine (Loshchilov and Hutter 2017, eq. 5, without restarts)."""
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * progress))


def linear(progress: float, end: float = 0.0) -> float:
    """From 1 to `end` along a line."""
    return 1.0 + (end - 1.0) * progress


def exponential(progress: float, end: float = 0.001) -> float:
    """From 1 to `end`, by the same ratio in every step."""
    return float(end**progress)


def step(progress: float, factor: float = 0.1, stages: float = 3) -> float:
    """`stages` equal parts of the training, each at `factor` times the level of the one before."""
    return float(factor ** math.floor(progress * stages))


def warmup(progress: float, share: float = 0.01) -> float:
    """From 0 to 1 along a line over a share of the training (Goyal et al. 2017), then to 0 along half a cosine."""
    return progress / share if progress < share else cosine((progress - share) / (1.0 - share))


SCHEDULES: Mapping[str, Callable[..., float]] = {
    schedule.__name__: schedule for schedule in (constant, cosine, linear, exponential, step, warmup)
}


def check_schedules(schedules: Mapping[str, str]) -> None:
    """Raise ValueError unless every hyperparameter's schedule can be read."""
    for hyperparameter, text in schedules.items():
        try:
            _read(text)
        except ValueError as error:
            raise ValueError(f"{hyperparameter}: {error}") from None


def factors(text: str, steps: int) -> list[float]:
    """The schedule's factor at each of `steps` steps; step i lies at progress i / steps."""
    schedule, numbers = _read(text)
    return [schedule(step / steps, *numbers) for step in range(steps)]


def _read(text: str) -> tuple[Callable[..., float], tuple[float, ...]]:
    """A schedule and its numbers. Raises ValueError if there is none of this name, or if it cannot take the numbers."""
    match = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", text)
    if match is None or match[1] not in SCHEDULES:
        raise ValueError(f"no schedule {text!r}; there are {', '.join(_written(name) for name in SCHEDULES)}")
    try:
        numbers = tuple(float(number) for number in match[2].split(",")) if (match[2] or "").strip() else ()
    except ValueError:
        raise ValueError(f"the schedule {text!r} takes numbers: {_written(match[1])}") from None
    schedule = SCHEDULES[match[1]]
    if len(numbers) > len(inspect.signature(schedule).parameters) - 1:
        raise ValueError(f"the schedule {text!r} has too many numbers: {_written(match[1])}")
    if any(not math.isfinite(number) or number < 0 for number in numbers):
        raise ValueError(f"the numbers of the schedule {text!r} must be finite and at least 0")
    if schedule is exponential and numbers == (0.0,):
        raise ValueError("an exponential schedule cannot end at 0: give a small number")
    if schedule is warmup and numbers and not 0 < numbers[0] < 1:
        raise ValueError(f"the warm-up of the schedule {text!r} must be a share of the training, above 0 and below 1")
    if schedule is step and len(numbers) == 2 and (numbers[1] < 1 or numbers[1] != int(numbers[1])):
        raise ValueError(f"the stages of the schedule {text!r} must be a whole number from 1")
    return schedule, numbers


def _written(name: str) -> str:
    """A schedule with the names and defaults of its numbers, for messages."""
    parameters = list(inspect.signature(SCHEDULES[name]).parameters.values())[1:]
    numbers = ", ".join(f"{parameter.name}={parameter.default:g}" for parameter in parameters)
    return f"{name}({numbers})" if numbers else name
