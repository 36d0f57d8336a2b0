"""A section on methods for a paper about given configurations: what was varied, and how results were averaged."""

from __future__ import annotations

from pathlib import Path

from hpsearch.contracts.space import Fixed, Parameter
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import counted_at, schedule_of
from hpsearch.report.methods import Prose, objective_text, on_which_split, place, task, write_prose
from hpsearch.report.sensitivity.results import Sensitivity, text
from hpsearch.report.text import listed


def write_sensitivity_methods(found: Sensitivity, context: ReportContext, folder: Path) -> list[Path]:
    """Write the section on methods and what it cites; returns the files."""
    prose = Prose()
    opening = [
        f"We trained {listed(list(found.methods))} at given configurations, each with several seeds, to see what the "
        "results depend on; nothing was searched.",
        f"The objective of a training was its {objective_text(context.tables, searched=False)}.",
    ]
    prose.add("Task", task(context, opening, "computed for every training."))
    prose.add("Configurations", [_configurations(found, context, label) for label in found.methods])
    prose.add("Trainings", _trainings(found, context))
    prose.add("Statistics", _statistics(found, context, prose))
    prose.add("Software and hardware", place(context, prose))
    return write_prose(prose, folder)


def _configurations(found: Sensitivity, context: ReportContext, label: str) -> str:
    responses = found.methods[label].responses
    varied = list(dict.fromkeys(name for response in responses for name in response.varied))
    said = []
    for parameter in context.tables.methods[label]:
        if parameter.name in varied:
            values = dict.fromkeys(text(r.varied[parameter.name]) for r in responses if parameter.name in r.varied)
            tried = (
                f"{parameter.name} was {' or '.join(values)}"
                if len(values) < 3
                else (f"{parameter.name} was one of {', '.join(values)}")
            )
        else:
            tried = f"{parameter.name} was {_constant(context, label, parameter)}"
        schedule = schedule_of(context.tables, label, parameter.name)
        said.append(tried + (f" ({schedule} schedule)" if schedule != "constant" else ""))
    number = "one configuration" if len(responses) == 1 else f"{len(responses)} configurations"
    return f"{label} had {number}: {'; '.join(said)}." if said else f"{label} had {number}."


def _constant(context: ReportContext, label: str, parameter: Parameter) -> str:
    """The one value of a hyperparameter that was not varied."""
    if isinstance(parameter, Fixed):
        return text(parameter.value)
    trials = context.tables.trials
    values = trials.loc[trials["method"] == label, parameter.name].dropna()
    return text(values.iloc[0]) if len(values) else "not in use"


def _trainings(found: Sensitivity, context: ReportContext) -> list[str]:
    counts = sorted({len(r.objectives) for method in found.methods.values() for r in method.responses})
    times = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    seeds = ", ".join(str(part.seed) for part in context.tables.parts)
    finished, planned = found.planned
    lost = {label: sum(r.lost for r in method.responses) for label, method in found.methods.items()}
    counted = listed([f"{label} {n}" for label, n in lost.items() if n])
    return [
        f"Each configuration was trained {times} times, every time with its own seed, derived from the seed {seeds} "
        "of the comparison.",
        f"In all {finished:,} trainings were done." if finished == planned
        else f"Not all was done: {finished:,} of {planned:,} trainings.",
        f"Trainings that diverged or failed ({counted}) counted {counted_at(context.tables)} in the objective, and "
        "nowhere else." if counted else "",
    ]  # fmt: skip


def _statistics(found: Sensitivity, context: ReportContext, prose: Prose) -> list[str]:
    curves = (
        "A training curve is averaged at each epoch over the trainings that have a value there, with pointwise "
        "intervals."
    )
    return [
        "Results are means over the trainings of a configuration; their 95% intervals are the outer of the studentised "
        f"bootstrap {prose.cite('efron1993bootstrap')} and Student's t.",
        curves if found.curves else "",
        "Nothing was tested.",
        on_which_split(context.tables),
    ]
