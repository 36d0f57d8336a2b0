"""Incumbents: the best objective so far, and the trial that has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def incumbents(objectives: Array, *, maximise: bool = True) -> Array:
    """Best objective so far at each trial.

    Args:
        objectives: finite values, shape (studies, trials); a diverged or failed trial counts as chance.
        maximise: whether larger is better.

    Returns:
        Shape (studies, trials), monotone along trials.
    """
    best = np.maximum if maximise else np.minimum
    return np.asarray(best.accumulate(objectives, axis=1))


def incumbent_trials(objectives: Array) -> NDArray[np.int64]:
    """The 0-based trial that is the incumbent after each trial: the first with the best objective so far.

    Args:
        objectives: larger is better, shape (studies, trials); -inf is never chosen after a number.

    Returns:
        Shape (studies, trials), non-decreasing along trials.
    """
    best = np.maximum.accumulate(objectives, axis=1)
    rises = np.ones(objectives.shape, bool)
    rises[:, 1:] = best[:, 1:] > best[:, :-1]
    return np.asarray(np.maximum.accumulate(np.where(rises, np.arange(objectives.shape[1]), 0), axis=1))


def chosen_trials(objectives: Array, *, maximise: bool = True) -> NDArray[np.int64]:
    """The 0-based trial with the best objective in each study, the first of equal ones; shape (studies,)."""
    return np.asarray(np.argmax(objectives if maximise else -objectives, axis=1))
