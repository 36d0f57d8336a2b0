"""The study that confirms a comparison: each configuration that a study chose, trained again with fresh seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Value
from hpsearch.store.chosen import BETWEEN, chosen, typed
from hpsearch.store.tables import Tables
from hpsearch.study.plan import Plan, resolve
from hpsearch.study.registry import Registry
from hpsearch.study.schema import Confirm, MethodSpec, Named, Spec


def confirmation(tables: Tables, found_in: Registry, seeds: int, overall: bool, settings: Mapping[str, Value]) -> Plan:
    """A comparison whose methods are the chosen configurations and whose repeats are seeds.

    Args:
        tables: the comparison that was searched.
        found_in: where its task and methods are looked for.
        seeds: trainings of each configuration.
        overall: only the best study's configuration of each method.
        settings: settings of the task in place of its own, such as a longer budget.

    Raises:
        DatabaseError: if no method has a complete trial.
    """
    comparison, chosen_rows = tables.comparison, chosen(tables, overall=overall)
    spec = comparison.spec
    if spec.confirm is not None:
        raise DatabaseError(f"{comparison.name}: is itself a confirmation; give the comparison that was searched")
    without_methods = resolve(spec, found_in).task.methods is None
    methods, recorded = {}, {}
    for label, rows in chosen_rows.items():
        for row in rows.to_dict("records"):
            name = f"{label}{BETWEEN}{row['repeat']}"
            values = {p.name: typed(p, row[p.name]) for p in tables.methods[label]}
            old = spec.methods[label]
            named = old.method or (None if without_methods else label)
            methods[name] = MethodSpec(method=named, space=dict(values), schedules=old.schedules, settings=old.settings)
            recorded[name] = float(row["objective"])
    if not methods:
        raise DatabaseError(f"{comparison.name}: no trial is complete yet, so there is nothing to confirm")
    before = comparison.resolved["task"]
    changed = {name: value for name, value in settings.items() if before.get(name) != value}
    confirming = Spec(
        name=f"{spec.name[:80]}-confirm{'-overall' if overall else ''}",
        description=f"configurations chosen in {spec.name}, each trained with {seeds} fresh seeds",
        trials=1,
        repeats=seeds,
        seed=derived_seed(spec.seed, "confirm"),
        time_limit=spec.time_limit,
        on_failure=spec.on_failure,
        task=Named(name=spec.task.name, **{**spec.task.settings, **settings}),
        searcher=Named(name="fixed"),
        methods=methods,
        confirm=Confirm(of=spec.name, recorded=recorded, changed=changed),
    )
    # As a confirmation of it always had them: the same command gives what it gave.
    return replace(resolve(confirming, found_in), seed_bits=comparison.seed_bits)
