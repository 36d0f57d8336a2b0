"""Child processes: how each begins, and how all of them end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker

SECONDS_TO_NOTICE = 5
"""How long `kill` waits for a pool's thread to see that its processes are dead; normally that takes milliseconds."""


def end_with_driver() -> None:
    """Call first in a child process: leave Ctrl-C, which reaches the whole group, to the driver; end when it ends."""
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
    """Start children that never see Ctrl-C, even before `end_with_driver`: they inherit the signal mask."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # it must start before, since it unblocks the signal
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
    # The thread ends when it sees that they are dead; until then the interpreter's own end may trip over it.
    if manager is not None:
        manager.join(timeout=SECONDS_TO_NOTICE)


def importing_main() -> bool:
    """Whether this is a child still importing its driver's script, which must not start children of its own."""
    return bool(getattr(multiprocessing.current_process(), "_inheriting", False))


def forget_piped_main() -> None:
    """Let children begin where Python reads the main module from a pipe: they would look for the file "<stdin>"."""
    main = sys.modules["__main__"]
    if vars(main).get("__file__") == "<stdin>":
        del main.__file__
