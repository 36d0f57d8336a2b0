"""The study that confirms a comparison: each configuration that a study chose, trained again with fresh seeds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.json import Json
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Value
from hpsearch.store.chosen import AT, BETWEEN, along, chosen, configuration_of
from hpsearch.store.tables import Tables
from hpsearch.study.plan import Plan, resolve, task_of
from hpsearch.study.registry import Registry
from hpsearch.study.schema import Confirm, Incumbent, MethodSpec, Named, Spec
from hpsearch.system.provenance import changed_modules


def confirmation(
    tables: Tables,
    found_in: Registry,
    seeds: int,
    overall: bool,
    settings: Mapping[str, Value],
    *,
    moments: Collection[int] | None = (),
    changed_code: bool = False,
) -> Plan:
    """A comparison whose methods are the chosen configurations and whose repeats are seeds.

    Args:
        tables: the comparison that was searched.
        found_in: where its task and methods are looked for.
        seeds: how often each configuration is trained.
        overall: whether to take only the best study's configuration of each method.
        settings: settings of the task that replace those of the comparison, such as a longer budget; the comparison's
            time limit does not hold then.
        moments: numbers of trials: what was the incumbent after one of them is trained too, or all incumbents for None.
        changed_code: whether the user's own code may have changed since the search.

    Raises:
        DatabaseError: if no method has a complete trial, the code has changed, or studies choose by a model and
            `moments` ask for more than what they ended with.
    """
    comparison = tables.comparison
    spec = comparison.spec
    if spec.confirm is not None:
        raise DatabaseError(f"{comparison.name}: is itself a confirmation; give the comparison that was searched")
    without_methods = task_of(spec, found_in).methods is None
    methods: dict[str, MethodSpec] = {}
    recorded: dict[str, float] = {}
    incumbents: dict[str, list[Incumbent]] = {}
    splits: dict[str, dict[str, int]] = {}
    of_study = comparison.resolved.get("splits", {})

    def add(label: str, name: str, study: int, values: Mapping[str, Value], objective: float) -> None:
        old = spec.methods[label]
        named = None if without_methods else spec.method_name(label)
        methods[name] = MethodSpec(method=named, space={**values}, schedules=old.schedules, settings=old.settings)
        recorded[name] = objective
        if split := of_study.get(str(study)):
            splits[name] = split

    if moments is None or moments:
        if spec.incumbent == "model":
            raise DatabaseError(
                f'{comparison.name}: its studies choose by a model (incumbent = "model"), which they do at their end '
                "only: confirm it without --along"
            )
        for label, held in along(tables, moments).items():
            for values, spans in held:
                first = spans[0]
                name = f"{label}{BETWEEN}{first.study}{AT}{first.first}"
                add(label, name, first.study, values, first.objective)
                incumbents[name] = [Incumbent(**asdict(span)) for span in spans]
    else:
        for label, rows in chosen(tables, overall=overall).items():
            for row in rows.to_dict("records"):
                values, study = configuration_of(tables.methods[label], row), int(row["repeat"])
                add(label, f"{label}{BETWEEN}{study}", study, values, float(row["objective"]))
    if not methods:
        raise DatabaseError(f"{comparison.name}: no trial is complete yet, so there is nothing to confirm")
    before = comparison.resolved["task"]
    changed = {name: value for name, value in settings.items() if before.get(name) != value}
    confirming = Spec(
        name=f"{spec.name[:80]}-confirm{'-overall' if overall else '-along' if incumbents else ''}",
        description=f"configurations {'that led' if incumbents else 'chosen'} in {spec.name}, each trained with "
        f"{seeds} fresh seeds",
        trials=1,
        repeats=seeds,
        seed=derived_seed(spec.seed, "confirm"),
        time_limit=None if changed else spec.time_limit,  # it was meant for trainings as they were
        on_failure=spec.on_failure,
        task=Named(name=spec.task.name, **{**spec.task.settings, **settings}),
        searcher=Named(name="fixed"),
        methods=methods,
        confirm=Confirm(of=spec.name, recorded=recorded, incumbents=incumbents, changed=changed, splits=splits),
    )
    plan = resolve(confirming, found_in)
    if not changed_code:
        _refuse_changed_code(tables, plan)
    # Seeds as long as those of the search: the same command gives what it gave in an older version.
    return replace(plan, seed_bits=comparison.seed_bits)


def _refuse_changed_code(tables: Tables, plan: Plan) -> None:
    now: Json = {"code": plan.code}
    if changed := sorted({name for run in tables.runs for name in changed_modules(run.provenance, now, ["training"])}):
        raise DatabaseError(
            f"{tables.comparison.name}: the code of {', '.join(changed)} has changed since the search, so that what is "
            "trained now may measure something else: search again, or confirm all the same with --changed-code"
        )
