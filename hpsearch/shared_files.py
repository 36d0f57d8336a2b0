"""Files that training reads, for machines that do not have them: sent once, written once on each."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.dataset import cache_folder, data_folder
from hpsearch.only_one import only_one

FOLDERS = {"HPSEARCH_DATA": data_folder, "HPSEARCH_CACHE": cache_folder}


@dataclass(frozen=True)
class _File:
    """Which folder it lies in, where in it, and what tells whether it is the same one."""

    variable: str
    path: str
    size: int
    modified: int


@dataclass(frozen=True)
class SharedFiles:
    """The files, where the driver has them, and a handle to their bytes, one after the other.

    Attributes:
        folders: variable of the environment -> the driver's folder.
        files: all of them.
        contents: what `fetch` turns into an array of bytes; in a list, so that nobody fetches it unasked.
    """

    folders: dict[str, str]
    files: tuple[_File, ...]
    contents: list[Any]

    def settle(self, node: str, fetch: Callable[[Any], Any]) -> None:
        """Set the environment of this process to folders that have the files, and make those if need be.

        Args:
            node: name of this machine; the copies of two that share a disk do not meet.
            fetch: gets the bytes.
        """
        folders = self.folders
        if not all(self._is_here(file) for file in self.files):
            own = self._folder(node)
            if not own.is_dir():
                own.parent.mkdir(parents=True, exist_ok=True)
                with only_one(own.with_suffix(".lock"), "waiting for another worker's copy", lambda *_: None):
                    if not own.is_dir():
                        self._write(own, fetch(self.contents[0]))
            folders = {variable: str(own / variable) for variable in folders}
        os.environ.update(folders)

    def _is_here(self, file: _File) -> bool:
        try:
            found = (Path(self.folders[file.variable]) / file.path).stat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (file.size, file.modified)

    def _folder(self, node: str) -> Path:
        digest = hashlib.sha256(repr(self.files).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"hpsearch-{os.getuid()}" / f"{digest}-{node[:16]}"

    def _write(self, folder: Path, contents: Any) -> None:
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
        try:
            at = 0
            for file in self.files:
                path = partial / file.variable / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(memoryview(contents[at : at + file.size]))
                at += file.size
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def bundle(paths: Sequence[Path], put: Callable[[Any], Any]) -> SharedFiles:
    """Read the files, and hand their bytes to `put`. Each lies in the data folder or the cache folder."""
    folders = {variable: folder().resolve() for variable, folder in FOLDERS.items()}
    files, parts = [], []
    for path in sorted(paths):
        inside = path.resolve()
        variable = next((name for name, folder in folders.items() if inside.is_relative_to(folder)), None)
        if variable is None:
            raise ValueError(f"{path} lies in neither the data folder nor the cache folder")
        stat = inside.stat()
        files.append(_File(variable, inside.relative_to(folders[variable]).as_posix(), stat.st_size, stat.st_mtime_ns))
        parts.append(np.fromfile(inside, np.uint8))
    contents = put(np.concatenate(parts)) if parts else None
    return SharedFiles({name: str(folder) for name, folder in folders.items()}, tuple(files), [contents])
