"""Names as text: those of a study file, a task or a received database may hold any character."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category


def on_one_line(name: object) -> str:
    """A name without line breaks and doubled spaces; a control character, which no page can hold, is replaced."""
    kept = (" " if c.isspace() else "\ufffd" if category(c) in ("Cc", "Cn") else c for c in str(name))
    return " ".join("".join(kept).split())


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def shortened(text: str, letters: int) -> str:
    """The text in at most `letters` letters, its middle left out if it is longer."""
    head = letters * 2 // 3
    return text if len(text) <= letters else f"{text[:head]}…{text[head + 1 - letters :]}"
