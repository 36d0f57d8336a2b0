"""What this machine gives to this process: cores, memory, vectors, speed. None or empty if the machine does not say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

OWN_GROUPS, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
VECTORS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16")  # the last is ARM's
BF16_VECTORS = frozenset(VECTORS[2:])
AUTO_BF16 = BF16_VECTORS - {"bf16"}
"""With which "auto" takes bf16. With ARM's nobody has measured that it pays."""


def vectors(cpuinfo: str) -> list[str]:
    """Vector features in the text of /proc/cpuinfo that make matrix products faster."""
    words = set(cpuinfo.split())
    return [name for name in VECTORS if name in words]


def quota_cores(text: str) -> float | None:
    """Cores of a CPU quota written as "QUOTA PERIOD", both in microseconds; None for no limit."""
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or not int(words[1]):
        return None  # "max 100000" and "-1 100000" are how the two versions of cgroups write no limit
    return int(words[0]) / int(words[1])


def cpu_quota(own: Path = OWN_GROUPS, groups: Path = GROUPS) -> float | None:
    """Cores that cgroups, version 2 or 1, let this process use at a time; None for no limit."""
    texts = [
        text
        for group in _groups("cpu", own, groups)
        for text in (
            read(group / "cpu.max"),
            f"{read(group / 'cpu.cfs_quota_us')} {read(group / 'cpu.cfs_period_us')}",
        )
    ]
    return min((cores for text in texts if (cores := quota_cores(text)) is not None), default=None)


def memory_available(
    meminfo: Path = Path("/proc/meminfo"), own: Path = OWN_GROUPS, groups: Path = GROUPS
) -> int | None:
    """Bytes that new processes can take without swapping: free in the machine and within the cgroups' limits."""
    found = _numbers(read(meminfo)).get("MemAvailable:")
    left = [found * 1024] if found is not None else []
    for group in _groups("memory", own, groups):
        for limit, usage, cache in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            if (most := read(group / limit).strip()).isdigit():
                used = int(read(group / usage).strip() or 0)
                freed = _numbers(read(group / "memory.stat")).get(cache, 0)  # files that are dropped when needed
                left.append(max(int(most) - max(used - freed, 0), 0))
    return min(left, default=None)


def load_average() -> float | None:
    """How many processes of the whole machine wanted a core, on average over the last minute."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def matrix_gflops(precision: torch.dtype, seconds: float = 0.15, size: int = 512) -> float:
    """GFLOP/s of a square matrix product on one thread: the best of at least one product within `seconds`."""
    import torch

    threads = torch.get_num_threads()
    x = torch.ones(size, size, dtype=precision)
    try:
        torch.set_num_threads(1)
        x @ x  # the first one chooses its kernel
        end, best = time.perf_counter() + seconds, 0.0
        while not best or time.perf_counter() < end:
            started = time.perf_counter()
            x @ x
            best = max(best, 2e-9 * size**3 / (time.perf_counter() - started))
    finally:
        torch.set_num_threads(threads)
    return best


def auto_precision(features: Iterable[str]) -> str:
    """What "auto" is on a processor with these vector features."""
    return "fp32" if AUTO_BF16.isdisjoint(features) else "bf16"


@lru_cache
def precision(wanted: str, device: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """`wanted`, or what "auto" is on a device, by torch's name: "bf16" if it has instructions for that, else "fp32".

    It asks what the device has and measures nothing: what "auto" means must not depend on what else is running.
    """
    if wanted != "auto":
        return wanted
    if device == "cpu":
        return auto_precision(vectors(read(cpuinfo)))
    import torch

    return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"


def read(path: Path) -> str:
    """Text of a file; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _groups(controller: str, own: Path, groups: Path) -> Iterator[Path]:
    """Folders of this process's cgroup and of all cgroups around it: the tightest limit holds."""
    for line in read(own).splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        # In a container the path may be the host's, which is not there; the top folder is the container's own.
        inside = PurePosixPath(path.lstrip("/"))
        for group in (inside, *inside.parents):
            yield (groups / controller if names else groups) / group


def _numbers(text: str) -> dict[str, int]:
    rows = [line.split() for line in text.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}
