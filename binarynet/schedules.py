"""Schedules: the factor on a hyperparameter at a share of the training, from 1 at its start."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping


def constant(progress: float) -> float:  # noqa: ARG001
    """1 throughout."""
    return 1.0


def cosine(progress: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov and Hutter 2017, eq. 5, without restarts)."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


SCHEDULES: Mapping[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine}


def check_schedules(schedules: Mapping[str, str]) -> None:
    """Raise ValueError unless every hyperparameter's schedule is one of SCHEDULES."""
    for hyperparameter, name in schedules.items():
        if name not in SCHEDULES:
            raise ValueError(f"no schedule {name!r} for {hyperparameter}; there are {', '.join(SCHEDULES)}")


def factors(name: str, steps: int) -> list[float]:
    """The schedule's factor at each of `steps` steps; step i lies at progress i / steps."""
    return [SCHEDULES[name](step / steps) for step in range(steps)]
