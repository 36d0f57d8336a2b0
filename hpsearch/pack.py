"""What a worker does: train one pack, from names alone, and check what the task returns."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.space import Configuration
from hpsearch.spec import MethodSpec, Named, load_method, load_task
from hpsearch.task import Result


@dataclass(frozen=True)
class Trained:
    """A pack's results, how long it took, and how many warnings were raised in it."""

    results: list[Result]
    started: float
    ended: float
    warnings: int


def train_pack(
    task_name: Named,
    label: str,
    method_spec: MethodSpec,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    device: str,
) -> Trained:
    """Train the configurations together. Raises whatever the task raises, and TypeError for nonsense."""
    task = _load_once(task_name)
    method = load_method(task, label, method_spec)
    started = time.time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = task.train(method, configurations, seeds, device)
    check_results(results, len(configurations))
    return Trained(list(results), started, time.time(), len(caught))


def check_results(results: object, count: int) -> None:
    """Raise TypeError unless `results` is what a task's `train` must return."""
    if not isinstance(results, list) or not all(isinstance(result, Result) for result in results):
        raise TypeError(f"the task's train must return a list of Result, got {type(results).__name__}")
    if len(results) != count:
        raise TypeError(f"the task returned {len(results)} results for {count} configurations")
    for result in results:
        if result.outcome not in ("complete", "diverged", "failed"):
            raise TypeError(f"a result's outcome is complete, diverged or failed, got {result.outcome!r}")
        for name, value in {"objective": result.objective, **result.metrics}.items():
            if value is not None and not isinstance(value, int | float):
                raise TypeError(f"a result's {name} must be a number, got {type(value).__name__}")
        if len({len(values) for values in result.curves.values()}) > 1:
            raise TypeError("the curves of a result must have one value an epoch each")


_tasks: dict[str, object] = {}


def _load_once(named: Named):  # type: ignore[no-untyped-def]
    """The task, kept between packs, since it may hold its data."""
    key = named.model_dump_json()
    if key not in _tasks:
        _tasks.clear()
        _tasks[key] = load_task(named)
    return _tasks[key]
