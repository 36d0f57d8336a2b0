"""A Ray cluster: packs as Ray tasks, on CPUs or on shares of GPUs; Ray retries them when a worker or node dies."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any, TypeVar

from hpsearch.contracts.errors import DeviceError
from hpsearch.contracts.executor import Executor
from hpsearch.data.shared_files import SharedFiles, bundle
from hpsearch.executors.processes import PROBE_SECONDS
from hpsearch.system import descriptors
from hpsearch.system import devices as hpsearch_devices
from hpsearch.system.cores import available_cores
from hpsearch.system.devices import CPU
from hpsearch.system.import_path import look_in
from hpsearch.system.rounding import leave_rounding_alone
from hpsearch.system.threads import pin_threads

T = TypeVar("T")
RETRIES = 3
"""How often Ray runs a pack again after its worker or node died; only then does the comparison count one failure."""
LOOK_EVERY = 5.0
"""Seconds after which the number of workers is looked up again, since nodes come and go."""

_spoilt = False
"""Whether this worker process has seen an error of its GPU; after one it can compute nothing there any more."""


class _BrokenDeviceError(Exception):
    """A worker's report that its node's GPU does not work: the node's id and the reason."""


class Ray(Executor):
    """The cluster at an address, or without an address Ray on this machine alone.

    The driver proposes and records; a pack is a Ray task. The files that training reads are put into Ray's object
    store once, and written to each node's disk once, unless the node sees the same files. A node whose GPU no longer
    computes gets no more packs, and its call goes to another node.
    """

    def __init__(
        self,
        workers: int | None = None,
        devices: str = CPU,
        per_device: int = 1,
        address: str | None = None,
        probe: Callable[[], None] = hpsearch_devices.probe,
        time_limit: float | None = None,
    ) -> None:
        """Connect. `devices` is "cpu", "cuda", or "auto" for GPUs if the cluster has any; Ray chooses which ones.

        A worker ends itself when a call takes longer than `time_limit` seconds; Ray then tries as after any death.
        """
        if workers is not None and workers < 1:
            raise ValueError(f"there must be at least one worker, got {workers}")
        if devices not in (CPU, "cuda", "auto"):
            raise ValueError(f"Ray chooses the devices itself: give cpu, cuda or auto instead of {devices!r}")
        self._ray = _connected(address, workers)
        gpus = self._ray.cluster_resources().get("GPU", 0)
        if devices == "cuda" and not gpus:
            self._ray.shutdown()
            raise DeviceError("--devices cuda: this Ray cluster has no GPUs")
        self._on_gpus = bool(gpus) and devices != CPU
        if per_device != 1 and not self._on_gpus:
            self._ray.shutdown()
            raise ValueError("workers share GPUs only; for CPUs give a number of workers")
        self.device = f"GPUs of a Ray cluster, {per_device} workers each" if self._on_gpus else "CPUs of a Ray cluster"
        self.lost: list[str] = []
        self._most, self._per_device, self._probe, self._time_limit = workers, per_device, probe, time_limit
        self._broken: set[str] = set()
        self._lock = threading.Lock()
        self._seen, self._count = -LOOK_EVERY, 0
        self._files: SharedFiles | None = None
        options: dict[str, float] = {"num_cpus": 1, "max_retries": RETRIES}
        if self._on_gpus:
            # Ray knows shares of a GPU to four decimals. Left to itself it ends a process after each call on a GPU,
            # and the next one would load everything anew.
            options |= {"num_gpus": int(1e4 / per_device) / 1e4, "max_calls": 0}
        self._task = self._ray.remote(**options)(_call)

    @property
    def workers(self) -> int:
        """How many calls the nodes have room for now; at least 1, since a cluster may grow when work waits."""
        with self._lock:
            if time.monotonic() - self._seen > LOOK_EVERY:
                nodes = [node for node in self._nodes() if node["NodeID"] not in self._broken]
                resource, each = ("GPU", self._per_device) if self._on_gpus else ("CPU", 1)
                room = int(sum(node["Resources"].get(resource, 0) for node in nodes) * each)
                self._seen, self._count = time.monotonic(), max(1, min(room, self._most or room))
                if self._broken and not nodes:
                    self._count = 0
            return self._count

    @property
    def waiting(self) -> int:
        """A quarter of the number of workers, so that workers that finish at the same time find work."""
        return max(1, self.workers // 4)

    def share(self, files: Sequence[Path]) -> None:
        """Put what training reads where every node can get it."""
        self._files = bundle(files, self._ray.put)

    def submit(self, function: Callable[..., T], *arguments: object) -> Future[T]:
        """Call in the cluster; the call fails with BrokenExecutor if the worker dies however often Ray tries."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._start(future, pickle.dumps((function, arguments)))
        return future

    def close(self) -> None:
        """Disconnect, which ends running calls; a Ray that was started here ends too."""
        self._ray.shutdown()

    def _start(self, future: Future[Any], payload: bytes) -> None:
        # Labels tell Ray which nodes to avoid.
        avoid = {"label_selector": {"ray.io/node-id": f"!in({','.join(sorted(self._broken))})"}} if self._broken else {}
        task = self._task.options(**avoid) if avoid else self._task
        result = task.remote(
            list(sys.path), self._files, self._probe if self._on_gpus else None, self._time_limit, payload
        )
        result.future().add_done_callback(lambda done: self._finish(done, future, payload))

    def _finish(self, done: Future[Any], future: Future[Any], payload: bytes) -> None:
        error = done.exception()
        cause = getattr(error, "cause", None)
        if error is None:
            future.set_result(done.result())
        elif isinstance(cause, _BrokenDeviceError):
            self._avoid(cause, future, payload)
        elif cause is not None:  # what the function raised, without Ray's traceback around it
            future.set_exception(cause)
        else:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            future.set_exception(
                BrokenExecutor(f"the worker or its node died{self._perhaps()}, {RETRIES + 1} times over ({reason})")
            )

    def _perhaps(self) -> str:
        limit = self._time_limit
        return "" if limit is None else f", perhaps at the time limit of {limit:g} s"

    def _avoid(self, broken: _BrokenDeviceError, future: Future[Any], payload: bytes) -> None:
        node, reason = broken.args
        with self._lock:
            if node not in self._broken:
                self._broken.add(node)
                self._seen = -LOOK_EVERY
                self.lost.append(f"node {node[:8]} gets no more packs ({reason})")
        if all(n["NodeID"] in self._broken for n in self._nodes()):
            future.set_exception(
                DeviceError(f"no device works any more: {self.lost[-1]}; everything finished is kept: run again")
            )
        else:
            self._start(future, payload)

    def _nodes(self) -> list[dict[str, Any]]:
        """Nodes that are alive and could train."""
        resource = "GPU" if self._on_gpus else "CPU"
        return [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get(resource, 0)]


def _connected(address: str | None, workers: int | None) -> Any:
    """The module ray, connected. Raises ValueError with a sentence if it cannot connect."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            "Ray is not installed; install it here and on all nodes: pip install -c constraints.txt 'hpsearch[ray]'"
        ) from error
    own = {"num_cpus": workers or available_cores(), "include_dashboard": False} if address is None else {}
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        if address and (host := re.fullmatch(r"(?:ray://)?(.+):(\d+)", address)):
            socket.create_connection((host[1], int(host[2])), timeout=10).close()  # Ray itself would try for minutes
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except Exception as error:  # it raises anything from ConnectionError to RuntimeError
        first = str(error).strip().splitlines()[0]
        raise ValueError(
            f"no Ray cluster at {address} ({first}); start one with: ray start --head"
            if address
            else f"Ray cannot start on this machine: {first}"
        ) from error
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers:  # Ray puts its own in their place
            signal.signal(number, handler)
    return ray


