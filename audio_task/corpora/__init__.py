"""Corpora: where clips of spoken digits come from. One corpus a file; one that can be fetched has a DATASET."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.progress import Progress

RATE = 8000
"""Samples a second of every clip."""

Part = Literal["training", "validation", "test"]
PARTS: tuple[Part, ...] = ("training", "validation", "test")


@dataclass(frozen=True)
class Clip:
    """One spoken digit: its name, which no other clip of the corpus has, its class 0-9, and its part."""

    name: str
    digit: int
    part: Part


class Corpus(Protocol):
    """A frozen dataclass that worker processes can be sent."""

    def identity(self, clips: Sequence[Clip], progress: Progress) -> str:
        """SHA-256 that changes with the clips: of their files' contents, or of what generates them.

        Raises TaskError where a file is broken, so that no later step has to look again.
        """

    def facts(self, clips: Sequence[Clip]) -> Mapping[str, str | int]:
        """Facts about the clips for the provenance, beside their identity."""

    def files(self, clips: Sequence[Clip]) -> list[Path]:
        """Files that the clips lie in."""

    def clips(self) -> list[Clip]:
        """All clips, always in the same order, without their samples. Raises TaskError where some are missing."""

    def samples(self, clip: Clip) -> NDArray[np.float32]:
        """Sound of one clip at 8 kHz, shape (samples,), about within [-1, 1]."""
