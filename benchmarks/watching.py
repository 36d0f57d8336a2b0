"""What a benchmark sees of the processes that it starts."""

from __future__ import annotations

import psutil

from hpsearch.system.threads import THREAD_VARIABLES

ONE_THREAD = dict.fromkeys(THREAD_VARIABLES, "1")


def memory(pid: int) -> int:
    """Private and proportionally shared bytes of a process and its children; pages of the disk's cache do not count."""
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total
