"""What every section on methods for a paper has: prose with citations, the task, the place, and the files.

All of it is from the resolved plan and the recorded provenance. What nobody recorded is not said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hpsearch.report.context import ReportContext
from hpsearch.report.facts import UNKNOWN, fact, with_settings
from hpsearch.report.markdown import plain
from hpsearch.report.references import bibtex
from hpsearch.report.tex import as_latex
from hpsearch.report.text import listed
from hpsearch.store.rows import Comparison
from hpsearch.store.tables import Tables

MARK = "\ue000"
"""Stands around the number of a citation until the text is Markdown or LaTeX."""
CITATION = re.compile(f"{MARK}(\\d+){MARK}")
HASH = re.compile(r"[0-9a-f]{32,}")
SOFTWARE = {"botorch": ("botorch", "gpytorch", "torch"), "ax": ("ax-platform", "botorch", "gpytorch", "torch"),
            "optuna": ("optuna",)}  # fmt: skip
"""Searcher -> the packages that decide what it proposes."""


class Prose:
    """Paragraphs, with their citations kept apart until it is known how they are written."""

    def __init__(self) -> None:
        self.paragraphs: list[tuple[str, str]] = []
        self.cited: list[tuple[str, ...]] = []

    def cite(self, *keys: str) -> str:
        """What stands in a sentence for a citation of works in `hpsearch.report.references`."""
        self.cited.append(keys)
        return f"{MARK}{len(self.cited) - 1}{MARK}"

    def add(self, heading: str, sentences: Iterable[str]) -> None:
        """Add a paragraph under a heading of its own."""
        self.paragraphs.append((heading, " ".join(sentence for sentence in sentences if sentence)))

    @property
    def keys(self) -> set[str]:
        """The works that are cited."""
        return {key for keys in self.cited for key in keys}

    def written(
        self, escape: Callable[[str], str], citation: Callable[[tuple[str, ...]], str]
    ) -> list[tuple[str, str]]:
        """Headings and paragraphs, with what is markup in them escaped and citations written."""

        def cited(found: re.Match[str]) -> str:
            number = int(found[1])
            return citation(self.cited[number]) if number < len(self.cited) else found[1]

        return [(heading, CITATION.sub(cited, escape(text))) for heading, text in self.paragraphs]


def write_prose(prose: Prose, folder: Path) -> list[Path]:
    """Write the section as methods.md and methods.tex, and what it cites as references.bib; returns the files."""
    markdown = prose.written(plain, lambda keys: f"[{'; '.join(f'@{key}' for key in keys)}]")
    latex = prose.written(as_latex, lambda keys: rf"\cite{{{','.join(keys)}}}")
    texts = {
        "methods.md": "\n\n".join(["# Methods", *(f"**{heading}.** {text}" for heading, text in markdown)]),
        "methods.tex": "\n\n".join(
            [
                "% Made by hpsearch report; cites works in references.bib.",
                *(rf"\paragraph{{{heading}.}} {text}" for heading, text in latex),
            ]
        ),
        "references.bib": bibtex(prose.keys).rstrip(),
    }
    paths = [folder / name for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text + "\n", encoding="utf-8")
    return paths


def task(context: ReportContext, opening: Sequence[str], of_tests: str) -> list[str]:
    """Sentences on what was measured and on what data.

    Args:
        context: the comparison.
        opening: what was done, and with which objective.
        of_tests: what is said of metrics on test data, after their names.
    """
    tables = context.tables
    tests = [metric for metric in tables.metrics if metric.startswith("test")]
    said = [*opening, f"{listed(tests)} {'were' if len(tests) > 1 else 'was'} {of_tests}" if tests else ""]
    said += [f"The task was {named}." for named in distinct(_task_text(part) for part in tables.parts)]
    facts = distinct(
        f"{name}, {fact(value)}" for part in tables.parts for name, value in part.data.items() if not _is_hash(value)
    )
    return [*said, f"Data: {'; '.join(facts)}." if facts else ""]


def objective_text(tables: Tables, searched: bool = True) -> str:
    """The objective with its unit and direction: "loss, which was minimised"."""
    objective = tables.objective
    unit, up = f" (in {objective.unit})" if objective.unit else "", objective.direction == "maximise"
    if searched:
        return f"{objective.name}{unit}, which was {'maximised' if up else 'minimised'}"
    return f"{objective.name}{unit}, of which {'more' if up else 'less'} is better"


def on_which_split(tables: Tables) -> str:
    """What the intervals of trainings of given configurations do not hold."""
    if all(part.resolved.get("splits") for part in tables.parts):
        return "Each training was on the split of the data of its study."
    return "All was on one split of the data: intervals say nothing about other data."


def _is_hash(value: object) -> bool:
    """Whether what a task says of its data, or of each split of it, tells people nothing."""
    return all(HASH.fullmatch(str(each)) for each in (value.values() if isinstance(value, dict) else [value]))


def _task_text(part: Comparison) -> str:
    return with_settings(part.spec.task.name, part.resolved["task"])


def place(context: ReportContext, prose: Prose) -> list[str]:
    """Sentences on versions, machines and times, as far as they were recorded."""
    tables = context.tables
    places = [UNKNOWN | run.provenance for run in tables.runs]
    searchers = {part.searcher(label)[0] for part in tables.parts for label in part.resolved["methods"]}
    packages = [
        "hpsearch",
        *dict.fromkeys(package for name in SOFTWARE if name in searchers for package in SOFTWARE[name]),
    ]
    packages += ["torch"] if tables.precisions and "torch" not in packages else []
    versions = distinct(
        ", ".join(
            [f"Python {place['python']}"]
            + [f"{package} {place['versions'][package]}" for package in packages if package in place["versions"]]
        )
        for place in places
    )
    said = [f"Software: {'; then '.join(versions)}." if versions else ""]
    if "torch" in packages:
        said.append(f"Models were computed with PyTorch {prose.cite('paszke2019pytorch')}.")
    commits = distinct(str(place["commit"]) for place in places if place["commit"] not in (None, "unknown"))
    said.append(f"The commit of hpsearch was {', then '.join(commits)}." if commits else "")
    machines = distinct(
        f"{place['processor']} ({place['cores']} cores, {place['system']}), with {place['workers']} workers on "
        f"{place['device']}"
        for place in places
    )
    said.append(f"Trials were trained on {'; then '.join(machines)}." if machines else "")
    if tables.precisions:
        kinds = listed([f"{name} ({trials:,} trials)" for name, trials in tables.precisions.items()])
        said.append(f"Trainings ran in {kinds}.")
    trained = float(tables.trials["seconds"].astype(float).sum())
    said.append(f"The trainings took {trained:,.0f} seconds, summed over workers." if trained else "")
    return said


def distinct(texts: Iterable[str]) -> list[str]:
    """The texts without repetitions."""
    return list(dict.fromkeys(texts))
