"""Messages about wrong names, with the nearest valid one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

MOST_NAMES = 30
"""How many valid names a message lists at most; it counts the others."""
MOST_FAULTS = 20
"""How many faults of one file a message lists at most; it counts the others."""
LONGEST = 200
"""How many characters of a value a message shows at most."""


def unknown(key: str, name: str, valid: Iterable[str], what: str = "unknown key", meant: str | None = None) -> str:
    """One sentence on a name that is not among the valid ones, with the nearest of them.

    Args:
        key: where in the study file the name stands.
        name: the name itself.
        valid: what could have stood there.
        what: what is wrong: "unknown key", or for example "no such task".
        meant: the valid name that stands for it, if that is known.
    """
    names = sorted(valid)
    nearest = meant or _nearest(name[:LONGEST], names)
    hint = f"; did you mean {nearest!r}?" if nearest else ""
    known = f" (valid: {', '.join(shortened(names, MOST_NAMES))})" if names else ""
    said = what if what == "unknown key" else f"{what} {shown(name)}"
    return f"{key}: {said}{hint}{known}"


def _nearest(name: str, names: Sequence[str]) -> str:
    """The valid name that is nearest, above all one with the same letters in another order; empty if none is near."""
    swapped = [other for other in names if sorted(other) == sorted(name)]
    return next(iter(swapped or difflib.get_close_matches(name, names, n=1, cutoff=0.5)), "")


def shortened(texts: Sequence[str], most: int) -> list[str]:
    """The first of them, and how many more there are."""
    return [*texts[:most], *([f"and {len(texts) - most:,} more"] if len(texts) > most else [])]


def shown(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def lower(message: str) -> str:
    """A sentence from elsewhere as it stands in the middle of one of ours: with a small first letter."""
    return message[:1].lower() + message[1:]
