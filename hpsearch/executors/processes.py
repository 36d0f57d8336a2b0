"""Local processes: one single-threaded worker per core, or several per GPU; a worker that dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import reduction
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from hpsearch.contracts.errors import DeviceError
from hpsearch.contracts.executor import Executor
from hpsearch.system import descriptors
from hpsearch.system import devices as hpsearch_devices
from hpsearch.system.children import end_with_driver, kill, without_ctrl_c
from hpsearch.system.cores import available_cores
from hpsearch.system.devices import CPU
from hpsearch.system.output import note
from hpsearch.system.rounding import leave_rounding_alone
from hpsearch.system.threads import pin_threads

T = TypeVar("T")
PROBE_SECONDS = 300
"""Seconds in which a device must compute something, in a process that imports torch first, or it is gone."""


STARTS = 3
"""How often the start of a worker's process is tried before the worker is given up."""


class _CannotBeginError(Exception):
    """No process could be started for a worker; the text says why."""


@dataclass
class _Call:
    future: Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    begun: bool = False


@dataclass
class _Worker:
    """A place for one process: its device, its output, and the process as a pool of one, if it has started."""

    device: str
    output: int | None = field(default_factory=descriptors.new_file)
    pool: ProcessPoolExecutor | None = None


class Processes(Executor):
    """Worker processes, each with a thread here that starts it, feeds it, and replaces it if it breaks.

    A standard process pool fails all its calls when one worker dies. Here every worker is a pool of its own, so that
    only the call on which it died fails. A worker whose GPU no longer computes is given up, and its call goes to the
    next free worker.
    """

    def __init__(
        self,
        workers: int | None = None,
        devices: str = CPU,
        per_device: int = 1,
        probe: Callable[[], None] = hpsearch_devices.probe,
        time_limit: float | None = None,
    ) -> None:
        """Start `workers` processes, by default one per core that this process may use; on GPUs `per_device` on each.

        A call that takes longer than `time_limit` seconds fails with TimeoutError, and its worker is killed.
        """
        names = hpsearch_devices.named(devices)
        if per_device < 1 or (workers is not None and workers < 1):
            raise ValueError(f"there must be at least one worker, got {min(per_device, workers or per_device)}")
        if names == (CPU,):
            if per_device != 1:
                raise ValueError("workers share GPUs only; for the CPU give a number of workers")
            places = [CPU] * (available_cores() if workers is None else workers)
        elif workers is not None:
            raise ValueError("on GPUs give the number of workers on each (per device) instead of all together")
        else:
            places = [name for _ in range(per_device) for name in names]
        self.device = ", ".join(names) + (f" with {per_device} workers each" if per_device > 1 else "")
        self.lost: list[str] = []
        self._probe, self._time_limit = probe, time_limit
        self._lock = threading.Lock()
        self._workers = [_Worker(device) for device in places]
        self._outputs = [worker.output for worker in self._workers if worker.output is not None]
        self._closed = False
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, args=(w,), daemon=True) for w in self._workers]
        for thread in self._threads:
            thread.start()

    @property
    def workers(self) -> int:
        """How many workers have not been given up."""
        return len(self._workers)

    @property
    def waiting(self) -> int:
        """One, so that a worker that becomes free finds the next call."""
        return 1

    def prepare(self, function: Callable[..., object], *arguments: object) -> None:
        """Start the processes, and call the function in each: while one is at it, others take the other calls."""
        for _ in range(self.workers):
            self.submit(function, *arguments)

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call in the next free worker; the call fails with BrokenExecutor if that worker dies."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                future.set_exception(BrokenExecutor("the executor is closed"))
            elif self._workers:
                self._calls.put(_Call(future, function, arguments))
            else:
                future.set_exception(self._none_left())
        return future

    def close(self) -> None:
        """Kill the workers and drop waiting calls."""
        with self._lock:
            self._closed = True
            for call in self._waiting_calls():
                if not call.future.cancel():  # one that another worker had begun
                    call.future.set_exception(BrokenExecutor("the executor is closed"))
            pools = [worker.pool for worker in self._workers if worker.pool is not None]
        for _ in self._threads:
            self._calls.put(None)
        for pool in pools:
            kill(pool)
        for thread in self._threads:
            thread.join(timeout=5)  # they are daemons
        while self._outputs:
            os.close(self._outputs.pop())

    def _serve(self, worker: _Worker) -> None:
        while (call := self._calls.get()) is not None:
            if not call.begun and not call.future.set_running_or_notify_cancel():
                continue
            call.begun = True
            error = self._run(worker, call)
            if error is None:
                continue
            self._end(worker)
            if self._closed:
                call.future.set_exception(error)
                return
            if worker.output is not None:  # for the dead one cannot tell any more
                note(error, descriptors.text_of(worker.output))
            if isinstance(error, _CannotBeginError):
                self._give_up(worker, call, f"a worker process cannot begin ({error})")
                return
            if worker.device == CPU or (reason := self._broken(worker)) is None:
                call.future.set_exception(error)
            else:
                self._give_up(worker, call, f"{worker.device} no longer works ({reason})")
                return

    def _run(self, worker: _Worker, call: _Call) -> Exception | None:
        """Let the worker do the call; returns an error if the worker cannot go on after it, else None."""
        if (reason := self._cannot_begin(worker)) is not None:
            return _CannotBeginError(reason)
        try:
            running = self._in_process(worker, call.function, *call.arguments)
            if not wait([running], self._time_limit).done:
                return TimeoutError(f"took longer than the time limit of {self._time_limit:g} s")
            call.future.set_result(running.result())
        except BrokenExecutor:
            return BrokenExecutor("the worker process died (killed, out of memory, or crashed)")
        except DeviceError as error:
            return error
        except BaseException as error:
            call.future.set_exception(error)
        return None

    def _cannot_begin(self, worker: _Worker) -> str | None:
        """Start a process for the worker, or say why it cannot begin; so no call is spent on one that never began."""
        reason = ""
        for _ in range(STARTS):
            try:
                self._in_process(worker, _ready).result(timeout=PROBE_SECONDS)
            except Exception as error:  # a full /dev/shm, no memory for a process, one that died while it had no work
                reason = str(error) or type(error).__name__
                self._end(worker)
            else:
                return None
        return reason

    def _in_process(self, worker: _Worker, function: Callable[..., T], *arguments: object) -> Future[T]:
        with self._lock:  # a process begins with its first call, which `close` must see or prevent
            if self._closed:
                raise BrokenExecutor("the executor is closed")
            if worker.pool is None:
                # Spawned, so that a worker starts from nothing: no torch threads, locks or files of this process.
                context = multiprocessing.get_context("spawn")
                output = None if worker.output is None else _Inherited(worker.output)
                worker.pool = ProcessPoolExecutor(1, context, _begin, (worker.device, output))
            with without_ctrl_c():  # Ctrl-C reaches the whole group, but is for the driver alone
                return worker.pool.submit(function, *arguments)

    def _end(self, worker: _Worker) -> None:
        """End the worker's process, which may be dead already."""
        with self._lock:
            pool, worker.pool = worker.pool, None
        if pool is not None:
            kill(pool)
            pool.shutdown(wait=False)

    def _broken(self, worker: _Worker) -> str | None:
        """Why a new process cannot compute on the worker's device, or None if it can."""
        try:
            self._in_process(worker, self._probe).result(timeout=PROBE_SECONDS)
        except Exception as error:
            self._end(worker)
            return str(error) or type(error).__name__
        return None

    def _give_up(self, worker: _Worker, call: _Call, reason: str) -> None:
        with self._lock:
            self._workers.remove(worker)
            self.lost.append(f"{reason}; {len(self._workers)} workers are left")
            if self._closed:
                call.future.set_exception(BrokenExecutor("the executor is closed"))
                return
            if self._workers:
                self._calls.put(call)
                return
            for left in [call, *self._waiting_calls()]:
                if left.begun or left.future.set_running_or_notify_cancel():
                    left.future.set_exception(self._none_left())

    def _waiting_calls(self) -> list[_Call]:
        """Take all waiting calls. Call this with the lock held, before `close` tells the threads to end."""
        calls = []
        with suppress(Empty):
            while (call := self._calls.get_nowait()) is not None:
                calls.append(call)
        return calls

    def _none_left(self) -> DeviceError:
        what = "no device works any more" if self.device != CPU else "no worker can begin any more"
        return DeviceError(f"{what}: {self.lost[-1]}; everything finished is kept: run again")


def _ready() -> None:
    pass


class _Inherited:
    """A descriptor that goes along to a process that is being spawned."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> Any:
        return reduction.DupFd(self.number)

    def __setstate__(self, duplicate: Any) -> None:
        self.number = duplicate.detach()


def _begin(device: str, output: _Inherited | None) -> None:
    """Set up a worker process: its output, its thread and rounding, its device, and an end together with the driver."""
    if output is not None:
        descriptors.own(output.number)
    end_with_driver()
    multiprocessing.set_start_method(None, force=True)  # a task's own children begin as on this platform by default
    pin_threads()
    leave_rounding_alone()
    hpsearch_devices.use_alone(device)


EXECUTOR = Processes
