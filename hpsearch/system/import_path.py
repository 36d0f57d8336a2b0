"""Where Python looks for modules: the only place that changes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path


def look_in(folders: Iterable[str]) -> None:
    """Let Python import what lies in these folders, after everything that it finds elsewhere."""
    sys.path.extend(folder for folder in dict.fromkeys(folders) if folder not in sys.path)


def forget_current_folder() -> None:
    """Take back that `python -m hpsearch` looks in the current folder first, for whatever is imported anywhere.

    It stays where hpsearch itself is found there: in a checkout that is not installed.
    """
    if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).resolve().parents[2]:
        del sys.path[0]
