"""Other people's optimisers as pure functions: whatever they change for the whole process is put back."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hpsearch.system.own_state import own_state


@contextmanager
def alone() -> Iterator[None]:
    """One thread of torch (two round differently), global generators put back, no logging.

    A block that uses torch imports it before.
    """
    level, torch = logging.root.manager.disable, sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    with own_state():
        try:
            logging.disable(logging.WARNING)
            if torch:
                torch.set_num_threads(1)
            yield
        finally:
            logging.disable(level)
            if torch:
                torch.set_num_threads(threads)
