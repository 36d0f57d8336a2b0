"""How a comparison is laid out in a database: made, extended, or refused because the file holds another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from hpsearch.contracts.errors import DatabaseError, TaskError
from hpsearch.contracts.json import Json
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.task import Task
from hpsearch.driver import clock
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, MethodRow, NewStudy
from hpsearch.study.faults import shortened
from hpsearch.study.plan import Plan
from hpsearch.study.schema import Spec

FREE = frozenset(("description", "time_limit", "on_failure"))
"""Keys of a study file that may change between runs: they decide no trial that completes."""
MOST_LISTED = 3
"""How many differences between two study files a message names; the rest is counted."""


def prepare(database: Database, plan: Plan, study_file: str, progress: Progress) -> None:
    """Prepare the task's data, and lay out the comparison in a new database or check it in an old one.

    Raises TaskError where data is missing, DatabaseError where the file holds another comparison.
    """
    old = database.comparison()
    if old is not None:
        _refuse_another(database, old, plan)
    data = _prepared(plan.task, progress)
    if old is None:
        _create(database, plan, study_file, data)
        return
    if old.data != data:
        names = ", ".join(_changed_keys(old.data, data))
        raise DatabaseError(f"{database.path}: was begun on other data ({names} differ)")
    if _defining(old.spec) != _defining(plan.spec):
        _extend(database, plan, old)


def _refuse_another(database: Database, old: Comparison, plan: Plan) -> None:
    """Raise DatabaseError unless the file's comparison is the plan's, or the plan's with fewer trials or studies."""
    if changed := _not_an_extension(_defining(old.spec), _defining(plan.spec)):
        raise DatabaseError(
            f"{database.path}: holds a comparison from another study file: "
            f"{'; '.join(shortened(changed, MOST_LISTED))}; give another database with --database, or the old study "
            "file (more trials, repeats or methods may be added)"
        )
    # Whether it is searchable is no part of what was measured, and not recorded.
    measured = replace(plan.task.objective, searchable=True)
    if old.objective != measured:
        raise DatabaseError(
            f"{database.path}: was begun with another objective, {old.objective}, and the task now has {measured}; "
            "give another database with --database"
        )
    if changed := list(_changed_settings(_without_confirmation(old.resolved), plan.settings(), "")):
        raise DatabaseError(
            f"{database.path}: was begun with other settings: {'; '.join(shortened(changed, MOST_LISTED))}; give "
            "another database with --database, or set them back (a default may be that of another version of hpsearch)"
        )


def _without_confirmation(resolved: Json) -> Json:
    """Recorded settings without what version 0.1 kept among the searcher's, and the study file has now."""
    moved = ("confirms", "recorded", "changed")
    searcher = {name: value for name, value in resolved.get("searcher", {}).items() if name not in moved}
    return {**resolved, "searcher": searcher}


def _prepared(task: Task, progress: Progress) -> Json:
    """What the task says about its data, as a database gives it back."""
    data = task.prepare(progress)
    try:
        return dict(json.loads(json.dumps(dict(data), allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise TaskError(f"the task's prepare must return a mapping of texts and finite numbers: {error}") from error


def _create(database: Database, plan: Plan, study_file: str, data: Json) -> None:
    spec = plan.spec
    database.create(
        Comparison(
            name=spec.name,
            spec=spec,
            study_file=study_file,
            trials=spec.trials,
            repeats=spec.repeats,
            seed=spec.seed,
            pack_size=plan.pack_size,
            objective=plan.task.objective,
            data=data,
            created=clock.now(),
            resolved=plan.settings(),
        ),
        [MethodRow(label, method.space, method.schedules) for label, method in plan.methods.items()],
        [
            NewStudy(label, repeat, derived_seed(spec.seed, label, repeat), (repeat - 1) // plan.pack_size)
            for label in plan.methods
            for repeat in range(1, spec.repeats + 1)
        ],
    )


def _extend(database: Database, plan: Plan, old: Comparison) -> None:
    """More trials, more repeats, new methods: what is there stays, and is what a fresh run would begin with."""
    spec, studies = plan.spec, database.studies()
    known = {study.method for study in studies}
    packs: dict[str, int] = {}
    for study in studies:
        packs[study.method] = max(packs.get(study.method, 0), study.pack + 1)
    first = {label: old.repeats + 1 if label in known else 1 for label in plan.methods}
    database.extend(
        spec,
        plan.settings(),
        [MethodRow(label, m.space, m.schedules) for label, m in plan.methods.items() if label not in known],
        [
            NewStudy(
                label,
                repeat,
                derived_seed(spec.seed, label, repeat),
                packs.get(label, 0) + (repeat - first[label]) // old.pack_size,
            )
            for label in plan.methods
            for repeat in range(first[label], spec.repeats + 1)
        ],
    )


def _not_an_extension(old: Json, new: Json) -> list[str]:
    """What has changed and may not, each with both values. More trials, more repeats and new methods may be added."""
    grown = {
        **new,
        "trials": old["trials"] if new["trials"] >= old["trials"] else new["trials"],
        "repeats": old["repeats"] if new["repeats"] >= old["repeats"] else new["repeats"],
        "methods": {label: method for label, method in new["methods"].items() if label in old["methods"]},
    }
    return list(_changes(old, grown, ""))


def _changes(old: object, new: object, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield f"{path} is {_brief(new)} here and {_brief(old)} there"


def _brief(value: object) -> str:
    if value is None:
        return "absent"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _defining(spec: Spec) -> Json:
    """What decides the trials. Keys that an older version did not know have the value that it went by."""
    return {key: value for key, value in spec.model_dump(mode="json").items() if key not in FREE}


def _changed_keys(old: Json, new: Json) -> list[str]:
    return [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def _changed_settings(old: object, new: object, path: str) -> Iterator[str]:
    """Settings that have changed, each with both values; one that did not exist when `old` was recorded has not."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            yield from _changed_settings(value, new.get(name), f"{path}.{name}" if path else name)
    elif old != new:
        yield f"{path} is {_brief(new)} now and was {_brief(old)}"
