"""Text as it can be kept in any file."""

from __future__ import annotations


def in_characters(text: str) -> str:
    """The text with whatever is no character written out as its bytes: a file's name may hold such."""
    return text.encode("utf-8", "backslashreplace").decode()
