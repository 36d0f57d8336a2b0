"""Several databases in one report, if they measured the same thing in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from hpsearch.contracts.errors import DifferentError
from hpsearch.contracts.text import in_characters
from hpsearch.report.context import ReportContext, changed_within, searches
from hpsearch.report.facts import with_settings
from hpsearch.store.rows import Comparison
from hpsearch.store.tables import Tables


def merged(files: Sequence[Path], all_tables: Sequence[Tables], force: bool) -> ReportContext:
    """One report of all methods; its warnings say which differences `force` has let pass.

    If several files have a method of the same label, the file's name is added to the label.

    Raises:
        DifferentError: if objective, task, budget, data or searcher differ and `force` is not given; or if the
            objectives differ, or a file has no search, which `force` cannot let pass.
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
        if not searches(tables.comparison):
            raise DifferentError(f"{file}: has no search to compare, since its searcher tries given configurations")
    differing = [
        f"{file.name} differs from {files[0].name} in {', '.join(names)}"
        for file, tables in zip(files[1:], all_tables[1:], strict=True)
        if (names := _differences(first, tables))
    ]
    if differing and not force:
        raise DifferentError(
            f"{'; '.join(differing)}: not comparable; --force compares them with a warning on the page"
        )
    changed = [f"{f.name}: {said}" for f, t in zip(files, all_tables, strict=True) for said in changed_within(t)]
    warnings = (*differing, *_shared_seeds(files, all_tables), *changed)
    return ReportContext(_joined(files, all_tables), tuple(files), warnings, forced=bool(differing))


def _shared_seeds(files: Sequence[Path], all_tables: Sequence[Tables]) -> list[str]:
    """One warning per method that has the same seed in two files: equal streams are not independent samples."""
    seen: dict[tuple[str, int], Path] = {}
    said = []
    for file, tables in zip(files, all_tables, strict=True):
        for label in tables.methods:
            of_label = tables.comparison.spec.seed_label(label)
            other = seen.setdefault((of_label, tables.comparison.seed), file)
            if other is not file:
                said.append(
                    f"{label} has the same seed in {other.name} and {file.name}: these studies are not independent, "
                    "and intervals and tests between them are wrong"
                )
    return said


def _differences(first: Tables, other: Tables) -> list[str]:
    """Names of what two comparisons should have in common and do not, with both values if these are short."""
    a, b = _held(first), _held(other)
    return [
        f"{name} ({a.get(name)} against {b.get(name)})" if len(f"{a.get(name)}{b.get(name)}") < 60 else name
        for name in sorted({*a, *b})
        if a.get(name) != b.get(name)
    ]


def _held(tables: Tables) -> dict[str, object]:
    """What comparisons must have in common: name in messages -> value."""
    comparison = tables.comparison
    return {
        "trials": comparison.spec.length,
        "parallel": comparison.spec.parallel,
        "seeds": comparison.spec.seeds,
        "repeats_over": comparison.spec.repeats_over,
        "task": comparison.spec.task.name,
        **{f"task.{name}": value for name, value in comparison.resolved["task"].items()},
        **_searchers(comparison),
        **{f"data.{name}": value for name, value in comparison.data.items()},
    }


def _searchers(comparison: Comparison) -> dict[str, object]:
    """The searcher and its settings; where methods have searchers of their own, all that there are."""
    found = [comparison.searcher(label) for label in comparison.resolved["methods"]]
    used = {with_settings(*searcher): searcher for searcher in found}
    if len(used) > 1:
        return {"searcher": ", ".join(sorted(used))}
    ((name, settings),) = used.values()
    return {"searcher": name, **{f"searcher.{key}": value for key, value in settings.items()}}


def _joined(files: Sequence[Path], all_tables: Sequence[Tables]) -> Tables:
    counts: dict[str, int] = {}
    for tables in all_tables:
        for label in tables.methods:
            counts[label] = counts.get(label, 0) + 1
    stems = [in_characters(file.stem) for file in files]
    names = [
        stem if stems.count(stem) == 1 else in_characters(f"{file.resolve().parent.name}/{stem}, file {number}")
        for number, (file, stem) in enumerate(zip(files, stems, strict=True), 1)
    ]
    renamed = [
        _renamed(tables, {label: f"{label} ({name})" if counts[label] > 1 else label for label in tables.methods})
        for name, tables in zip(names, all_tables, strict=True)
    ]
    return Tables(
        parts=tuple(tables.comparison for tables in renamed),
        objective=max((tables.objective for tables in renamed), key=lambda o: o.bounds != (None, None)),
        methods={label: space for tables in renamed for label, space in tables.methods.items()},
        metrics=tuple(dict.fromkeys(name for tables in renamed for name in tables.metrics)),
        trials=pd.concat([tables.trials for tables in renamed], ignore_index=True),
        epochs=pd.concat([tables.epochs for tables in renamed], ignore_index=True),
        curves=pd.concat([tables.curves for tables in renamed], ignore_index=True),
        seeds=pd.concat([tables.seeds for tables in renamed], ignore_index=True),
        runs=[run for tables in renamed for run in tables.runs],
        precisions=sum((Counter(tables.precisions) for tables in renamed), Counter()),
        halved=sum(tables.halved for tables in renamed),
        stand_ins=[attempt for tables in renamed for attempt in tables.stand_ins],
        attempts=[attempt for tables in renamed for attempt in tables.attempts],
        correct={place: of for tables in renamed for place, of in tables.correct.items()},
    )


def _renamed(tables: Tables, names: dict[str, str]) -> Tables:
    def labelled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(method=frame["method"].map(names)) if len(frame) else frame

    comparison = tables.comparison
    resolved = {names[label]: settings for label, settings in comparison.resolved["methods"].items()}
    specs = {
        names[label]: spec.model_copy(update={"method": comparison.method_name(label)})
        for label, spec in comparison.spec.methods.items()
    }
    renamed = replace(
        comparison,
        spec=comparison.spec.model_copy(update={"methods": specs}),
        resolved={**comparison.resolved, "methods": resolved},
    )
    return replace(
        tables,
        parts=(renamed,),
        methods={names[label]: space for label, space in tables.methods.items()},
        trials=labelled(tables.trials),
        curves=labelled(tables.curves),
        seeds=labelled(tables.seeds),
        attempts=[replace(attempt, method=names[attempt.method]) for attempt in tables.attempts],
        correct={(names[label], repeat, trial): of for (label, repeat, trial), of in tables.correct.items()},
    )
