"""How expensive is this training method to tune?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpsearch.database import Tables

__version__ = "0.1.0"


def load(file: str | Path) -> Tables:
    """The tables of a comparison's database as pandas DataFrames; also while a run is writing it."""
    from hpsearch.database import load_tables

    return load_tables(Path(file))
