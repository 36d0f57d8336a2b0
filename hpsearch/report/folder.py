"""The folder of a report: a new one, an empty one, or an earlier report's; nobody else's files are written over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hpsearch.contracts.errors import FileError

PAGE = "README.md"
DISCUSSION = "discussion.md"
MADE_BY = "\n| report | hpsearch "
"""How a line of every report's page begins, and so what tells its folder from any other."""


def check_folder(folder: Path) -> None:
    """Raise FileError unless a report may be written into `folder`, which need not exist."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileError(f"{folder}: exists and is no folder; give another place with --to")
    others = sorted(path.name for path in folder.iterdir() if path.name != DISCUSSION and path.name[0] != ".")
    if others and not _has_report(folder):
        raise FileError(
            f"{folder}: is neither empty nor an earlier report's, for it has {others[0]} in it; give another place "
            "with --to"
        )


def write_sections(sections: Iterable[str], page: Path) -> None:
    """Write a page in Markdown, whole or not at all: the report that comes next goes by it."""
    partial = page.with_name(f".{page.name}.partial")
    # A file may have a name that is no text.
    partial.write_text("\n\n".join(sections) + "\n", encoding="utf-8", errors="backslashreplace")
    partial.replace(page)


def _has_report(folder: Path) -> bool:
    page = folder / PAGE
    return page.is_file() and MADE_BY in page.read_text(encoding="utf-8", errors="replace")
