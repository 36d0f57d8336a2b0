"""Seeds: each stream of random numbers has its own, derived from the comparison's by names and numbers."""

from __future__ import annotations

import hashlib

import numpy as np


def derived_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed for one purpose, independent of the seeds for all other paths.

    A text enters as the first 8 bytes of its SHA-256, so that adding or reordering names changes no other
    seed. A trial's seed is derived_seed(comparison seed, label, repeat, trial). Each stream of random numbers in a
    trial has a seed such as derived_seed(trial seed, "weights").

    Args:
        seed: any non-negative integer.
        path: names and non-negative indices.

    Returns:
        Integer in [0, 2**63): fits SQLite, NumPy and torch generators.
    """
    words = [
        int.from_bytes(hashlib.sha256(part.encode()).digest()[:8], "big") if isinstance(part, str) else part
        for part in path
    ]
    # The length enters too, because a SeedSequence ignores zeros at its end.
    return int(np.random.SeedSequence([seed, len(words), *words]).generate_state(1, np.uint64)[0] >> 1)
