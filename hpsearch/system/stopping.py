"""Ctrl-C and SIGTERM: the first stops in order, the second at once. A terminal that goes away stops nothing."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import IO

SHOW_CURSOR = b"\x1b[?25h"
_asked: list[int] = []


class Stopped(SystemExit):
    """Somebody asked this process to stop; `code` is its exit code, as usual 128 + the signal."""


def listen() -> None:
    """From now on Ctrl-C and SIGTERM raise Stopped in the main thread once, and then end the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and a shell's background jobs ignore signals
            signal.signal(number, _first)


def check() -> None:
    """Raise Stopped again if somebody asked for it: a task may have swallowed the first one."""
    if _asked:
        raise Stopped(_asked[0])


def outlive_terminal() -> None:
    """Go on if the terminal goes away; processes that this one starts from now on do so too."""
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def tell(line: object, stream: IO[str]) -> None:
    """Print a line, unless nobody can read it any more."""
    try:
        print(line, file=stream, flush=True)
    except OSError:  # the terminal has gone away
        forget(stream)


def forget(stream: IO[str]) -> None:
    """Drop what is written to a stream that is gone and what it still holds, so that Python's end raises no error."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _first(number: int, _: FrameType | None) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(again) is _first:
            signal.signal(again, _second)
    _asked.append(128 + number)
    raise Stopped(_asked[0])


def _second(number: int, _: FrameType | None) -> None:
    if os.isatty(2):
        os.write(2, SHOW_CURSOR)  # progress bars hide it
    os._exit(128 + number)  # workers end with their driver
