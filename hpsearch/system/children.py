"""Child processes: how each begins, and how all of them end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker

SECONDS_TO_NOTICE = 5
"""How long the end of a pool waits for its thread to see that its processes are dead, which takes milliseconds."""


def end_with_driver() -> None:
    """First thing in a child: leave Ctrl-C, which reaches the whole group, to the driver, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    driver = multiprocessing.parent_process()
    if driver is None:
        return

    def follow() -> None:
        driver.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """What is started within never hears of Ctrl-C, also before `end_with_driver`: a signal mask is inherited."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # the first to be started, and it unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def kill(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes at once, whatever they are doing."""
    manager: threading.Thread | None = pool._executor_manager_thread  # type: ignore[assignment]  # typeshed errs
    for process in list((pool._processes or {}).values()):
        process.kill()
    # It ends as soon as it sees that they are dead; while it does, the interpreter's own end may trip over it.
    if manager is not None:
        manager.join(timeout=SECONDS_TO_NOTICE)


def importing_main() -> bool:
    """Whether this is a child that is still importing its driver's script: nothing there may start children."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))
