"""Seeds: each stream of random numbers has its own, derived from the comparison's by names and numbers."""

from __future__ import annotations

import hashlib

SEED_BITS = 63
"""Bits of a derived seed: fits SQLite, NumPy and torch generators."""
TRIAL_SEED_BITS = 31
"""Bits of the seed that a trial is trained with: fits whatever takes 32 bits, signed or not, such as scikit-learn."""


def derived_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed for one purpose, independent of the seeds for all other paths.

    A text enters as the first 8 bytes of its SHA-256, so that adding or reordering names changes no other
    seed. A study's seed is derived_seed(comparison seed, label, repeat). Each stream of random numbers in a
    trial has a seed such as derived_seed(trial seed, "weights").

    Args:
        seed: any non-negative integer.
        path: names and non-negative indices.

    Returns:
        Integer in [0, 2**SEED_BITS).
    """
    import numpy as np  # who only reads a database does without

    words = [
        int.from_bytes(hashlib.sha256(part.encode()).digest()[:8], "big") if isinstance(part, str) else part
        for part in path
    ]
    # The length enters too, because a SeedSequence ignores zeros at its end.
    return int(np.random.SeedSequence([seed, len(words), *words]).generate_state(1, np.uint64)[0] >> (64 - SEED_BITS))


def trial_seed(seed: int, method: str, repeat: int, trial: int, bits: int = TRIAL_SEED_BITS, number: int = 1) -> int:
    """The seed that a trial is trained with: the first `bits` of the seed that derives from its place.

    A trial may be trained with several seeds, numbered from 1. The first is the one that it has alone, so that more of
    them change none. A comparison that an older version began has seeds of SEED_BITS, and keeps them.
    """
    path = (method, repeat, trial) if number == 1 else (method, repeat, trial, number)
    return derived_seed(seed, *path) >> (SEED_BITS - bits)


def trial_seeds(seed: int, method: str, repeat: int, trial: int, bits: int, count: int) -> list[int]:
    """The seeds that a trial is trained with if it is trained with so many, in the order of their numbers."""
    return [trial_seed(seed, method, repeat, trial, bits, number) for number in range(1, count + 1)]
