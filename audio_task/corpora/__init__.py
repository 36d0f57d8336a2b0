"""Corpora: where clips of spoken digits come from. One corpus per file; one that can be fetched has a DATASET."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.progress import Progress

RATE = 8000
"""Samples per second in every clip."""

Part = Literal["training", "validation", "test"]
PARTS: tuple[Part, ...] = ("training", "validation", "test")


@dataclass(frozen=True)
class Clip:
    """One spoken digit: its name, unique in the corpus, its class 0-9, and its part."""

    name: str
    digit: int
    part: Part


class Corpus(Protocol):
    """A source of clips: a frozen dataclass, so that it can be sent to worker processes."""

    def identity(self, clips: Sequence[Clip], progress: Progress) -> str:
        """SHA-256 of the clips' files, or of what generates the clips, so that it changes with them.

        Raises TaskError where a file is broken, so that no later step has to look again.
        """

    def facts(self, clips: Sequence[Clip]) -> Mapping[str, str | int]:
        """Facts about the clips for the provenance, beside their identity."""

    def files(self, clips: Sequence[Clip]) -> list[Path]:
        """Files that hold the clips."""

    def clips(self) -> list[Clip]:
        """All clips, always in the same order, without their samples. Raises TaskError where some are missing."""

    def samples(self, clip: Clip) -> NDArray[np.float32]:
        """Sound of one clip at 8 kHz, shape (samples,), about within [-1, 1]."""
