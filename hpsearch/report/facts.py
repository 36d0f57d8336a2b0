"""What every report says, whatever was measured: title, search spaces, and what made it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hpsearch.contracts.errors import FileError
from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Fixed, Float, Int, Parameter, condition_text
from hpsearch.report.context import ReportContext
from hpsearch.report.folder import DISCUSSION
from hpsearch.report.markdown import plain, table
from hpsearch.store.rows import Comparison, stand_ins_said
from hpsearch.store.tables import Tables
from hpsearch.study.plan import split_text
from hpsearch.study.schema import MOVED

UNKNOWN: Json = {
    **dict.fromkeys(("command", "executor", "workers", "device", "processor", "cores", "system", "commit"), "unknown"),
    "python": "unknown",
    "versions": {},
}
"""What is said of a run that recorded less than those of today."""


def heading(context: ReportContext) -> str:
    """The page's heading: name, description, and the warnings that no page may leave out."""
    said = [f"**Warning: {plain(warning)}**" for warning in warnings(context)]
    return "\n\n".join([f"# {plain(context.name)}\n\n{plain(context.description)}".rstrip(), *said])


def warnings(context: ReportContext) -> list[str]:
    """Warnings that stand above all findings, one sentence each."""
    return [*context.warnings, *stand_ins_said(context.tables.stand_ins)]


def discussion(folder: Path) -> list[str]:
    """What somebody wrote about the result: no text or one. Its file lies beside the page and outlives new reports."""
    path = folder / DISCUSSION
    if not path.is_file():
        return []
    try:
        return [path.read_text(encoding="utf-8-sig").strip()]
    except UnicodeDecodeError:
        raise FileError(f"{path}: is no text in UTF-8; save it as such") from None


def discussion_section(folder: Path) -> list[str]:
    """The discussion as a section of a page in Markdown."""
    return [f"## Discussion\n\n{text}" for text in discussion(folder)]


def space_table(tables: Tables) -> str:
    """Every hyperparameter of every method: range, scale and schedule."""
    rows = [["method", "hyperparameter", "range", "scale", "schedule"]]
    for label, space in tables.methods.items():
        rows += [
            [plain(label), plain(p.name), *_described(p), plain(schedule_of(tables, label, p.name))] for p in space
        ]
    return table(rows)


def counted_at(tables: Tables) -> str:
    """The value that a trial that diverged or failed counts with, and the reason if that is not chance."""
    chance, lost = tables.objective.chance, tables.lost
    if lost == chance or not tables.trials["state"].isin(("diverged", "failed")).any():
        return f"at chance ({Objective.text(chance)})"
    return (
        f"at the worst {tables.objective.name} of a complete trial ({Objective.text(lost)}), because the chance level "
        f"that the task states ({Objective.text(chance)}) is better than that"
    )


def schedule_of(tables: Tables, label: str, hyperparameter: str) -> str:
    """Schedule of a hyperparameter over the training."""
    return tables.part_with(label).schedules(label).get(hyperparameter, "constant")


def provenance_table(context: ReportContext) -> str:
    """Data, settings, machine, versions and the commands that make all of it again, in Markdown."""
    return table([["what", "value"], *([plain(name), plain(value)] for name, value in provenance_facts(context))])


def provenance_facts(context: ReportContext) -> list[tuple[str, str]]:
    """Data, settings, machine, versions and the commands that make all of it again, as (what, value) pairs."""
    tables, parts, runs = context.tables, context.tables.parts, context.tables.runs
    places = [UNKNOWN | run.provenance for run in runs]
    names = dict.fromkeys(name for part in parts for name in part.data)
    data = {name: _each(fact(part.data.get(name, "none")) for part in parts) for name in names}
    trained = tables.trials["seconds"].astype(float).sum()
    return [
        ("study file", ", ".join(Path(part.study_file).name for part in parts)),
        ("commands", _each(_portable(p["command"]) for p in places)),
        ("report", context.command),
        ("trials per study, studies per method", _sizes(context)),
        *_rounds_and_seeds(parts),
        ("comparison seed", ", ".join(str(part.seed) for part in parts)),
        ("searcher", _each(_searchers(part) for part in parts)),
        ("task", _each(with_settings(part.spec.task.name, part.resolved["task"]) for part in parts)),
        *_splits(parts),
        *((f"data: {name}", value) for name, value in data.items()),
        ("pack size", f"{_each(str(part.pack_size) for part in parts)}{_halved(tables.halved)}"),
        *_precisions(tables.precisions),
        ("training time, all workers together", f"{trained:.0f} s"),
        ("runs", f"{len(runs)}, from {runs[0].started} to {runs[-1].ended or '(not ended)'}" if runs else "none"),
        ("warnings of libraries, not shown", str(sum(run.warnings for run in runs))),
        ("executor", _each(f"{p['executor']}, {p['workers']} workers of one thread, {p['device']}" for p in places)),
        ("machine", _each(f"{p['processor']}, {p['cores']} cores, {p['system']}" for p in places)),
        ("versions", _each(_versions(p) for p in places)),
        ("commit", _each(str(p["commit"]) for p in places)),
    ]


