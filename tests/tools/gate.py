"""A task that waits in the middle of a training until the test lets it go on."""

from __future__ import annotations

import os
from pathlib import Path

from tests.tools.editing import edited
from tests.tools.studies import OWN_TASK


class Gate:
    """A task of one's own that waits within a training after so many: what hits it then hits it there."""

    def __init__(self, folder: Path) -> None:
        self._begun, self._allowed = folder / "begun", folder / "allowed"  # a byte each
        self._begun.touch()
        self._allowed.touch()

    @property
    def task(self) -> str:
        wait = f"""
    import os, time
    with open({str(self._begun)!r}, "ab", 0) as begun:
        begun.write(b"x")
        number = begun.tell()
    while number > os.stat({str(self._allowed)!r}).st_size:
        time.sleep(0.005)
"""
        return edited(OWN_TASK, "configuration, seed):", f"configuration, seed):{wait}")

    def allow(self, more: int) -> None:
        """Let so many more begin; those that wait within do now."""
        os.truncate(self._allowed, self.begun + more)

    @property
    def begun(self) -> int:
        """Trainings that have begun since the gate is there."""
        return self._begun.stat().st_size

    def reached(self) -> bool:
        """Whether one waits within."""
        return self.begun > self._allowed.stat().st_size
