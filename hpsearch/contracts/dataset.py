"""The contract of data sets: where one lies on this machine, where it comes from, and when it is whole.

Packages of data sets are declared as entry points of the group "hpsearch.data". Each module in one that holds a
DATASET can be fetched, found and checked with `hpsearch data`, which knows it by its file name.
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
        name: what commands call it, which is the name of its module.
        title: what people call it.
        archive: address of the archive.
        megabytes: about how large the archive is, for a server that does not say.
        licence: short name, shown when it is fetched.
        members: regular expression that matches the wanted files of the archive; its first group is a file's path
            in the data set's folder. All other files are left in the archive.
        places: folders under the data folder where it may lie; a fetched one lies in the first.
        check: looks at a folder and says in one sentence what is there; raises TaskError if it is not whole.
        md5: checksum of the archive, if the publisher states one; any other archive is refused.
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
        """The first of its places that exists in a data folder."""
        return next((folder / place for place in self.places if (folder / place).is_dir()), None)

    def find(self) -> Path:
        """Its folder on this machine. If there is none, TaskError says where it was looked for and how to get it."""
        folder = data_folder()
        if there := self.place(folder):
            return there
        raise TaskError(
            f"no {self.title} under {folder} (looked for {', '.join(self.places)}); "
            f"get it with: hpsearch data fetch {self.name}; or say where it lies with --data DIR"
        )


def data_folder() -> Path:
    """The folder of data sets: HPSEARCH_DATA, or else the platform's folder for a user's data."""
    if given := os.environ.get("HPSEARCH_DATA"):
        return Path(given)
    from platformdirs import user_data_path

    return user_data_path("hpsearch", appauthor=False)


def cache_folder() -> Path:
    """The folder for what tasks compute once: HPSEARCH_CACHE, or else the platform's folder for caches."""
    if given := os.environ.get("HPSEARCH_CACHE"):
        return Path(given)
    from platformdirs import user_cache_path

    return user_cache_path("hpsearch")
