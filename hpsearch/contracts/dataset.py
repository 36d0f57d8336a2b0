"""The contract of data sets: where one lies on this machine, where it comes from, and when it is whole.

A task names the package of its data sets as `datasets`; each module there that holds a DATASET can be
fetched, found and checked by its file name, with `hpsearch data`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress


@dataclass(frozen=True)
class DataSet:
    """A data set that its publisher offers as one archive, zip or tar.

    Attributes:
        name: what the user calls it, the name of its module.
        title: what people call it.
        archive: address of the archive.
        megabytes: about how many the archive has, where its server does not say.
        licence: short name, shown when it is fetched.
        members: regular expression of the archive's files that are wanted; its first group is their path in
            the data set's folder. All others are left in the archive.
        places: folders under the data folder where it may lie; a fetched one lies in the first.
        check: looks at a folder and says what is there in one sentence; TaskError if it is not whole.
        md5: of the archive, where the publisher states one; any other archive is refused.
    """

    name: str
    title: str
    archive: str
    megabytes: int
    licence: str
    members: str
    places: tuple[str, ...]
    check: Callable[[Path, Progress], str]
    md5: str | None = None

    def place(self, folder: Path) -> Path | None:
        """The first of its places that is there in a data folder."""
        return next((folder / place for place in self.places if (folder / place).is_dir()), None)

    def find(self) -> Path:
        """Its folder on this machine, or TaskError saying where it was looked for and how to get it."""
        folder = data_folder()
        if there := self.place(folder):
            return there
        raise TaskError(
            f"no {self.title} under {folder} (looked for {', '.join(self.places)}); "
            f"get it with: hpsearch data fetch {self.name}; or say where it lies with --data DIR"
        )


def data_folder() -> Path:
    """HPSEARCH_DATA, or else the platform's folder for a user's data."""
    from platformdirs import user_data_path

    return _folder("HPSEARCH_DATA", lambda: user_data_path("hpsearch", appauthor=False))


def cache_folder() -> Path:
    """HPSEARCH_CACHE, or else the platform's folder for caches: what tasks compute once."""
    from platformdirs import user_cache_path

    return _folder("HPSEARCH_CACHE", lambda: user_cache_path("hpsearch"))


def _folder(variable: str, platforms: Callable[[], Path]) -> Path:
    if given := os.environ.get(variable):
        return Path(given)
    try:
        return platforms()
    except RuntimeError:  # a user without a home, in a container or on a cluster's node
        raise TaskError(f"this user has no home folder: let {variable} name a folder, or HOME") from None
