"""The inline executor: calls run in this process, one after the other. It is the simplest, and for debugging."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from hpsearch.contracts.executor import Executor
from hpsearch.system.devices import CPU, named, use_here

T = TypeVar("T")


class Inline(Executor):
    """Runs each call within `submit`.

    What a task prints is not shown, unless it asks somebody at a terminal, as a debugger does. What its C libraries and
    children print goes where it always did.
    """

    workers = 1

    def __init__(self, workers: int | None = None, devices: str = CPU, per_device: int = 1) -> None:
        """Train on the first of `devices`, with one worker; more are an error."""
        if workers not in (None, 1) or per_device != 1:
            raise ValueError(f"the inline executor has one worker, not {max(workers or 1, per_device)}")
        self.device = named(devices)[0]
        self.lost: list[str] = []
        use_here(self.device)

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call now; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # what a function raises belongs to its future
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Do nothing, since nothing is running."""


EXECUTOR = Inline
