"""What a task prints: taken before anybody sees it, and carried by an error where there is no result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hpsearch.system import descriptors, streams


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Take what the block prints and logs; yields a function that tells what that has been so far.

    In a worker it is all that the process and its children write, in the user's own process what Python does.
    """
    if not descriptors.owned():
        with streams.replaced() as taken:
            yield taken.text
        return
    descriptors.empty()
    try:
        yield descriptors.text
    finally:
        descriptors.empty()


@contextmanager
def hushed(quiet: bool) -> Iterator[None]:
    """Where `quiet`, what a task prints before it trains is shown to nobody."""
    if not quiet:
        yield
        return
    with captured():
        yield


def note(error: BaseException, text: str) -> None:
    """Have an error carry what was printed before it, also from one process to another."""
    if text:
        error.add_note(text)


def noted(error: BaseException) -> str:
    """What was printed before an error, as far as who raised it noted that."""
    return "\n".join(vars(error).get("__notes__", ()))
