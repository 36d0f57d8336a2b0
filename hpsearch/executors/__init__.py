"""Executors: where packs are trained. The future is the interface; one executor a file."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Executor(Protocol):
    """What every executor is: a place for function calls, and how many it works on at once."""

    @property
    def workers(self) -> int:
        """Calls that run at the same time."""

    @property
    def waiting(self) -> int:
        """Calls worth submitting beyond those: 1, to have the next at hand when a worker is free, or 0."""

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call function(*arguments) somewhere.

        The function is importable by name there, and arguments and result can be pickled. A worker that
        dies fails its own call, and no other.
        """

    def close(self) -> None:
        """Stop at once, without waiting for calls that are still running."""
