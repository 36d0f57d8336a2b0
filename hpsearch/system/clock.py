"""Times as the database keeps them, ISO 8601, UTC, to the millisecond, and as one says them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> str:
    """The present time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def just_after(time: str) -> str:
    """The time one millisecond after `time`."""
    return (datetime.fromisoformat(time) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one time to another; not fewer than none, for clocks that were set meanwhile."""
    return max(0.0, (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())


def duration(seconds: float) -> str:
    """A duration as one says it: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def ago(then: str, now: str) -> str:
    """How long before `now` the time `then` was, as one says it: "just now", "3 minutes ago", "2 days ago".

    Both are ISO 8601 with an offset. A time that is no time, or lies ahead, is given as it is.
    """
    try:
        seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(then)).total_seconds()
    except (ValueError, TypeError):
        return then
    if seconds < -1:  # another machine's clock
        return then
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}s ago"
    return "a minute ago" if seconds >= 45 else f"{seconds:.0f} s ago" if seconds >= 2 else "just now"


def text(seconds: float) -> str:
    """The time that is `seconds` after the start of 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
