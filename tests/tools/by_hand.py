"""A comparison written down by hand, for databases and tables of numbers that a test knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpsearch.contracts.objective import Objective
from hpsearch.store.rows import Comparison
from hpsearch.study.schema import MethodSpec, Named, Spec


def by_hand(
    labels: Sequence[str],
    trials: int,
    repeats: int,
    objective: Objective,
    *,
    name: str = "by-hand",
    task: Named | None = None,
    searcher: str = "sobol",
    schedules: dict[str, str] | None = None,
    **other: Any,
) -> Comparison:
    """A comparison of methods with the space x = [0, 1]; `other` are fields of it with another value."""
    task = task or Named(name="t")
    spec = Spec(
        name=name,
        trials=trials,
        repeats=repeats,
        seed=1,
        task=task,
        searcher=Named(name=searcher),
        methods={label: MethodSpec(space={"x": [0.0, 1.0]}) for label in labels},
    )
    settings: dict[str, Any] = {
        "study_file": f"{name}.toml",
        "pack_size": 1,
        "data": {},
        "created": "2026-01-01T00:00:00+00:00",
        "resolved": {
            "task": task.settings if task else {},
            "searcher": {},
            "methods": {label: {"space": [], "schedules": schedules or {}} for label in labels},
        },
    }
    return Comparison(
        name=name, spec=spec, trials=trials, repeats=repeats, seed=1, objective=objective, **{**settings, **other}
    )
