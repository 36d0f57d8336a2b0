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

    A module holds the class as EXECUTOR. It is made of `workers` (how many, or None for what fits the place) and of
    those keywords among `devices` (as the user names them), `per_device` (workers that share a GPU), `address` and
    `time_limit` (seconds a call may take) that its `__init__` declares; asking it for another one is an error.
    """

    device: str
    """What its workers train on, for the provenance."""
    lost: list[str]
    """A sentence on each worker, device or node that it had to give up."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """Calls that run at the same time; it may change while it runs."""

    @property
    def waiting(self) -> int:
        """Calls worth submitting beyond those, to have the next at hand when a worker is free."""
        return 0

    def share(self, files: Sequence[Path]) -> None:  # noqa: ARG002
        """Make files that training reads available to all workers; called once, before any call."""
        return

    @abstractmethod
    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call function(*arguments) somewhere.

        The function is importable by name there, and arguments and result can be pickled. A worker that
        dies fails its own call, and no other; what it had printed may be a note of the error. A device that stops
        working fails none: its call moves to another one, and only where none is left it ends in DeviceError.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop at once, without waiting for calls that are still running."""
