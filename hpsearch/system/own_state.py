"""Global settings of numpy, torch and random: a task's must not reach a searcher, nor a searcher's reach a task."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType

import numpy as np


@contextmanager
def own_state() -> Iterator[None]:
    """Run a block with the global settings of a fresh process, and restore the settings from before."""
    numbers, drawn = np.random.get_state(), random.getstate()
    with ExitStack() as kept:
        kept.callback(np.random.set_state, numbers)
        kept.callback(random.setstate, drawn)
        kept.enter_context(np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"))
        if "torch" in sys.modules:
            _own_torch(sys.modules["torch"], kept)
        yield


def _own_torch(torch: ModuleType, kept: ExitStack) -> None:
    kept.callback(torch.set_default_dtype, torch.get_default_dtype())
    kept.callback(_set_deterministic, torch, *_deterministic(torch))
    torch.set_default_dtype(torch.float32)
    _set_deterministic(torch, False, False)
    kept.enter_context(torch.random.fork_rng(devices=[]))
    if torch.get_default_device().type != "cpu":  # within this context every call of torch takes microseconds more
        kept.enter_context(torch.device("cpu"))
    kept.enter_context(torch.enable_grad())


def _deterministic(torch: ModuleType) -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _set_deterministic(torch: ModuleType, on: bool, warn_only: bool) -> None:
    if _deterministic(torch) != (on, warn_only):  # to set it imports torch's compiler, which takes seconds
        torch.use_deterministic_algorithms(on, warn_only=warn_only)
