"""A section on methods for a paper: what was compared, how it was tuned, and with what statistics.

All of it is from the resolved plan and the recorded provenance. What nobody recorded is not said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Fixed, Float, Int, Parameter, condition_text
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import UNKNOWN, counted_at, fact, schedule_of, with_settings
from hpsearch.report.markdown import plain
from hpsearch.report.references import bibtex
from hpsearch.report.search.findings import Findings
from hpsearch.report.search.latex import escaped
from hpsearch.report.search.verdict import count, looks, sources
from hpsearch.report.text import listed
from hpsearch.statistics.coverage import FEWEST
from hpsearch.statistics.superiority import ENOUGH
from hpsearch.store.chosen import by_model
from hpsearch.store.rows import Comparison

MARK = "\ue000"
"""Stands around the number of a citation until the text is Markdown or LaTeX."""
CITATION = re.compile(f"{MARK}(\\d+){MARK}")
POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-])0*(\d+)(?!\w)")
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


def write_methods(found: Findings, context: ReportContext, folder: Path) -> list[Path]:
    """Write the section as methods.md and methods.tex, and what it cites as references.bib; returns the files."""
    prose = methods(found, context)
    markdown = prose.written(plain, lambda keys: f"[{'; '.join(f'@{key}' for key in keys)}]")
    latex = prose.written(_latex, lambda keys: rf"\cite{{{','.join(keys)}}}")
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


def methods(found: Findings, context: ReportContext) -> Prose:
    """The section on methods of a report."""
    prose = Prose()
    parts = context.tables.parts
    prose.add("Task", _task(found, parts))
    prose.add("Search spaces", _spaces(found))
    prose.add("Tuning", _tuning(found, parts, prose))
    prose.add("Statistics", _statistics(found, prose))
    prose.add("Software and hardware", _place(context, prose))
    return prose


def _choice(found: Findings) -> str:
    """Which trial a study chose."""
    recorded = "its trial with the best objective"
    model = "its trial with the best posterior mean of a Gaussian process"
    by = {by_model(found.tables, label) for label in found.labels}
    if len(by) > 1:
        return f"{recorded}, or {model}"
    return model if by == {True} else recorded


def _task(found: Findings, parts: Sequence[Comparison]) -> list[str]:
    objective, tables = found.curves.objective, found.tables
    verb = "maximised" if objective.direction == "maximise" else "minimised"
    unit = f" (in {objective.unit})" if objective.unit else ""
    tests = [metric for metric in tables.metrics if metric.startswith("test")]
    said = [
        f"We compared {count(len(found.labels), 'training method')} ({listed(found.labels)}) by what it costs to tune "
        f"{'them' if len(found.labels) > 1 else 'it'}.",
        f"The objective of a trial was its {objective.name}{unit}, which was {verb}; a study chose {_choice(found)}.",
    ]
    if tests:
        was = "were" if len(tests) > 1 else "was"
        said.append(f"{listed(tests)} {was} computed for every trial, and {was} seen by no search and no choice.")
    said += [f"The task was {task}." for task in _distinct(_task_text(part) for part in parts)]
    facts = _distinct(
        f"{name}, {fact(value)}" for part in parts for name, value in part.data.items() if not _is_hash(value)
    )
    return [*said, f"Data: {'; '.join(facts)}." if facts else ""]


def _is_hash(value: object) -> bool:
    """Whether what a task says of its data, or of each split of it, tells people nothing."""
    return all(HASH.fullmatch(str(each)) for each in (value.values() if isinstance(value, dict) else [value]))


def _task_text(part: Comparison) -> str:
    return with_settings(part.spec.task.name, part.resolved["task"])


def _spaces(found: Findings) -> list[str]:
    return [
        f"The space of {label} had {count(len(space.searched), 'searched hyperparameter')}"
        + (f": {'; '.join(described)}." if (described := [_parameter(found, label, p) for p in space]) else ".")
        for label, space in found.tables.methods.items()
    ]


def _parameter(found: Findings, label: str, parameter: Parameter) -> str:
    schedule = schedule_of(found.tables, label, parameter.name)
    ends = f", {schedule} schedule" if schedule != "constant" else ""
    ends += f", only if {condition_text(parameter)}" if parameter.when else ""
    if isinstance(parameter, Fixed):
        return f"{parameter.name} fixed at {parameter.value}{ends}"
    if isinstance(parameter, Float | Int):
        kind = " whole numbers" if isinstance(parameter, Int) else ""
        scale = " (logarithmic scale)" if parameter.log else " (linear scale)"
        return f"{parameter.name} from {parameter.low:g} to {parameter.high:g}{kind}{scale}{ends}"
    return f"{parameter.name} one of {', '.join(map(str, parameter.values))}{ends}"


def _tuning(found: Findings, parts: Sequence[Comparison], prose: Prose) -> list[str]:
    tuned: dict[str, list[str]] = {}
    for label in found.labels:
        tuned.setdefault(with_settings(*found.tables.part_with(label).searcher(label)), []).append(label)
    said = []
    for labels in tuned.values():
        how = _tuner(*found.tables.part_with(labels[0]).searcher(labels[0]), prose)
        said.append(how if len(tuned) == 1 else f"For {listed(labels)}: {how[0].lower()}{how[1:]}")
    said += _distinct(_budget(part) for part in parts)
    finished, planned = found.curves.planned
    said.append(
        f"In all {finished:,} trials were trained." if found.curves.is_finished
        else f"The comparison was not finished: {finished:,} of {planned:,} trials were trained."
    )  # fmt: skip
    lost = {label: method.lost for label, method in found.curves.methods.items() if method.lost}
    if lost:
        counts = listed([f"{label} {n}" for label, n in lost.items()])
        said.append(f"Trials that diverged or failed ({counts}) counted as spent, {counted_at(found.tables)}.")
    return said


def _budget(part: Comparison) -> str:
    spec = part.spec
    rounds = f", in rounds of {spec.parallel} proposed together" if spec.parallel > 1 else ", one after another"
    seeds = (
        f" Each configuration was trained with {spec.seeds} seeds, and its objective is their mean."
        if spec.seeds > 1
        else " Each configuration was trained once."
    )
    return (
        f"Each method was tuned in {part.repeats} independent {'study' if part.repeats == 1 else 'studies'} of "
        f"{spec.length}{rounds}.{seeds} Every study had its own seed of the search, and every trial its own seed of "
        f"the training, all derived from the seed {part.seed} of the comparison."
    )


def _tuner(name: str, settings: Json, prose: Prose) -> str:
    """How a searcher proposes, in a sentence; one that is not ours is named with its settings."""
    initial = f"after {settings.get('initial')} points of a scrambled Sobol sequence"
    others = with_settings("", {key: value for key, value in settings.items() if key not in ("initial", "sampler")})
    if name == "botorch":
        return (
            f"Configurations were proposed by Bayesian optimisation {initial}: a Gaussian process with the default "
            f"priors of BoTorch {prose.cite('balandat2020botorch')} was fitted to the study's trials, and the "
            "logarithm of noisy expected improvement "
            f"{prose.cite('letham2019constrained', 'ament2023unexpected')} maximised{others}."
        )
    if name == "ax":
        return (
            f"Configurations were proposed by Bayesian optimisation with the default model and acquisition of Ax "
            f"{prose.cite('olson2025ax', 'balandat2020botorch')}, {initial}{others}."
        )
    if name == "optuna":
        return (
            f"Configurations were proposed by the sampler {settings.get('sampler')} of Optuna "
            f"{prose.cite('akiba2019optuna')}{others}."
        )
    if name == "random":
        return "Configurations were drawn at random, uniformly on the scale of each range."
    if name == "sobol":
        return "Configurations were the points of a scrambled Sobol sequence, one sequence for each study."
    return f"Configurations were proposed by the searcher {with_settings(name, dict(settings))}."


def _statistics(found: Findings, prose: Prose) -> list[str]:
    several, fewest = len(found.labels) > 1, found.curves.least
    said = [
        "The study is the unit of all statistics, and all intervals are 95% intervals.",
        "The best objective so far is averaged over studies; its interval is the outer of the studentised bootstrap "
        f"{prose.cite('efron1993bootstrap')} and Student's t." if fewest > 1 else "",
    ]  # fmt: skip
    counts = fewest >= FEWEST
    if several:
        said.append(
            "How many trials a method takes to reach what another one has is read off these mean curves"
            + (
                ", with percentile bootstrap intervals over studies that are widened for their number."
                if counts
                else f", without intervals, since there are fewer than {FEWEST} studies."
            )
        )
    shares = [target.share for target in found.targets if target.share is not None]
    given = [Objective.text(target.value) for target in found.targets if target.share is None]
    said.append(
        f"Targets are at least as good as {min(shares):.0%} to {max(shares):.0%} of all trials' objectives"
        + (f", and {listed(given)}, which we chose." if given else ".")
    )
    median = f" with intervals from the log-log band {prose.cite('brookmeyer1982median')}" if counts else ""
    said.append(
        f"Medians of the {found.unit} spent until a target are Kaplan-Meier estimates "
        f"{prose.cite('kaplan1958nonparametric')}{median}: a study that does not reach the target is censored at what "
        "it spent."
    )
    if several:
        small = (
            f"; with fewer than {ENOUGH} studies p is exact, from all permutations of the ranks "
            f"{prose.cite('wilcoxon1945individual')}"
            if fewest < ENOUGH and found.curves.is_finished
            else ""
        )
        is_tested = found.curves.is_finished
        if is_tested:
            said.append(f"Methods are compared at each target by log-rank tests {prose.cite('mantel1966evaluation')}.")
        said += [
            "Who ends better is the probability that a study of one method ends better than one of the other, ties "
            f"counted half {prose.cite('vargha2000critique')}, with a normal interval on the logit scale "
            f"{prose.cite('brunner2000nonparametric')} that near 0 and 1 is extended to a score interval "
            f"{prose.cite('newcombe2006mann')}{f'; p inverts that interval{small}' if is_tested else ''}.",
            f"P values are adjusted by Holm's procedure {prose.cite('holm1979procedure')}: those of who ends better "
            "over all pairs of methods, those of log-rank tests over all pairs and targets."
            if is_tested
            else "Nothing was tested, since more trials were to come.",
        ]
    return [*said, *looks(found), sources(found)]


def _place(context: ReportContext, prose: Prose) -> list[str]:
    tables = context.tables
    places = [UNKNOWN | run.provenance for run in tables.runs]
    searchers = {part.searcher(label)[0] for part in tables.parts for label in part.resolved["methods"]}
    packages = [
        "hpsearch",
        *dict.fromkeys(package for name in SOFTWARE if name in searchers for package in SOFTWARE[name]),
    ]
    packages += ["torch"] if tables.precisions and "torch" not in packages else []
    versions = _distinct(
        ", ".join(
            [f"Python {place['python']}"]
            + [f"{package} {place['versions'][package]}" for package in packages if package in place["versions"]]
        )
        for place in places
    )
    said = [f"Software: {'; then '.join(versions)}." if versions else ""]
    if "torch" in packages:
        said.append(f"Models were computed with PyTorch {prose.cite('paszke2019pytorch')}.")
    commits = _distinct(str(place["commit"]) for place in places if place["commit"] not in (None, "unknown"))
    said.append(f"The commit of hpsearch was {', then '.join(commits)}." if commits else "")
    machines = _distinct(
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


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _latex(text: str) -> str:
    """Text as LaTeX, powers of ten as one writes them: "1e-05" as 10 to the -5."""

    def power(found: re.Match[str]) -> str:
        sign = "-" if found[2] == "-" else ""
        factor = "" if found[1] == "1" else rf"{found[1]} \times "
        return f"${factor}10^{{{sign}{found[3]}}}$"

    return POWER.sub(power, escaped(text))
