"""Executor: a place where packs are trained. The future is the interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Executor(ABC):
    """A place for function calls, and how many it works on at once.

    A module holds the class as EXECUTOR. Its `__init__` gets `workers` (how many, or None for what fits the place).
    It may also declare the keywords `devices` (as the user names them), `per_device` (workers that share a GPU),
    `address` and `time_limit` (seconds a call may take); to ask for one that it does not declare is an error.
    """

    device: str = "cpu"
    """What the workers train on, for the provenance."""
    lost: Sequence[str] = ()
    """One sentence on each worker, device or node that was given up."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many calls run at the same time; the number may change during a run."""

    @property
    def waiting(self) -> int:
        """How many more calls are worth submitting, so that a worker that becomes free finds the next one."""
        return 0

    def share(self, files: Sequence[Path]) -> None:  # noqa: ARG002
        """Make files that training reads available to all workers; called once, before any call."""
        return

    def prepare(self, function: Callable[..., object], *arguments: object) -> None:  # noqa: ARG002
        """Call function(*arguments) in the workers before anything is submitted, where that has them ready sooner.

        What it returns or raises is dropped.
        """
        return

    @abstractmethod
    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call function(*arguments) somewhere.

        The function can be imported by name there, and arguments and result can be pickled. A worker that
        dies fails its own call and no other; what it had printed may be a note of the error. A device that stops
        working fails no call: its call moves to another device, and ends in DeviceError only if none is left.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop at once, without waiting for calls that are still running."""
