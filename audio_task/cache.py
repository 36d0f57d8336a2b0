"""The folder for what is computed once: features, and the identities of recordings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from hpsearch.contracts import dataset


def cache_folder() -> Path:
    """Where this task keeps what it computes."""
    return dataset.cache_folder() / "audio"


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file that is whole or absent, even if this process is killed or another writes the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # before the rename, or losing power could leave a whole name for half a file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
