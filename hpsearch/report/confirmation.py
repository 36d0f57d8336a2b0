"""The study that confirms a comparison: each configuration that a study of it chose, trained again with fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpsearch.database import DatabaseError
from hpsearch.report.chosen import chosen, typed
from hpsearch.spec import MethodSpec, Named, Spec
from hpsearch.tables import Tables
from hpsearch.task import derived_seed

BETWEEN = " / study "


def confirmation(tables: Tables, seeds: int, overall: bool, settings: Mapping[str, Any]) -> Spec:
    """A comparison whose methods are the chosen configurations and whose repeats are seeds.

    Args:
        tables: the comparison that was searched.
        seeds: trainings of each configuration.
        overall: only the best study's configuration of each method.
        settings: of the task, in place of its own, such as a longer budget.

    Raises:
        DatabaseError: if no method has a complete trial.
    """
    comparison, found = tables.comparison, chosen(tables, overall=overall)
    if comparison["spec"]["searcher"].get("confirms"):
        raise DatabaseError(f"{comparison['name']}: is itself a confirmation; give the comparison that was searched")
    spec = Spec.model_validate(comparison["spec"])
    methods, recorded = {}, {}
    for label, rows in found.items():
        for row in rows.to_dict("records"):
            name = f"{label}{BETWEEN}{row['repeat']}"
            values = {p.name: typed(p, row[p.name]) for p in tables.methods[label]}
            old = spec.methods[label]
            # A task without methods of its own has only spaces.
            named = old.method or (None if _without_methods(spec) else label)
            methods[name] = MethodSpec(method=named, space=dict(values), schedules=old.schedules, settings=old.settings)
            recorded[name] = float(row["objective"])
    if not methods:
        raise DatabaseError(f"{comparison['name']}: no trial is complete yet, so there is nothing to confirm")
    searcher: dict[str, Any] = {"confirms": spec.name, "recorded": recorded}
    before = comparison["resolved"]["task"]
    if changed := {name: value for name, value in settings.items() if before.get(name) != value}:
        searcher["changed"] = changed
    task = Named(name=spec.task.name, **{**spec.task.settings, **settings})
    return Spec(
        name=f"{spec.name[:80]}-confirm{'-overall' if overall else ''}",
        description=f"configurations chosen in {spec.name}, each trained with {seeds} fresh seeds",
        trials=1,
        repeats=seeds,
        seed=derived_seed(spec.seed, "confirm"),
        task=task,
        searcher=Named(name="fixed", **searcher),
        methods=methods,
    )


def method_of(label: str) -> str:
    """The method whose choice a confirming method's label names."""
    return label.rpartition(BETWEEN)[0] or label


def _without_methods(spec: Spec) -> bool:
    from hpsearch.spec import load_task

    return load_task(spec.task).methods is None
