"""Waits for what another process or thread does."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

# Seconds. No test is about speed, for CI's machine may be busy: a wait ends only what hangs. Benchmarks measure.
PATIENCE = 300.0


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition, and fail if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def hears_ctrl_c() -> None:
    """For Popen's preexec_fn: a shell lets what it starts in the background ignore Ctrl-C, and their children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
