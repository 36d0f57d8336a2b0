"""Times as the database keeps them: ISO 8601, UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> str:
    """The present time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def just_after(time: str) -> str:
    """The time one millisecond after `time`."""
    return (datetime.fromisoformat(time) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


def text(seconds: float) -> str:
    """The time that is `seconds` after the start of 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
