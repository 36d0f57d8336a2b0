"""Where Python looks for modules: the only place that changes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def look_in(folders: Iterable[str]) -> None:
    """Let Python import what lies in these folders, after everything that it finds elsewhere."""
    sys.path.extend(folder for folder in dict.fromkeys(folders) if folder not in sys.path)
