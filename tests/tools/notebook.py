"""A notebook's kernel in this process: a main module whose code no file holds."""

from __future__ import annotations

import linecache
import sys
from itertools import count
from types import ModuleType
from typing import Any

import pytest

_numbers = count()


class Notebook:
    """Runs cells in a main module of its own, for as long as `patch` lasts."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Take the place of the process's main module."""
        self.main = ModuleType("__main__")
        patch.setitem(sys.modules, "__main__", self.main)

    def run(self, cell: str) -> None:
        """Run a cell, whose text can be looked up as a kernel's can."""
        name = f"<cell {next(_numbers)}>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        exec(compile(cell, name, "exec"), vars(self.main))  # noqa: S102 a text of the tests' own

    def __getitem__(self, variable: str) -> Any:
        return vars(self.main)[variable]
