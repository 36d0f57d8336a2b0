"""The report's page in Markdown: the verdict in words, the figure, the tables, and what made them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from hpsearch.report.curves import Curves
from hpsearch.space import Fixed, Float, Int, Parameter
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean
from hpsearch.tables import Tables
from hpsearch.task import Objective


def write_page(tables: Tables, curves: Curves, file: Path, path: Path) -> None:
    """Write the page. Every number has its n, and every interval is a 95% percentile bootstrap over studies."""
    comparison = tables.comparison
    sections = [
        f"# {_text(comparison['name'])}\n\n{_text(comparison['spec'].get('description', ''))}".rstrip(),
        *_progress(curves),
        f"![Best {curves.objective.name} so far against trials](curves.png)",
        "(Also as [SVG](curves.svg) and [PDF](curves.pdf).) Each dot is the best so far of one study; the line is "
        "their mean, the band its 95% bootstrap interval. The worst one in a hundred dots may lie outside: the picture "
        "says how many do.",
        *_discussion(path.with_name("discussion.md")),
        "## Best objective\n\n" + _best_table(curves),
        "## Trials to the other's final level\n\n" + _reach_table(curves),
        "## Search spaces\n\n" + _space_table(tables),
        "## What made this\n\n" + _provenance(tables, file),
    ]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _progress(curves: Curves) -> list[str]:
    finished, planned = curves.planned
    if finished == planned:
        return []
    return [f"**Not finished**: {finished} of {planned} trials; the curves end at trial {curves.trials}."]


def _discussion(path: Path) -> list[str]:
    """What somebody wrote about the result, kept beside the page so that reporting again keeps it."""
    return ["## Discussion\n\n" + path.read_text(encoding="utf-8").strip()] if path.is_file() else []


def _best_table(curves: Curves) -> str:
    metrics = curves.metrics
    rows = [["method", "studies", f"final best {curves.objective.name}", *metrics, "trials lost"]]
    for label, method in curves.methods.items():
        final = bootstrap_mean(method.incumbents[:, -1])
        cells = []
        for metric in metrics:
            values = np.asarray(method.chosen[metric], np.float64)
            cells.append(_interval(bootstrap_mean(values)) if np.isfinite(values).all() else "not measured in all")
        rows.append([_text(label), str(len(method.incumbents)), _interval(final), *cells, str(method.lost)])
    note = (
        "Mean over studies (95% bootstrap interval). The columns after the objective are of the configuration "
        "that each study chose by its objective. A lost trial diverged or failed; it "
        "counts as spent, at chance level."
    )
    return f"{_table(rows)}\n\n{note}"


def _reach_table(curves: Curves) -> str:
    if len(curves.methods) < 2:
        return "There is only one method."
    rows = [["method", "reaches the final mean level of", "level", "after trials (95% interval)"]]
    for method, other in permutations(curves.methods, 2):
        level = Objective.text(float(curves.methods[other].mean.estimate[-1]))
        rows.append([_text(method), _text(other), level, str(curves.to_final_level(method, other))])
    note = (
        "The first trial at which the method's mean incumbent is as good as the other's at its last trial. The "
        "interval draws the studies of both anew (10,000 times); draws that never get there are kept."
    )
    return f"{_table(rows)}\n\n{note}"


def _space_table(tables: Tables) -> str:
    rows = [["method", "hyperparameter", "range", "scale", "schedule"]]
    for label, space in tables.methods.items():
        schedules = tables.comparison["resolved"]["methods"][label]["schedules"]
        rows += [[_text(label), _text(p.name), *_described(p), schedules.get(p.name, "constant")] for p in space]
    return _table(rows)


def _described(parameter: Parameter) -> list[str]:
    if isinstance(parameter, Fixed):
        return [_text(parameter.value), "fixed"]
    if isinstance(parameter, Float | Int):
        scale = "logarithmic" if parameter.log else "linear"
        return [f"{parameter.low:g} to {parameter.high:g}", scale]
    return [_text(", ".join(str(value) for value in parameter.values)), "choice"]


def _provenance(tables: Tables, file: Path) -> str:
    comparison, runs = tables.comparison, tables.runs
    spec, places = comparison["spec"], [run["provenance"] for run in runs]
    trained = tables.trials["seconds"].astype(float).sum()
    facts = [
        ("study file", Path(comparison["study_file"]).name),
        ("commands", _each(_portable(p["command"]) for p in places)),
        ("report", f"hpsearch report {file.name}"),
        ("trials a study, studies a method", f"{comparison['trials']}, {comparison['repeats']}"),
        ("comparison seed", comparison["seed"]),
        ("searcher", _settings(spec["searcher"]["name"], comparison["resolved"]["searcher"])),
        ("task", _settings(spec["task"]["name"], comparison["resolved"]["task"])),
        *((f"data: {name}", value) for name, value in comparison["data"].items()),
        ("pack size", f"{comparison['pack_size']}{_halved(tables.halved)}"),
        ("training time, all workers together", f"{trained:.0f} s"),
        ("runs", f"{len(runs)}, from {runs[0]['started']} to {runs[-1]['ended'] or '(not ended)'}"),
        ("warnings of libraries, not shown", sum(r["warnings"] for r in runs)),
        ("executor", _each(f"{p['executor']}, {p['workers']} workers of one thread, {p['device']}" for p in places)),
        ("machine", _each(f"{p['processor']}, {p['cores']} cores, {p['system']}" for p in places)),
        ("versions", _each(_versions(p) for p in places)),
        ("commit", _each(str(p["commit"]) for p in places)),
    ]
    return _table([["what", "value"], *([name, _text(value)] for name, value in facts)])


def _halved(trials: int) -> str:
    return f"; {trials} trials were trained in smaller ones, for which alone memory sufficed" if trials else ""


def _portable(command: str) -> str:
    """A command as others would type it: the study by name, no folder of this machine."""
    program, *words = command.split(" ")
    return " ".join(["hpsearch" if program == "cli.py" else program, *(Path(word).name or word for word in words)])


def _settings(name: str, settings: dict[str, Any]) -> str:
    listed = ", ".join(f"{key} = {value}" for key, value in settings.items())
    return f"{name} ({listed})" if listed else name


def _versions(place: dict[str, Any]) -> str:
    return ", ".join(f"{name} {found}" for name, found in {"python": place["python"], **place["versions"]}.items())


def _each(values: Iterable[str]) -> str:
    """Every distinct value: a comparison may have been run on several machines."""
    return "; then ".join(dict.fromkeys(values))


def _interval(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return f"{Objective.text(float(interval.estimate))} (one study: no interval)"
    estimate, low, high = (Objective.text(float(v)) for v in (interval.estimate, interval.low, interval.high))
    return f"{estimate} ({low} to {high})"


def _table(rows: list[list[str]]) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body])


def _text(value: object) -> str:
    """A value as plain text in Markdown: names in a study file must not become markup."""
    text = str(value).replace("\\", "\\\\").replace("<", "&lt;")
    for mark in "|*`[]":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
