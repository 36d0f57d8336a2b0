"""Format: one way to write a comparison as files that other tools open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hpsearch.contracts.errors import ExportError, FileError
from hpsearch.contracts.progress import Progress


@dataclass(frozen=True)
class Format:
    """One format: `EXPORT(file, out, progress)` writes the database `file` as the new file or folder `out`.

    Attributes:
        ending: what the default `out` adds to the name of the database.
        write: called as write(file, out, progress); makes `out`, which does not exist yet, in a folder that does.
    """

    ending: str
    write: Callable[[Path, Path, Progress], None]

    def default_out(self, file: Path) -> Path:
        """Where the export of `file` goes by default, beside it."""
        return file.with_name(file.stem + self.ending)

    def __call__(self, file: Path, out: Path, progress: Progress) -> list[Path]:
        """Write `out`, whole or not at all; returns the files written, by name.

        A run may be writing the database meanwhile.

        Raises:
            ExportError: if `out` exists already, or a package that the format needs is missing.
            DatabaseError: if `file` is not a database that holds a comparison.
            FileError: if `out` cannot be written.
        """
        if out.exists():
            raise ExportError(f"{out}: exists already; remove it, or give another place with --out")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".hpsearch-export-", dir=out.parent) as folder:
                written = Path(folder) / out.name
                self.write(file, written, progress)
                if not written.exists():
                    raise ExportError(f"{out}: this format wrote nothing; its `write` must make the path it is given")
                written.rename(out)
        except OSError as error:
            raise FileError(f"{out}: cannot be written: {error.strerror or error}") from error
        return sorted(out.iterdir()) if out.is_dir() else [out]
