"""Several databases as one comparison, if they measured the same thing in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from hpsearch.spec import searches
from hpsearch.tables import Tables


class DifferentError(Exception):
    """What differs between comparisons that are to be compared, in one sentence."""

    exit_code = 3


def merged(files: Sequence[Path], all_tables: Sequence[Tables], force: bool) -> tuple[Tables, list[str]]:
    """One comparison of all methods, and the differences that `force` has let pass, as sentences for the page.

    A method that several files have under one label gets its file's name added.

    Raises:
        DifferentError: if objective, task, budget, data or searcher differ and `force` is not given; or if the
            objectives differ, or a file has no search, which nothing can force.
    """
    if len({file.resolve() for file in files}) < len(files):
        raise DifferentError("the same file is given twice; a comparison with itself says nothing")
    first = all_tables[0]
    for file, tables in zip(files, all_tables, strict=True):
        if tables.objective != first.objective:
            raise DifferentError(
                f"{file}: measures {tables.objective.name}, {files[0]} measures {first.objective.name} (or its "
                "direction, unit or chance level differ); these cannot be on one page"
            )
        if not searches(tables.comparison["spec"]["searcher"]["name"]):
            raise DifferentError(f"{file}: has no search to compare, for its searcher tries given configurations")
    differing = [
        f"{file.name} differs from {files[0].name} in {', '.join(names)}"
        for file, tables in zip(files[1:], all_tables[1:], strict=True)
        if (names := _differences(first, tables))
    ]
    if differing and not force:
        raise DifferentError(
            f"{'; '.join(differing)}: not comparable; --force compares them with a warning on the page"
        )
    return _joined(files, all_tables, bool(differing)), [*differing, *_shared_seeds(files, all_tables)]


def _shared_seeds(files: Sequence[Path], all_tables: Sequence[Tables]) -> list[str]:
    """Equal labels and seeds give equal streams: such studies are no independent samples."""
    seen: dict[tuple[str, int], Path] = {}
    said = []
    for file, tables in zip(files, all_tables, strict=True):
        for label in tables.methods:
            other = seen.setdefault((label, tables.comparison["seed"]), file)
            if other is not file:
                said.append(
                    f"{label} has the same seed in {other.name} and {file.name}: these studies are not independent, "
                    "and intervals and tests between them are wrong"
                )
    return said


def _differences(first: Tables, other: Tables) -> list[str]:
    """Names of what a fair comparison holds fixed and these two do not, each with both values where those are short."""
    a, b = _held(first), _held(other)
    return [
        f"{name} ({a.get(name)} against {b.get(name)})" if len(f"{a.get(name)}{b.get(name)}") < 60 else name
        for name in sorted({*a, *b})
        if a.get(name) != b.get(name)
    ]


def _held(tables: Tables) -> dict[str, Any]:
    comparison = tables.comparison
    spec, resolved = comparison["spec"], comparison["resolved"]
    return {
        "trials": comparison["trials"],
        "task": spec["task"]["name"],
        **{f"task.{name}": value for name, value in resolved["task"].items()},
        "searcher": spec["searcher"]["name"],
        **{f"searcher.{name}": value for name, value in resolved["searcher"].items()},
        **{f"data.{name}": value for name, value in comparison["data"].items()},
    }


def _joined(files: Sequence[Path], all_tables: Sequence[Tables], forced: bool) -> Tables:
    counts: dict[str, int] = {}
    for tables in all_tables:
        for label in tables.methods:
            counts[label] = counts.get(label, 0) + 1
    stems = [file.stem for file in files]
    names = [
        stem if stems.count(stem) == 1 else f"{file.resolve().parent.name}/{stem}, file {number}"
        for number, (file, stem) in enumerate(zip(files, stems, strict=True), 1)
    ]
    renamed = [
        _renamed(tables, {label: f"{label} ({name})" if counts[label] > 1 else label for label in tables.methods})
        for name, tables in zip(names, all_tables, strict=True)
    ]
    first = renamed[0]
    comparison = {
        **first.comparison,
        "name": " + ".join(str(tables.comparison["name"]) for tables in renamed),
        "spec": {**first.comparison["spec"], "description": "several comparisons on one page"},
        "resolved": {
            **first.comparison["resolved"],
            "methods": {k: v for t in renamed for k, v in t.comparison["resolved"]["methods"].items()},
        },
        "repeats": ", ".join(str(t.comparison["repeats"]) for t in renamed),
        "seed": ", ".join(str(t.comparison["seed"]) for t in renamed),
        "study_file": ", ".join(Path(t.comparison["study_file"]).name for t in renamed),
        "files": [file.name for file in files],
        "forced": forced,
        "parts": [tables.comparison for tables in renamed],
        "sizes": "; ".join(
            f"{file.name}: {t.comparison['trials']}, {t.comparison['repeats']}"
            for file, t in zip(files, renamed, strict=True)
        ),
        "planned": sum(len(t.methods) * t.comparison["repeats"] * t.comparison["trials"] for t in renamed),
    }
    return replace(
        first,
        comparison=comparison,
        methods={label: space for tables in renamed for label, space in tables.methods.items()},
        metrics=tuple(dict.fromkeys(name for tables in renamed for name in tables.metrics)),
        trials=pd.concat([tables.trials for tables in renamed], ignore_index=True),
        curves=pd.concat([tables.curves for tables in renamed], ignore_index=True),
        runs=[run for tables in renamed for run in tables.runs],
        halved=sum(tables.halved for tables in renamed),
    )


def _renamed(tables: Tables, names: dict[str, str]) -> Tables:
    def labelled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(method=frame["method"].map(names)) if len(frame) else frame

    resolved = tables.comparison["resolved"]
    methods = {names[label]: settings for label, settings in resolved["methods"].items()}
    return replace(
        tables,
        comparison={**tables.comparison, "resolved": {**resolved, "methods": methods}},
        methods={names[label]: space for label, space in tables.methods.items()},
        trials=labelled(tables.trials),
        curves=labelled(tables.curves),
    )
