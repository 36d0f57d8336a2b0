"""Lay out a comparison in a database: create it, extend it, or refuse a file that holds another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from hpsearch.contracts.errors import DatabaseError, TaskError
from hpsearch.contracts.json import Json
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.seeds import derived_seed
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, MethodRow, NewStudy
from hpsearch.study.faults import shortened
from hpsearch.study.plan import Plan, split_text
from hpsearch.study.schema import MOVED, Spec
from hpsearch.system import clock
from hpsearch.system.provenance import changed_modules

FREE = frozenset(("description", "time_limit", "on_failure", "keep_correct", "incumbent"))
"""Keys of a study file that may change between runs, since they affect no trial that completes."""
MOST_LISTED = 3
"""How many differences between two study files a message names at most; it counts the others."""


def prepare(
    database: Database,
    plan: Plan,
    study_file: str,
    progress: Progress,
    say: Callable[[str], None] = lambda _: None,
    *,
    changed_code: bool = False,
) -> None:
    """Prepare the task's data, and lay out the comparison in a new database or check it in an old one.

    A database that holds another comparison, of which nothing is finished, is begun anew; `say` is told so.

    Raises TaskError if data is missing, and DatabaseError if something of another comparison is finished, or if the
    comparison would be extended with other code of the user's than before and `changed_code` does not allow that.
    """
    old = recorded = database.comparison()
    if old is not None and _searched_by_another_version(database, plan):
        old = replace(old, resolved={**old.resolved, "searcher": plan.settings()["searcher"]})
    another = "" if old is None else _another(old, plan)
    if another and database.has_results():
        raise DatabaseError(f"{database.path}: {another}")
    data = _prepared(plan, progress)
    if old is not None and not another and (names := _changed_facts(old, data)):
        another = f"was begun on other data ({', '.join(names)} differ)"
        if database.has_results():
            raise DatabaseError(f"{database.path}: {another}")
    if old is not None and another:
        say(f"{database.path}: begun anew, for nothing was finished of {old.name}, which it held")
        database.clear()
        old = None
    if old is None:
        _create(database, plan, study_file, data)
    elif defining(old.spec) != defining(plan.spec):
        if not changed_code:
            _refuse_changed_code(database, plan)
        _extend(database, plan, old, data)
    elif old != recorded or old.spec != plan.spec:
        # Free keys, which reports show and a confirmation takes over, or what a new version of the searcher is set to.
        database.extend(plan.spec, old.resolved, data, [], [])


def _searched_by_another_version(database: Database, plan: Plan) -> bool:
    """Whether the comparison's searcher had another version in the last run: its settings were other settings then."""
    version = plan.searchers.default.version
    return any(run.provenance.get("searcher_version", 1) != version for run in database.runs()[-1:])


def _refuse_changed_code(database: Database, plan: Plan) -> None:
    runs = database.runs()
    if runs and (changed := changed_modules(runs[-1].provenance, {"code": plan.code})):
        raise DatabaseError(
            f"{database.path}: the code of {', '.join(changed)} has changed since it was run, so that new trials may "
            "measure something else: give another database with --database, or extend it all the same with "
            "--changed-code"
        )


def _another(old: Comparison, plan: Plan) -> str:
    """Why a file's comparison is not the plan's, nor the plan's with fewer trials or studies; empty if it is."""
    if changed := _not_an_extension(defining(old.spec), defining(plan.spec)):
        return (
            f"holds a comparison from another study file: {'; '.join(shortened(changed, MOST_LISTED))}; give another "
            "database with --database, or the old study file (more trials, budget, repeats or methods may be added)"
        )
    # `searchable` is not compared: it says nothing about what was measured, and is not recorded.
    measured = replace(plan.task.objective, searchable=True)
    if old.objective != measured:
        return (
            f"was begun with another objective, {old.objective}, and the task now has {measured}; give another "
            "database with --database"
        )
    if changed := list(_changed_settings(deciding(old.resolved), plan.settings(), "")):
        return (
            f"was begun with other settings: {'; '.join(shortened(changed, MOST_LISTED))}; give another database with "
            "--database, or set them back (a default may be that of another version of hpsearch)"
        )
    return ""


def deciding(resolved: Json) -> Json:
    """Recorded settings that decide trials: without bounds, and without `confirm`, which version 0.1 kept there."""
    searcher = {name: value for name, value in resolved.get("searcher", {}).items() if name not in MOVED}
    parts = {name: part for name, part in resolved.items() if name != "objective"}
    return {**parts, "searcher": searcher}


