"""Python's standard streams replaced while a task trains in the user's own process, and as they were afterwards.

What else goes on in that process, in a notebook for example, keeps its descriptors: so what C libraries and child
processes print is not taken here.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from hpsearch.system.ends import Ends


class _Taking(io.RawIOBase):
    """In place of a stream, which it passes on to when its time is over, or when `show` says so."""

    def __init__(self, before: TextIO | None, taken: Ends) -> None:
        self.before, self.taken, self.shown = before, taken, False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return super().fileno() if self.before is None else self.before.fileno()

    def write(self, data: object) -> int:
        written = bytes(cast(bytes, data))
        self.taken.add(written)
        if self.shown and self.before is not None:
            self.before.write(written.decode("utf-8", "replace"))
        return len(written)


class _Asking:
    """Standard input: who reads from it, a debugger for example, wants to see what is asked."""

    def __init__(self, before: TextIO, show: Callable[[], None]) -> None:
        self._before, self._show = before, show

    def __getattr__(self, name: str) -> object:
        if name in ("fileno", "read", "readline", "readlines"):
            self._show()
        return getattr(self._before, name)

    def __iter__(self) -> Iterator[str]:
        self._show()
        return iter(self._before)


@contextmanager
def replaced() -> Iterator[Ends]:
    """Take what the block prints and logs."""
    taken, asked, before = Ends(), sys.stdin, [sys.stdout, sys.stderr]
    raw = [_Taking(stream, taken) for stream in before]
    inside: list[TextIO] = [
        io.TextIOWrapper(cast(Any, one), "utf-8", "backslashreplace", write_through=True) for one in raw
    ]

    def show() -> None:
        if not raw[0].shown and before[0] is not None:
            before[0].write(taken.text())
        for one in raw:
            one.shown = True

    moved: list[tuple[logging.StreamHandler[TextIO], TextIO]] = []
    try:
        for handler in _log_handlers():
            for new, old in zip(inside, ((before[0], sys.__stdout__), (before[1], sys.__stderr__)), strict=True):
                if handler.stream is not None and handler.stream in old:
                    moved.append((handler, handler.stream))
                    handler.setStream(new)
        sys.stdout, sys.stderr = inside
        if _is_terminal(asked):
            sys.stdin = cast(TextIO, _Asking(asked, show))
        yield taken
    finally:
        sys.stdin, (sys.stdout, sys.stderr) = asked, before
        for handler, stream in moved:
            handler.setStream(stream)
        for handler in _log_handlers():  # those that the task has made
            if handler.stream in inside:
                handler.setStream(before[inside.index(handler.stream)])
        for one in raw:
            one.shown = True


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


def _log_handlers() -> list[logging.StreamHandler[TextIO]]:
    """All that write log records to a stream."""
    loggers = [logging.root, *list(logging.root.manager.loggerDict.values())]
    handlers = [handler for logger in loggers if isinstance(logger, logging.Logger) for handler in logger.handlers]
    return [handler for handler in handlers if isinstance(handler, logging.StreamHandler)]
