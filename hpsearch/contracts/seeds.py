"""Seeds: each stream of random numbers has its own, derived from the comparison's by names and numbers."""

from __future__ import annotations

import hashlib

import numpy as np


def derived_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed for one purpose, independent of that of every other path.

    A text enters as the first 8 bytes of its SHA-256, so that adding or reordering names changes no other
    seed. A trial's seed is derived_seed(comparison seed, label, repeat, trial); the seed of a stream of random
    numbers in it is derived_seed(trial seed, "weights"), and so on.

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
    # The length, because a SeedSequence ignores zeros at its end.
    return int(np.random.SeedSequence([seed, len(words), *words]).generate_state(1, np.uint64)[0] >> 1)