def fact(value: object) -> str:
    """What a task says about its data, or about each split of it."""
    if isinstance(value, dict):
        return "; ".join(f"{split}: {own}" for split, own in value.items())
    return str(value)


def _splits(parts: Sequence[Comparison]) -> list[tuple[str, str]]:
    """How each study splits the data, where that is in its own way."""
    said = [
        ", ".join(f"{of}: {split_text(split)}" for of, split in part.resolved["splits"].items())
        for part in parts
        if part.resolved.get("splits")
    ]
    return [("split of the data, of each study", _each(said))] if said else []


def searcher_name(tables: Tables, label: str) -> str:
    """Name of the searcher that proposed a method's trials: a method may have its own."""
    return tables.part_with(label).searcher(label)[0]


def with_settings(name: str, settings: Json) -> str:
    """A plug-in's name, and its settings in brackets if it has any."""
    listed = ", ".join(f"{key} = {value}" for key, value in _flat(settings))
    return f"{name} ({listed})" if listed else name


def _flat(settings: Json) -> Iterator[tuple[str, object]]:
    """Every setting, those of a table as "table.setting"; not what version 0.1 kept among those of a searcher."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", deep) for inner, deep in _flat(value) if key not in MOVED)
        else:
            yield key, value


def _searchers(part: Comparison) -> str:
    """The searcher of a comparison with its settings; where methods have their own, each with the methods it searches.

    It is the settings that tell searchers of one name apart.
    """
    searched: dict[str, list[str]] = {}
    for label in part.resolved["methods"]:
        searched.setdefault(with_settings(*part.searcher(label)), []).append(label)
    if len(searched) == 1:
        return next(iter(searched))
    return "; ".join(f"{searcher} for {', '.join(labels)}" for searcher, labels in searched.items())


def _described(parameter: Parameter) -> list[str]:
    values, scale = _values_and_scale(parameter)
    return [f"{values}, if {plain(condition_text(parameter))}" if parameter.when else values, scale]


def _values_and_scale(parameter: Parameter) -> list[str]:
    if isinstance(parameter, Fixed):
        return [plain(parameter.value), "fixed"]
    if isinstance(parameter, Float | Int):
        scale = "logarithmic" if parameter.log else "linear"
        return [f"{parameter.low:g} to {parameter.high:g}", scale]
    return [plain(", ".join(str(value) for value in parameter.values)), "choice"]


def _sizes(context: ReportContext) -> str:
    sizes = [
        f"{part.trials if part.spec.budget is None else part.spec.length}, {part.repeats}"
        for part in context.tables.parts
    ]
    if len(sizes) == 1:
        return sizes[0]
    return "; ".join(f"{file.name}: {size}" for file, size in zip(context.files, sizes, strict=True))


def _rounds_and_seeds(parts: Sequence[Comparison]) -> list[tuple[str, str]]:
    """What is worth saying only where it is not one: trials proposed at once, and seeds of a trial."""
    said = {
        "trials in parallel, proposed from the rounds before": [str(part.spec.parallel) for part in parts],
        "seeds per trial, whose mean is its objective": [str(part.spec.seeds) for part in parts],
    }
    return [(name, _each(values)) for name, values in said.items() if set(values) != {"1"}]


def _precisions(trained: Mapping[str, int]) -> list[tuple[str, str]]:
    said = ", ".join(f"{name} ({trials:,} trials)" for name, trials in trained.items())
    return [("trained in", said)] if said else []


def _halved(trials: int) -> str:
    return f"; {trials} trials were trained in smaller ones, since memory did not suffice" if trials else ""


def _portable(command: str) -> str:
    """The command as others would type it: the study by its name, and no folder of this machine."""
    try:
        program, *words = shlex.split(command)
    except ValueError:  # recorded before words were quoted
        program, *words = command.split(" ")
    program = "hpsearch" if program in ("cli.py", "__main__.py") else program
    return shlex.join([program, *(Path(word).name or word for word in words)])


def _versions(place: Json) -> str:
    return ", ".join(f"{name} {found}" for name, found in {"python": place["python"], **place["versions"]}.items())


def _each(values: Iterable[str]) -> str:
    """Every distinct value, since a comparison may have been run on several machines."""
    return "; then ".join(dict.fromkeys(values))
