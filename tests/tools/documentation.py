"""Files that a page of the documentation shows whole: a block of code whose first line is the file's name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def shown_files(page: str, folder: Path, *names: str) -> Iterator[None]:
    """Files that a page shows, each once, written into a folder; modules among them can be imported meanwhile."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in names:
        (block,) = re.findall(rf"```\w+\n# {re.escape(name)}\n(.*?)```", text, re.DOTALL)
        (folder / name).write_text(block)
    yield
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]
    for name in names:
        sys.modules.pop(Path(name).stem, None)  # or another test would find this one by that name
