"""Executors: where packs are trained. The future is the interface; one executor a file.

Each is made of `workers` (how many, or None for what fits the place), `devices` (as the user names them) and
`per_device` (workers that share a GPU), and may take settings of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Executor(Protocol):
    """What every executor is: a place for function calls, and how many it works on at once."""

    @property
    def workers(self) -> int:
        """Calls that run at the same time; it may change while it runs."""

    @property
    def waiting(self) -> int:
        """Calls worth submitting beyond those: 1, to have the next at hand when a worker is free, or 0."""

    @property
    def device(self) -> str:
        """What its workers train on, for the provenance."""

    @property
    def lost(self) -> list[str]:
        """A sentence on each worker, device or node that it had to give up."""

    def share(self, files: Sequence[Path]) -> None:
        """Make files that training reads available to all workers; called once, before any call."""

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call function(*arguments) somewhere.

        The function is importable by name there, and arguments and result can be pickled. A worker that
        dies fails its own call, and no other. A device that stops working fails none: its call moves to
        another one, and only where none is left it ends in DeviceError.
        """

    def close(self) -> None:
        """Stop at once, without waiting for calls that are still running."""
