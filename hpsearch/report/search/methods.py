"""A section on methods for a paper: what was compared, how it was tuned, and with what statistics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.space import Fixed, Float, Int, Parameter, condition_text
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import counted_at, schedule_of, with_settings
from hpsearch.report.methods import Prose, distinct, objective_text, place, task, write_prose
from hpsearch.report.search.findings import Findings
from hpsearch.report.search.values import FRESH, MODEL
from hpsearch.report.search.verdict import count, looks, sources
from hpsearch.report.text import listed
from hpsearch.statistics.coverage import FEWEST
from hpsearch.statistics.superiority import ENOUGH
from hpsearch.store.chosen import by_model
from hpsearch.store.rows import Comparison


def write_methods(found: Findings, context: ReportContext, folder: Path) -> list[Path]:
    """Write the section on methods and what it cites; returns the files."""
    return write_prose(methods(found, context), folder)


def methods(found: Findings, context: ReportContext) -> Prose:
    """The section on methods of a report."""
    prose = Prose()
    parts = context.tables.parts
    opening = [
        f"We compared {count(len(found.labels), 'training method')} ({listed(found.labels)}) by what it costs to tune "
        f"{'them' if len(found.labels) > 1 else 'it'}.",
        f"The objective of a trial was its {objective_text(found.tables)}; a study chose {_choice(found)}.",
    ]
    seen = "was seen" if sum(metric.startswith("test") for metric in found.tables.metrics) < 2 else "were seen"
    of_tests = f"computed for every trial, and {seen} by no search and no choice."
    prose.add("Task", task(context, opening, of_tests))
    prose.add("Search spaces", _spaces(found))
    prose.add("Tuning", _tuning(found, parts, prose))
    prose.add("Statistics", _statistics(found, prose))
    prose.add("Software and hardware", place(context, prose))
    return prose


def _choice(found: Findings) -> str:
    """Which trial a study chose."""
    recorded = "its trial with the best objective"
    model = "its trial with the best posterior mean of a Gaussian process"
    by = {by_model(found.tables, label) for label in found.labels}
    if len(by) > 1:
        return f"{recorded}, or {model}"
    return model if by == {True} else recorded


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
    said += distinct(_budget(part) for part in parts)
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
    if found.incumbents.truest.kind == FRESH:
        said.append(
            "What led each study was trained again with fresh seeds; who ends better, by how much and after how many "
            "trials goes by the means of these, targets and curves of extra trials by what was recorded."
        )
    if MODEL in found.incumbents.values:
        said.append(
            "Beside it stands what a Gaussian process, fitted to the trials of a method's other studies, expects of "
            "what led each study."
        )
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
