"""Local processes: one single-threaded worker a core, each replaced alone when it dies."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any, TypeVar

from hpsearch.children import available_cores, end_with_driver, kill

T = TypeVar("T")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Processes:
    """A thread for each worker process, which it starts, feeds, and replaces if it breaks.

    A standard process pool fails all its calls when one worker dies. Here every worker is a pool of its
    own, so that only the call that it died of fails.
    """

    waiting = 1

    def __init__(self, workers: int | None = None) -> None:
        """Start with `workers` processes, by default one a core that this process may use."""
        self.workers = available_cores() if workers is None else workers
        if self.workers < 1:
            raise ValueError(f"there must be at least one worker, got {workers}")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._pools: set[ProcessPoolExecutor] = set()
        self._closed = False
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="worker")

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Call in the next free worker; BrokenExecutor if that worker dies of it."""
        return self._threads.submit(self._call, function, arguments)

    def close(self) -> None:
        """Kill the workers and drop what waits."""
        with self._lock:
            self._closed = True
            pools = list(self._pools)
        self._threads.shutdown(wait=False, cancel_futures=True)
        for pool in pools:
            kill(pool)
        self._threads.shutdown(wait=True)

    def _call(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        pool: ProcessPoolExecutor | None = getattr(self._local, "pool", None)
        if pool is None:
            pool = self._start()
        with self._lock:  # a worker process begins with its first call: `close` must see it or forbid it
            if self._closed:
                raise BrokenExecutor("the executor is closed")
            future = pool.submit(function, *arguments)
        try:
            return future.result()
        except BrokenExecutor as error:
            with self._lock:
                self._pools.discard(pool)
            self._local.pool = None
            pool.shutdown(wait=False)
            raise BrokenExecutor("the worker process died (killed, out of memory, or crashed)") from error

    def _start(self) -> ProcessPoolExecutor:
        # Spawned, so that a worker starts from nothing: no torch threads, locks or files of this process.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(1, context, _begin, (list(sys.path),))
        with self._lock:
            self._pools.add(pool)
        self._local.pool = pool
        return pool


def pin_threads() -> None:
    """One thread a process from now on, in this process and those it starts.

    Two threads a process on two cores halve the throughput, and results change with their number.
    """
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _begin(path: list[str]) -> None:
    """First thing in a worker: one thread, the driver's import path, and no life after the driver's."""
    end_with_driver()
    pin_threads()
    sys.path[:] = path


EXECUTOR = Processes
