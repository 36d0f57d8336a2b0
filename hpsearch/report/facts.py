"""What every report says of a comparison whatever was measured: how far it is, its spaces, what made it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hpsearch.report.markdown import plain, table
from hpsearch.report.style import Look
from hpsearch.space import Fixed, Float, Int, Parameter
from hpsearch.tables import Tables


def heading(tables: Tables) -> str:
    """Name and description."""
    comparison = tables.comparison
    return f"# {plain(comparison['name'])}\n\n{plain(comparison['spec'].get('description', ''))}".rstrip()


def discussion(folder: Path) -> list[str]:
    """What somebody wrote about the result, kept beside the page so that reporting again keeps it; none or one text."""
    path = folder / "discussion.md"
    return [path.read_text(encoding="utf-8").strip()] if path.is_file() else []


def discussion_section(folder: Path) -> list[str]:
    """The same as a section of a page in Markdown."""
    return [f"## Discussion\n\n{text}" for text in discussion(folder)]


def space_table(tables: Tables) -> str:
    """Every hyperparameter of every method: range, scale and schedule."""
    rows = [["method", "hyperparameter", "range", "scale", "schedule"]]
    for label, space in tables.methods.items():
        rows += [[plain(label), plain(p.name), *_described(p), schedule_of(tables, label, p.name)] for p in space]
    return table(rows)


def schedule_of(tables: Tables, label: str, hyperparameter: str) -> str:
    """How a hyperparameter moves over the training."""
    return str(tables.comparison["resolved"]["methods"][label]["schedules"].get(hyperparameter, "constant"))


def provenance_table(tables: Tables, file: Path) -> str:
    """Data, settings, machine, versions and the commands that make all of it again."""
    return table([["what", "value"], *([name, plain(value)] for name, value in provenance_facts(tables, file))])


def provenance_facts(tables: Tables, file: Path) -> list[tuple[str, object]]:
    """(what, value) pairs."""
    comparison, runs = tables.comparison, tables.runs
    parts, places = comparison.get("parts", [comparison]), [run["provenance"] for run in runs]
    names = dict.fromkeys(name for part in parts for name in part["data"])
    data = {name: _each(str(part["data"].get(name, "none")) for part in parts) for name in names}
    trained = tables.trials["seconds"].astype(float).sum()
    return [
        ("study file", Path(comparison["study_file"]).name),
        ("commands", _each(_portable(p["command"]) for p in places)),
        ("report", comparison.get("report") or f"hpsearch report {file.name}"),
        (
            "trials a study, studies a method",
            comparison.get("sizes") or f"{comparison['trials']}, {comparison['repeats']}",
        ),
        ("comparison seed", comparison["seed"]),
        ("searcher", _each(_settings(p["spec"]["searcher"]["name"], p["resolved"]["searcher"]) for p in parts)),
        ("task", _each(_settings(p["spec"]["task"]["name"], p["resolved"]["task"]) for p in parts)),
        *((f"data: {name}", value) for name, value in data.items()),
        ("pack size", f"{_each(str(p['pack_size']) for p in parts)}{_halved(tables.halved)}"),
        ("training time, all workers together", f"{trained:.0f} s"),
        ("runs", f"{len(runs)}, from {runs[0]['started']} to {runs[-1]['ended'] or '(not ended)'}"),
        ("warnings of libraries, not shown", sum(r["warnings"] for r in runs)),
        ("executor", _each(f"{p['executor']}, {p['workers']} workers of one thread, {p['device']}" for p in places)),
        ("machine", _each(f"{p['processor']}, {p['cores']} cores, {p['system']}" for p in places)),
        ("versions", _each(_versions(p) for p in places)),
        ("commit", _each(str(p["commit"]) for p in places)),
    ]


def report_command(tables: Tables, file: Path, targets: Sequence[float], look: Look) -> str:
    """What makes this page again, as one types it beside the files."""
    files = tables.comparison.get("files")
    words = ["hpsearch", *(["compare", *files] if files else ["report", file.name])]
    words += ["--force"] if tables.comparison.get("forced") else []
    words += [word for target in targets for word in ("--target", f"{target:g}")]
    words += ["--style", look.style.name] if look.style else []
    words += ["--width", look.width] if look.width != Look.width else []
    return shlex.join(words)


def searcher_of(tables: Tables, label: str) -> str:
    """Name of the searcher that proposed a method's trials; files that were compared by force may have several."""
    parts = tables.comparison.get("parts", [tables.comparison])
    return next(str(p["spec"]["searcher"]["name"]) for p in parts if label in p["resolved"]["methods"])


def _described(parameter: Parameter) -> list[str]:
    if isinstance(parameter, Fixed):
        return [plain(parameter.value), "fixed"]
    if isinstance(parameter, Float | Int):
        scale = "logarithmic" if parameter.log else "linear"
        return [f"{parameter.low:g} to {parameter.high:g}", scale]
    return [plain(", ".join(str(value) for value in parameter.values)), "choice"]


def _halved(trials: int) -> str:
    return f"; {trials} trials were trained in smaller ones, for which alone memory sufficed" if trials else ""


def _portable(command: str) -> str:
    """A command as others would type it: the study by name, no folder of this machine."""
    try:
        program, *words = shlex.split(command)
    except ValueError:  # recorded before words were quoted
        program, *words = command.split(" ")
    program = "hpsearch" if program in ("cli.py", "__main__.py") else program
    return shlex.join([program, *(Path(word).name or word for word in words)])


def _settings(name: str, settings: dict[str, Any]) -> str:
    listed = ", ".join(f"{key} = {value}" for key, value in settings.items() if not isinstance(value, dict))
    return f"{name} ({listed})" if listed else name


def _versions(place: dict[str, Any]) -> str:
    return ", ".join(f"{name} {found}" for name, found in {"python": place["python"], **place["versions"]}.items())


def _each(values: Iterable[str]) -> str:
    """Every distinct value: a comparison may have been run on several machines."""
    return "; then ".join(dict.fromkeys(values))
