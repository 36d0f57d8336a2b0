"""Copy a comparison, with other labels or without some of its methods; the original stays as it is.

Seeds derive from labels. So a method with another label keeps the one that it had as `formerly`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from hpsearch.contracts.errors import UsageError
from hpsearch.contracts.json import Json
from hpsearch.store.chosen import method_of
from hpsearch.store.copying import Source, copy_studies, new_database, snapshot
from hpsearch.store.rows import Comparison, NewStudy
from hpsearch.study.faults import unknown
from hpsearch.study.schema import Confirm, MethodSpec, Spec

T = TypeVar("T")


def copy(file: Path, into: Path, labels: Mapping[str, str], dropped: Collection[str] = ()) -> list[str]:
    """Copy a database; returns the labels that the copy has.

    Of a confirmation, labels are those of the methods that chose.

    Args:
        file: the database to copy; a run may be writing it, and it is taken as it is now.
        into: the database to make, whole or not at all.
        labels: label -> its label in the copy; all others stay.
        dropped: labels of methods that the copy lacks.

    Raises:
        UsageError: if there is no such method, or a new label is taken, or nothing would be left.
        FileError: if `into` exists, or a file cannot be read or written.
    """
    with snapshot(file) as source:
        comparison, methods, studies = source.existing(), source.methods(), source.studies()
        source.all_trials()  # whose cells are looked at
        # The label of a choice that is confirmed begins with that of the method that chose.
        searched = {label: method_of(label) if comparison.spec.confirm else label for label in methods}
        _check(file, comparison, set(searched.values()), labels, dropped)
        new = {label: labels.get(of, of) + label[len(of) :] for label, of in searched.items() if of not in dropped}
        with new_database(into) as target:
            target.create(
                _changed(comparison, new),
                [replace(methods[label], label=now) for label, now in new.items()],
                [NewStudy(new[s.method], s.repeat, s.seed, s.pack) for s in studies if s.method in new],
            )
            for look in comparison.looks:
                target.add_look(look)
            there = {(study.method, study.repeat): study.id for study in target.studies()}
            kept = {study.id: there[new[study.method], study.repeat] for study in studies if study.method in new}
            copy_studies(target, [Source(source, kept)])
    return list(new.values())


def _check(
    file: Path, comparison: Comparison, known: Collection[str], labels: Mapping[str, str], dropped: Collection[str]
) -> None:
    for option, names in (("--rename", labels), ("--drop", dropped)):
        for label in names:
            if label not in known:
                raise UsageError(unknown(f"{option} {label}", label, known, what=f"{file} has no such method,"))
    if twice := sorted(set(labels) & set(dropped)):
        raise UsageError(f"--rename {twice[0]}: it is dropped too; give one of the two")
    now = list(labels.values())
    taken = [label for label in now if label in known or now.count(label) > 1 or not label.strip()]
    if taken:
        raise UsageError(f"--rename: the label {taken[0]!r} is taken in {file}, or empty; give another one")
    if not set(known) - set(dropped):
        raise UsageError(f"--drop: no method of {file} would be left")
    if dropped and comparison.looks:
        raise UsageError(
            f"--drop {min(dropped)}: {file} was run until its methods were told apart, which says nothing about one of "
            "them alone: rename them only"
        )
    specs = comparison.spec.methods
    for label in sorted(set(dropped) & specs.keys()):
        by = [other for other, spec in specs.items() if spec.method == label and other not in dropped]
        lines = {*comparison.spec.space, *specs[label].space}
        if by and specs[label].method is None and {p["name"] for p in _space(comparison, label)} <= lines:
            raise UsageError(f"--drop {label}: {by[0]} has its space by method = {label!r}; drop both, or neither")


def _space(comparison: Comparison, label: str) -> list[Json]:
    found: list[Json] = comparison.resolved["methods"][label].get("space", [])
    return found


def _changed(comparison: Comparison, new: Mapping[str, str]) -> Comparison:
    """The comparison with the methods of the copy, `new` has old label -> new label."""
    old, resolved = comparison.spec, comparison.resolved
    changes: Json = {"methods": {now: _method(old, label, new) for label, now in new.items()}}
    splits = resolved.get("splits")
    if old.confirm is not None:
        changes["confirm"] = _confirm(old.confirm, new)
        splits = None if splits is None else _kept(splits, new)
    spec: Spec = old.model_copy(update=changes)
    settings = {**resolved, "methods": _kept(resolved["methods"], new), **({"splits": splits} if splits else {})}
    return replace(comparison, spec=spec, resolved=settings)


def _method(spec: Spec, label: str, new: Mapping[str, str]) -> MethodSpec:
    """A method of the study file as the copy has it.

    Another method that it refers to is found by that one's former label. Only if that one is renamed again, the
    reference has to follow.
    """
    method = spec.methods[label]
    seeds_of = spec.seed_label(label)
    changes: Json = {"formerly": None if new[label] == seeds_of else seeds_of}
    other = method.method
    if other is not None and other in new and spec.methods[other].formerly:
        changes["method"] = new[other]
    return method.model_copy(update=changes)


def _confirm(confirm: Confirm, new: Mapping[str, str]) -> Confirm:
    by_label = {name: _kept(vars(confirm)[name], new) for name in ("recorded", "incumbents", "splits")}
    return confirm.model_copy(update=by_label)


def _kept(of_label: Mapping[str, T], new: Mapping[str, str]) -> dict[str, T]:
    return {new[label]: value for label, value in of_label.items() if label in new}
