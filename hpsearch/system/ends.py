"""The beginning and the end of a long output: what comes first says what is done, what comes last how it ended."""

from __future__ import annotations

import threading

FIRST, LAST = 2_000, 8_000
"""Bytes that are kept of the beginning and of the end."""
GAP = b"\n[...]\n"
"""What stands where the middle is left out."""


class Ends:
    """The first and the last bytes of all that is added, from any thread."""

    def __init__(self) -> None:
        self._first = self._last = b""
        self._long = False
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """Go on with these bytes."""
        with self._lock:
            room = FIRST - len(self._first)
            self._first += data[:room]
            self._last += data[room:]
            if len(self._last) > LAST:
                self._long, self._last = True, self._last[-LAST:]

    def text(self) -> str:
        """All of it where it is short; else its beginning and its end."""
        with self._lock:
            return (self._first + (GAP if self._long else b"") + self._last).decode("utf-8", "replace")
