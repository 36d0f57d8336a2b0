"""Cores: how many calls may run at once on this machine, with all its limits."""

from __future__ import annotations

import os

from hpsearch.system.machine import cpu_quota


def usable_cores() -> int:
    """Cores that this process may run on; a batch system may have limited them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_cores() -> int:
    """How many workers find a core each. A container's quota limits how many of the usable cores run at a time."""
    return within_quota(usable_cores(), cpu_quota())


def within_quota(usable: int, quota: float | None) -> int:
    """Whole cores within a quota, at least 1; the quota may be a fraction, and None is no limit."""
    return usable if quota is None else min(usable, max(int(quota), 1))
