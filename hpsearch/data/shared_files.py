"""Files that training reads, for machines that lack them: sent once, and written once on each machine."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat as stat_module
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.contracts.dataset import cache_folder, data_folder
from hpsearch.contracts.errors import TaskError
from hpsearch.system.only_one import only_one

FOLDERS = {"HPSEARCH_DATA": data_folder, "HPSEARCH_CACHE": cache_folder}


@dataclass(frozen=True)
class _File:
    """A file: the folder it lies in, its path there, and what tells whether a copy is the same."""

    variable: str
    path: str
    size: int
    modified: int


@dataclass(frozen=True)
class SharedFiles:
    """The files, where the driver has them, and a handle to their bytes, concatenated.

    Attributes:
        folders: environment variable -> the driver's folder.
        files: all files.
        digest: SHA-256 of their names and bytes.
        contents: handle that `fetch` turns into an array of bytes; in a list, so that Ray does not fetch it unasked.
    """

    folders: dict[str, str]
    files: tuple[_File, ...]
    digest: str
    contents: list[Any]

    def settle(self, fetch: Callable[[Any], Any]) -> None:
        """Set this process's environment to folders that have the files, and make the folders if need be.

        A copy stays below the machine's temporary folder, for the next process that wants the same files.
        """
        folders = self.folders
        if not all(self._is_here(file) for file in self.files):
            own = _private_folder() / f"{self.digest[:16]}-{platform.node()}"
            if not own.is_dir():
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
    """Read the files, and hand their bytes to `put`. TaskError unless each lies in the data or the cache folder."""
    # Compare names, not what they link to, which may lie anywhere.
    folders = {variable: folder().absolute() for variable, folder in FOLDERS.items()}
    files, parts, digest = [], [], hashlib.sha256()
    for path in sorted(path.absolute() for path in paths):
        variable = next((name for name, folder in folders.items() if path.is_relative_to(folder)), None)
        if variable is None:
            raise TaskError(
                f"{path} lies in neither the data folder nor the cache folder, so no machine can be sent it"
            )
        stat = path.stat()
        files.append(_File(variable, path.relative_to(folders[variable]).as_posix(), stat.st_size, stat.st_mtime_ns))
        parts.append(np.fromfile(path, np.uint8))
        digest.update(f"{files[-1].variable}/{files[-1].path}:{stat.st_size}\n".encode())
        digest.update(parts[-1].data)
    contents = put(np.concatenate(parts)) if parts else None
    names = {name: str(folder) for name, folder in folders.items()}
    return SharedFiles(names, tuple(files), digest.hexdigest(), [contents])


def _private_folder() -> Path:
    """This user's own folder in the temporary one. Raises TaskError if somebody else made a folder of this name."""
    folder = Path(tempfile.gettempdir()) / f"hpsearch-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat_module.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise TaskError(f"{folder} is not a folder of this user's alone: remove it, or let TMPDIR name another place")
    return folder
