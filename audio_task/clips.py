"""What every corpus gives: clips of speech at 8 kHz with a digit and a part each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch.task import Progress

RATE = 8000
"""Samples a second of every clip."""

Part = Literal["training", "validation", "test"]


@dataclass(frozen=True)
class Clip:
    """One spoken digit: its name, its class 0-9, the part it belongs to, and its samples in [-1, 1]."""

    name: str
    digit: int
    part: Part
    samples: NDArray[np.float32]


class Corpus(Protocol):
    """Where clips come from."""

    def identity(self) -> str:
        """SHA-256 that changes with the clips: of the files' contents, or of what generates them."""

    def clips(self, progress: Progress) -> list[Clip]:
        """All clips, always in the same order."""
