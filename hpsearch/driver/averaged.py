"""One result of a trial that is trained with several seeds: the means over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from math import isfinite
from statistics import fmean, mean

from hpsearch.contracts.correctness import PARTS, Correctness, Part, summed
from hpsearch.contracts.objective import Objective, Result


def averaged(results: Sequence[Result], objective: Objective) -> Result:
    """The result of a trial, given those of its seeds; a single one is the trial's.

    The objective is the mean over all seeds, in which a seed that diverged, or failed as the task itself says, counts
    as a trial that did: with the chance level, or the worst of the others if that is worse. A trial of which no seed is
    complete is lost.

    Metrics and curves are means over the complete seeds that have them; a curve's value at an epoch is the mean over
    those that came so far. How often an example was classified correctly is counted over all seeds, so that its share
    is the mean; where a seed is lost nobody can tell.
    """
    if len(results) == 1:
        return results[0]
    complete = [result for result in results if result.outcome == "complete"]
    lost = [result for result in results if result.outcome != "complete"]
    if not complete:
        worst = next((result for result in lost if result.outcome == "diverged"), lost[0])
        curves = _curves(lost)
        return Result(None, {}, curves, worst.outcome, f"all {len(lost)} seeds: {worst.reason}", worst.precision)
    names = dict.fromkeys(name for result in complete for name in result.metrics)
    return Result(
        _mean(objective.counted([result.objective if result.outcome == "complete" else None for result in results])),
        {name: _mean(result.metrics[name] for result in complete if name in result.metrics) for name in names},
        _curves(complete),
        reason=f"{len(lost)} of {len(results)} seeds {lost[0].outcome}: {lost[0].reason}" if lost else "",
        precision=complete[0].precision,  # one worker trains all seeds of a trial
        correct={} if lost else _correct(complete),
    )


def _correct(results: Sequence[Result]) -> dict[Part, Correctness]:
    found = {}
    for part in PARTS:
        of_part = [result.correct[part] for result in results if part in result.correct]
        if len(of_part) == len(results) and (together := summed(of_part)) is not None:
            found[part] = together
    return found


def _curves(results: Sequence[Result]) -> dict[str, list[float]]:
    names = dict.fromkeys(name for result in results for name in result.curves)
    length = max((len(curve) for result in results for curve in result.curves.values()), default=0)
    found = {}
    for name in names:
        epochs = zip_longest(*(result.curves[name] for result in results if name in result.curves))
        values = [_mean(value for value in epoch if value is not None) for epoch in epochs]
        found[name] = values + [float("nan")] * (length - len(values))
    return found


def _mean(values: Iterable[float]) -> float:
    """The mean of those that are finite; NaN if none is."""
    finite = [value for value in values if isfinite(value)]
    try:
        return fmean(finite) if finite else float("nan")
    except OverflowError:  # their sum is too large for a number, and their mean is not
        return mean(finite)