def _call(
    path: list[str],
    files: SharedFiles | None,
    probe: Callable[[], None] | None,
    time_limit: float | None,
    payload: bytes,
) -> Any:
    """What a node's worker does: set itself up as a local worker does, then make the call."""
    global _spoilt
    import ray

    if _spoilt:
        os._exit(1)  # Ray runs this call in another process
    if not descriptors.owned() and (output := descriptors.new_file()) is not None:
        descriptors.own(output)
    pin_threads()
    leave_rounding_alone()
    look_in(path)
    node = ray.get_runtime_context().get_node_id()
    if files is not None:
        files.settle(ray.get)
    if probe is not None:
        device = f"cuda:{(ray.get_gpu_ids() or [0])[0]}"
        if hpsearch_devices.own() not in (CPU, device):
            os._exit(1)  # an earlier call bound this process to another GPU, as happens when several end at once
        hpsearch_devices.use_alone(device, hide=False)  # Ray has hidden the others
    function, arguments = pickle.loads(payload)  # noqa: S301 from our own driver, never from a file
    watch = threading.Timer(time_limit, os._exit, (1,)) if time_limit is not None else None
    if watch is not None:
        watch.start()
    try:
        return function(*arguments)
    except DeviceError as error:
        _spoilt = True
        if probe is not None and not _works(probe):
            raise _BrokenDeviceError(node, str(error)) from None
        raise
    finally:
        if watch is not None:
            watch.cancel()


def _works(probe: Callable[[], None]) -> bool:
    """Whether a process that has seen no error yet can compute on this one's device."""
    process = multiprocessing.get_context("spawn").Process(target=_probe_on, args=(hpsearch_devices.own(), probe))
    process.start()
    process.join(PROBE_SECONDS)
    if process.exitcode is None:
        process.kill()
    return process.exitcode == 0


def _probe_on(device: str, probe: Callable[[], None]) -> None:
    hpsearch_devices.use_alone(device, hide=False)
    probe()


EXECUTOR = Ray