def _prepared(plan: Plan, progress: Progress) -> Json:
    """What the task says about its data, in the form that a database returns."""
    data = plan.prepare(progress)
    try:
        return dict(json.loads(json.dumps(data, allow_nan=False)))
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
            seed_bits=plan.seed_bits,
        ),
        [MethodRow(label, method.space, method.schedules) for label, method in plan.methods.items()],
        [
            NewStudy(label, repeat, derived_seed(spec.seed, spec.seed_label(label), repeat), pack)
            for label in plan.methods
            for repeat, pack in _packs(plan, label, range(1, spec.repeats + 1), plan.pack_size)
        ],
    )


def _packs(plan: Plan, label: str, repeats: Iterable[int], size: int, first: int = 0) -> Iterator[tuple[int, int]]:
    """Each study's number with that of its pack, which begin at `first`: studies in a pack have one split of the data.

    In a pack of 10 that is over five folds two studies could be trained together, in one that is of a fold all ten.
    """
    of_split: dict[int, list[int]] = {}
    for repeat in repeats:
        of_split.setdefault(id(plan.task_of(label, repeat)), []).append(repeat)
    for together in of_split.values():
        for place, repeat in enumerate(together):
            yield repeat, first + place // size
        first += -(-len(together) // size)


def _extend(database: Database, plan: Plan, old: Comparison, data: Json) -> None:
    """Add trials, repeats and methods. What is there stays; a fresh run of the larger study would begin with it."""
    spec, studies = plan.spec, database.studies()
    known = {study.method for study in studies}
    packs: dict[str, int] = {}
    for study in studies:
        packs[study.method] = max(packs.get(study.method, 0), study.pack + 1)
    first = {label: old.repeats + 1 if label in known else 1 for label in plan.methods}
    database.extend(
        spec,
        plan.settings(),
        data,
        [MethodRow(label, m.space, m.schedules) for label, m in plan.methods.items() if label not in known],
        [
            NewStudy(label, repeat, derived_seed(spec.seed, spec.seed_label(label), repeat), pack)
            for label in plan.methods
            for repeat, pack in _packs(
                plan, label, range(first[label], spec.repeats + 1), old.pack_size, packs.get(label, 0)
            )
        ],
    )


def _not_an_extension(old: Json, new: Json) -> list[str]:
    """Changes that are not allowed, each with both values. Only trials, budget, repeats and methods may be added."""
    grown = {
        **new,
        "trials": old["trials"] if new["trials"] >= old["trials"] else new["trials"],
        "repeats": old["repeats"] if new["repeats"] >= old["repeats"] else new["repeats"],
        "methods": {label: method for label, method in new["methods"].items() if label in old["methods"]},
        "budget": _grown(old["budget"], new["budget"]),
    }
    if old.get("confirm") and new.get("confirm"):  # what later repeats chose may be added, as methods may
        grown["confirm"] = {
            key: {label: of for label, of in value.items() if label in old["methods"]} if key in BY_METHOD else value
            for key, value in new["confirm"].items()
        }
    return list(changes(old, grown, ""))


BY_METHOD = ("recorded", "incumbents", "splits")
"""Parts of what a comparison confirms that have an entry for each method."""


def _grown(old: Json | None, new: Json | None) -> Json | None:
    """The old budget if the new one only allows more of the same."""
    if not old or not new:
        return new
    return {
        unit: most if most is not None and new[unit] is not None and new[unit] >= most else new[unit]
        for unit, most in old.items()
    }


def changes(old: object, new: object, path: str) -> Iterator[str]:
    """A sentence on each key whose values differ between two tables; `path` is the key that has these tables."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield f"{path} is {_brief(new)} here and {_brief(old)} there"


def _brief(value: object) -> str:
    if value is None:
        return "absent"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def defining(spec: Spec) -> Json:
    """The settings that decide the trials. Keys that an older version lacked have the value that it used."""
    return {key: value for key, value in spec.model_dump(mode="json").items() if key not in FREE}


def _changed_facts(old: Comparison, new: Json) -> list[str]:
    """Names of what the task now says otherwise about the data in the splits that there were, or in the only one."""
    splits = [split_text(split) for split in old.resolved.get("splits", {}).values()]
    if not splits:
        return [name for name in sorted({*old.data, *new}) if old.data.get(name) != new.get(name)]

    def of_split(facts: Json, name: str, split: str) -> object:
        value = facts.get(name)
        return value.get(split) if isinstance(value, dict) else value

    return [
        name
        for name in sorted({*old.data, *new})
        if any(of_split(old.data, name, split) != of_split(new, name, split) for split in splits)
    ]


def _changed_settings(old: object, new: object, path: str) -> Iterator[str]:
    """Changed settings, each with both values; a setting that did not exist when `old` was recorded is not changed."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name, value in old.items():
            yield from _changed_settings(value, new.get(name), f"{path}.{name}" if path else name)
    elif old != new:
        yield f"{path} is {_brief(new)} now and was {_brief(old)}"
