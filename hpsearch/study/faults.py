"""Messages about wrong names, with the nearest valid one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(key: str, name: str, valid: Iterable[str], what: str = "unknown key") -> str:
    """One sentence on a name that is not among the valid ones, with the nearest of them.

    Args:
        key: where in the study file the name stands.
        name: the name itself.
        valid: what could have stood there.
        what: what is wrong: "unknown key", or for example "no such task".
    """
    names = sorted(valid)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    known = f" (valid: {', '.join(names)})" if names else ""
    said = what if what == "unknown key" else f"{what} {name!r}"
    return f"{key}: {said}{hint}{known}"


def lower(message: str) -> str:
    """A sentence from elsewhere as it stands in the middle of one of ours: with a small first letter."""
    return message[:1].lower() + message[1:]
