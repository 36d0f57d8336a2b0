"""A section on methods for a paper about fresh seeds: what was trained again, and how results were averaged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hpsearch.report.confirmed import Confirmed, comparable, measure_of
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import counted_at
from hpsearch.report.methods import Prose, objective_text, on_which_split, place, task, write_prose
from hpsearch.report.text import listed


def write_confirmed_methods(found: Mapping[str, Confirmed], context: ReportContext, folder: Path) -> list[Path]:
    """Write the section on methods and what it cites; returns the files."""
    prose, confirm = Prose(), context.tables.comparison.spec.confirm
    of = f" of {confirm.of}" if confirm is not None else ""
    opening = [
        f"We trained again, with fresh seeds, what the studies{of} had chosen with {listed(list(found))}: the best of "
        "many results is flattered by the seed of its training.",
        f"The objective of a training was its {objective_text(context.tables, searched=False)}.",
    ]
    prose.add("Task", task(context, opening, "computed for every training."))
    prose.add("Trainings", _trainings(found, context))
    prose.add("Statistics", _statistics(found, context, prose))
    prose.add("Software and hardware", place(context, prose))
    return write_prose(prose, folder)


def _trainings(found: Mapping[str, Confirmed], context: ReportContext) -> list[str]:
    tables, confirm = context.tables, context.tables.comparison.spec.confirm
    finished, planned = int((tables.trials["state"] != "proposed").sum()), tables.planned
    chosen = listed([f"{len(of.studies)} of {label}" for label, of in found.items()])
    counts = sorted({len(seeds) for of in found.values() for seeds in of.objectives})
    times = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    lost = listed([f"{label} {of.lost}" for label, of in found.items() if of.lost])
    changed = ", ".join(f"{name} = {value}" for name, value in confirm.changed.items()) if confirm else ""
    return [
        f"Trained was what each study chose in the end ({chosen})"
        f"{', and what it would have chosen at earlier trials' if confirm and confirm.incumbents else ''}.",
        f"Studies that chose alike share trainings. Each configuration was trained with {times} seeds that no search "
        f"had used, derived from the seed {tables.comparison.seed} of the confirmation.",
        f"In all {finished:,} trainings were done." if finished == planned
        else f"Not all was done: {finished:,} of {planned:,} trainings.",
        f"The task had other settings than in the search ({changed}), so that differences are due to both." if changed
        else "",
        f"Trainings that diverged or failed ({lost}) counted {counted_at(tables)}." if lost else "",
    ]  # fmt: skip


def _statistics(found: Mapping[str, Confirmed], context: ReportContext, prose: Prose) -> list[str]:
    measure = measure_of(context.tables, found) or context.tables.objective.name
    said = [
        "Results are means over the chosen configurations, one for each study, of their means over seeds; the 95% "
        f"intervals are over configurations, the outer of the studentised bootstrap "
        f"{prose.cite('efron1993bootstrap')} and Student's t.",
        "Their variance was split between configurations and seeds by analysis of variance with random effects.",
    ]
    if comparable(found):
        said += [
            f"Methods were compared by {measure}, by the probability that a configuration of one is better than one of "
            f"the other, ties counted half {prose.cite('vargha2000critique')}, with a normal interval on the logit "
            f"scale {prose.cite('brunner2000nonparametric')} that near 0 and 1 is extended to a score interval "
            f"{prose.cite('newcombe2006mann')}; p inverts that interval, or with few configurations is exact "
            f"{prose.cite('wilcoxon1945individual')}, and is adjusted by Holm's procedure "
            f"{prose.cite('holm1979procedure')}.",
        ]
    return [*said, on_which_split(context.tables)]
