"""Cores: how many calls may run at once here, whatever limits them."""

from __future__ import annotations

import os

from hpsearch.system.machine import cpu_quota


def usable_cores() -> int:
    """Cores that this process may run on, which a batch system may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_cores() -> int:
    """Workers that find a core each: a container's quota limits how many of the usable cores run at a time."""
    return within_quota(usable_cores(), cpu_quota())


def within_quota(usable: int, quota: float | None) -> int:
    """Whole cores of a quota that may be a fraction; None is no limit, and one core there always is."""
    return usable if quota is None else min(usable, max(int(quota), 1))
