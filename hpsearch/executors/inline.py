"""In this process, one call after the other: the simplest executor, and the one to debug with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Inline:
    """Runs a call while it is submitted."""

    workers = 1
    waiting = 0

    def __init__(self, workers: int | None = None) -> None:
        """`workers` is accepted for the sake of the other executors; it can only be 1 here."""
        if workers not in (None, 1):
            raise ValueError(f"the inline executor has one worker, not {workers}")

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call now; the future is done when this returns."""
        future: Future[T] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:  # what a function raises belongs to its future
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Nothing is running."""


EXECUTOR = Inline
