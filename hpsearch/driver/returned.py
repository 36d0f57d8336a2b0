"""Check what a task returns as a whole, so that one message names every fault, and turn it into plain numbers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from hpsearch.contracts.correctness import PARTS, Correctness
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Result, is_precision, number
from hpsearch.contracts.space import RESERVED, RESERVED_OF_CURVES
from hpsearch.contracts.task import ReturnError, Task, function_of, place_of
from hpsearch.contracts.text import in_characters

LONGEST = 2_000
"""How many characters of a task's message are kept; a database keeps one for every failed attempt."""


def returned_by(task: Task, method: Method) -> str:
    """The function that makes a task's results with a method, by name, file and line."""
    return place_of(function_of(task, method))


def checked_results(
    returned: object, count: int, taken: Collection[str] = (), by: str = "the task's train"
) -> list[Result]:
    """What a task's `train` returned, with Python's own numbers. Raises ReturnError if it could not be recorded.

    A complete result whose objective is not finite becomes diverged, whatever the task says.

    Args:
        returned: what the task returned.
        count: how many configurations it was given.
        taken: names that no metric may have beside those that none may have anywhere.
        by: the function's name in messages.
    """
    if not isinstance(returned, list) or not all(isinstance(result, Result) for result in returned):
        raise ReturnError(f"{by} must return a list of Result, got {_kinds(returned)}")
    if len(returned) != count:
        raise ReturnError(f"{by} returned {len(returned)} results for {count} configurations")
    taken = {*RESERVED, *taken}
    if faults := dict.fromkeys(fault for result in returned for fault in _faults(result, taken)):
        raise ReturnError(f"{by} returned what cannot be recorded: {'; '.join(faults)}")
    return [_plain(result) for result in returned]


def _kinds(returned: object) -> str:
    if not isinstance(returned, list):
        return type(returned).__name__
    return f"one with {', '.join(sorted({type(result).__name__ for result in returned} - {'Result'}))}"


def _faults(result: Result, taken: Collection[str]) -> Iterator[str]:
    if result.outcome not in ("complete", "diverged", "failed"):
        yield f"a result's outcome is complete, diverged or failed, got {result.outcome!r}"
    if not isinstance(result.reason, str):
        yield f"a result's reason must be a text, got {type(result.reason).__name__}"
    if not is_precision(result.precision):
        yield f"a result's precision must be a word of at most 20 letters, such as 'fp32', got {result.precision!r}"
    if result.objective is not None:
        yield from _no_number("objective", result.objective)
    metrics, curves = _named("metrics", result.metrics), _named("curves", result.curves)
    yield from (fault for fault in (metrics, curves) if isinstance(fault, str))
    if isinstance(metrics, dict):
        for name, value in metrics.items():
            yield from _misnamed(name, taken)
            yield from _no_number(name, value)
    if isinstance(curves, dict):
        yield from _no_curves(curves)
    yield from _no_correctness(result.correct)


def _named(what: str, given: object) -> dict[object, object] | str:
    if isinstance(given, Mapping):
        return dict(given)
    return f"a result's {what} must be a mapping of names, got {type(given).__name__}"


def _no_curves(curves: dict[object, object]) -> Iterator[str]:
    lengths = set()
    for name, curve in curves.items():
        yield from _misnamed(name, RESERVED_OF_CURVES)
        try:
            values = list(cast(Iterable[object], curve))
        except TypeError:
            yield f"a result's {name} must have one number per epoch, got {type(curve).__name__}"
            continue
        lengths.add(len(values))
        yield from (fault for i, value in enumerate(values) for fault in _no_number(f"{name}[{i}]", value))
    if len(lengths) > 1:
        yield "the curves of a result must all have one value per epoch"


def _no_correctness(given: object) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"a result's correct must be a mapping of {' and '.join(PARTS)}, got {type(given).__name__}"
        return
    for part, correct in given.items():
        if part not in PARTS:
            yield f"a result's correct is of {' or '.join(PARTS)}, got {part!r}"
        elif not isinstance(correct, Correctness):
            yield f"a result's correct[{part!r}] must be an hpsearch.Correctness, got {type(correct).__name__}"
        else:
            try:
                yield from (f"a result's correct[{part!r}].{fault}" for fault in correct.faults())
            except (TypeError, ValueError) as error:
                yield f"a result's correct[{part!r}] must have whole numbers: {error}"


def _misnamed(name: object, taken: Collection[str]) -> Iterator[str]:
    if not isinstance(name, str) or text_kept(name) != name:
        yield f"a metric or curve may not be named {name!r}: that is no text"
    elif name in taken:
        yield f"a metric or curve may not be named {name!r}: a column has this name"


def _no_number(name: object, value: object) -> Iterator[str]:
    try:
        if value is not None:
            number(value)
    except TypeError as error:
        yield f"a result's {name} must be a number, got {error}"
    except OverflowError:
        yield f"a result's {name} is too large for a floating-point number"


def _plain(result: Result) -> Result:
    plain = replace(
        result,
        objective=None if result.objective is None else number(result.objective),
        metrics={name: _or_nan(value) for name, value in result.metrics.items()},
        curves={name: [_or_nan(value) for value in curve] for name, curve in result.curves.items()},
        reason=text_kept(result.reason),
        correct={part: Correctness([int(n) for n in one.counts], int(one.of)) for part, one in result.correct.items()},
    )
    if plain.outcome != "complete" or (plain.objective is not None and math.isfinite(plain.objective)):
        return plain
    return replace(plain, objective=None, outcome="diverged", reason=f"the objective was {plain.objective}")


def _or_nan(value: object) -> float:
    return math.nan if value is None else number(value)


def text_kept(text: str) -> str:
    """The text in a form that can be kept: a message may hold a whole array."""
    text = in_characters(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... and {len(text) - LONGEST} characters more"
