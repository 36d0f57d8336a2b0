"""The first screen of a report: one sentence with its number and interval, what it rests on, and what limits it.

The interactive page and README.md say the same words. `headline` is the only entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hpsearch.report.amounts import Amounts
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import UNKNOWN
from hpsearch.report.search.figure import FEW_STUDIES
from hpsearch.report.search.findings import Findings
from hpsearch.report.search.verdict import SIGNIFICANT, count, p_text, whole
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.coverage import coverage
from hpsearch.statistics.difference import difference_of_means
from hpsearch.statistics.trials_to_level import TrialsToLevel

MANY_LOST = 0.2
"""A method that lost at least this share of its trials is mostly measured by what is counted for a lost one."""
MOST_NAMED = 4
"""The most methods that the line of facts names; more are counted."""
NO_INTERVAL = "too few studies for an interval"
FLATTERED = (
    "These are recorded values: each is the best of several trials and so flattered by its seed, the more so for a "
    "noisier method. The command confirm tells by how much."
)


@dataclass(frozen=True)
class Tile:
    """One number of the first screen, as text: what it is, its value, its 95% interval, and what it is of."""

    title: str
    value: str
    interval: str
    note: str


@dataclass(frozen=True)
class Headline:
    """What a reader sees first.

    Attributes:
        facts: task, methods, studies x trials, searcher and machine.
        sentence: the finding, with its number and interval.
        caution: the most important thing that limits it.
        tiles: the numbers behind it.
        cautions: everything else that limits it, a few words each.
        best: label of the method that the sentence is about; None if no trial was complete.
        other: label of the method that it is compared with; None if there is none.
        level: objective that the best one has to match, in the objective's unit; None without another method.
        trial: 1-based trial at which the best one's mean matches it; None if it never does.
    """

    facts: tuple[str, ...]
    sentence: str
    caution: str
    tiles: tuple[Tile, ...]
    cautions: tuple[str, ...]
    best: str | None
    other: str | None
    level: float | None
    trial: int | None


def headline(found: Findings, context: ReportContext) -> Headline:
    """The first screen of what was found. With more than two methods the best is compared with the next best."""
    (caution, _), *others = _cautions(found)
    cautions = tuple(short for _, short in others)
    facts = _facts(found, context)
    if not any(_complete(found, label) for label in found.labels):
        said = f"No trial of {_all_of(found.labels)} was complete, so that there is nothing to compare."
        return Headline(facts, said, caution, (), cautions, None, None, None, None)
    other = _next_best(found)
    if other is None:
        return Headline(facts, _alone(found), caution, _tiles_alone(found), cautions, found.best, None, None, None)
    level = float(found.curves.methods[other].mean.estimate[-1])
    reach = found.curves.to_final_level(found.best, other)
    difference = _difference(found, other)
    tiles = (
        _difference_tile(found, other, difference),
        _reach_tile(found, other, level, reach),
        _chance_tile(found, other),
    )
    trial = reach.estimate if reach.estimate <= reach.trials else None
    said = _compared(found, other, level, reach, difference)
    return Headline(facts, said, caution, tiles, cautions, found.best, other, level, trial)


def _facts(found: Findings, context: ReportContext) -> tuple[str, ...]:
    parts, runs = context.tables.parts, context.tables.runs
    tasks = dict.fromkeys(part.spec.task.name for part in parts)
    searchers = dict.fromkeys(part.searcher(label)[0] for part in parts for label in part.resolved["methods"])
    studies = dict.fromkeys(f"{_studies(part.repeats)} × {part.spec.length}" for part in parts)
    labels = found.labels
    methods = ", ".join(labels) if len(labels) <= MOST_NAMED else f"{len(labels)} methods"
    place = UNKNOWN | (runs[-1].provenance if runs else {})
    machine = f"{place['processor']}, {place['cores']} cores"
    if str(place["device"]) not in ("cpu", "unknown"):
        machine += f", {place['device']}"
    return (
        f"task {', '.join(tasks)}", methods, "; ".join(studies), f"searcher {', '.join(searchers)}", machine,
    )  # fmt: skip


def _next_best(found: Findings) -> str | None:
    """The method with the best final mean of all but the best one."""
    sign = 1.0 if found.curves.maximise else -1.0
    others = [label for label in found.labels if label != found.best]
    return max(others, key=lambda label: sign * float(found.curves.methods[label].final.estimate), default=None)


def _complete(found: Findings, label: str) -> bool:
    """Whether the method has a complete trial, and so a value that was measured."""
    return found.curves.methods[label].lost < _trials(found, label)


def _trials(found: Findings, label: str) -> int:
    """How many trials of a method the curves are of."""
    rows = found.tables.trials["method"][found.curves.rows]
    return int((rows == label).sum())


def _alone(found: Findings) -> str:
    final = found.curves.methods[found.best].final
    amounts = Amounts.of(found.curves.objective)
    value = amounts.value(*_ends(final))
    said = f"{found.best} reaches a mean best {found.curves.objective.name} of {value} ({_span(amounts, final)})"
    return f"{_so_far(found, said)} after {whole(found)}."


def _compared(found: Findings, other: str, level: float, reach: TrialsToLevel, difference: Interval) -> str:
    best, trials = found.best, found.curves.trials
    many = len(found.labels) > 2
    if not _complete(found, other):
        value = Amounts.of(found.curves.objective).value(*_ends(found.curves.methods[best].final))
        none = [label for label in found.labels if not _complete(found, label)]
        return _so_far(
            found,
            f"No trial of {_all_of(none)} was complete; {best} reaches a mean best {found.curves.objective.name} of "
            f"{value} after {whole(found)}.",
        )
    if len(found.leaders) > 1:
        value = Amounts.of(found.curves.objective).value(level)
        return _so_far(
            found, f"{_all_of(list(found.leaders))} end equally well, at {value} on average after {whole(found)}."
        )
    who = f"{other}, the next best of {len(found.labels)} methods," if many else other
    ended = whole(found)
    matches = f"what {who} reaches in {trials}" if ended == count(trials, "trial") else f"{who} after {ended}"
    needs = f"{best} needs {reach.estimate} {'trial' if reach.estimate == 1 else 'trials'} ({_reach_span(reach)})"
    *_, p = found.beats(best, other)
    told = p is not None and p < SIGNIFICANT and float(difference.low) > 0
    finished, planned = found.curves.planned
    when = "at the end " if finished == planned else ""
    apart = "" if told else f"; {when}the two are not told apart"
    return _so_far(found, f"{needs} to match {matches}{apart}.")


def _so_far(found: Findings, said: str) -> str:
    finished, planned = found.curves.planned
    return said if finished == planned else f"So far: {said}"


def _difference(found: Findings, other: str) -> Interval:
    """How much better the best one's studies end than another's, on average, in the objective's unit; shape ()."""
    sign = 1.0 if found.curves.maximise else -1.0
    finals = [sign * found.curves.methods[label].incumbents[:, -1] for label in (found.best, other)]
    return difference_of_means(*finals)


def _difference_tile(found: Findings, other: str, difference: Interval) -> Tile:
    amounts, methods = Amounts.of(found.curves.objective), found.curves.methods
    means = [
        f"{label} {amounts.value(*_ends(methods[label].final))} (n = {len(methods[label].incumbents)})"
        for label in (found.best, other)
    ]
    span = NO_INTERVAL
    if math.isfinite(float(difference.low)):
        span = f"95% interval {amounts.span(float(difference.low), float(difference.high))}"
    picked = ", not adjusted for picking this pair" if len(found.labels) > 2 else ""
    measured = coverage("difference of means", found.curves.least)
    note = f"{' against '.join(means)}, means over studies{picked}; {measured}"
    return Tile("ends better by", amounts.difference(*_ends(difference)), span, note)


def _reach_tile(found: Findings, other: str, level: float, reach: TrialsToLevel) -> Tile:
    final = found.curves.methods[other].final
    value = Amounts.of(found.curves.objective).value(level, float(final.low), float(final.high))
    span = NO_INTERVAL if reach.low is None else f"95% interval {_reach_span(reach)}"
    note = (
        f"until {found.best}'s mean is at {value}, where {other} ends; {coverage('extra trials', found.curves.least)}"
    )
    return Tile("trials to match", f"{reach.estimate} of {reach.trials}", span, note)


def _chance_tile(found: Findings, other: str) -> Tile:
    chance, low, high, p = found.beats(found.best, other)
    note = (
        f"of a study of {found.best} against one of {other}, ties half; {p_text(p)}"
        f"{', Holm-adjusted' if len(found.labels) > 2 and p is not None else ''}; "
        f"{coverage('probability of superiority', found.curves.least)}"
    )
    return Tile("chance to end better", f"{chance:.0%}", f"95% interval {low:.0%} to {high:.0%}", note)


def _tiles_alone(found: Findings) -> tuple[Tile, ...]:
    method, amounts = found.curves.methods[found.best], Amounts.of(found.curves.objective)
    value = amounts.value(*_ends(method.final))
    note = f"mean over n = {len(method.incumbents)}; {coverage('mean', found.curves.least)}"
    lost = Tile("trials lost", f"{method.lost} of {_trials(found, found.best)}", "", "diverged or failed")
    return Tile("final best", value, _span(amounts, method.final), note), lost


def _span(amounts: Amounts, found: Interval) -> str:
    if not math.isfinite(float(found.low)):
        return NO_INTERVAL
    return f"95% interval {amounts.span(float(found.low), float(found.high))}"


def _reach_span(reach: TrialsToLevel) -> str:
    if reach.low is None or reach.high is None:
        return NO_INTERVAL
    low, high = (f"more than {reach.trials}" if end > reach.trials else str(end) for end in (reach.low, reach.high))
    return f"{low} to {high}"


def _ends(found: Interval) -> tuple[float, float, float]:
    return float(found.estimate), float(found.low), float(found.high)


def _cautions(found: Findings) -> list[tuple[str, str]]:
    """What limits the headline, the most important first, each as a sentence and in a few words."""
    curves = found.curves
    finished, planned = curves.planned
    said = []
    if finished != planned:
        so_far = f"{finished} of {planned} trials"
        said.append((f"Not finished: {so_far}; this is what trials 1 to {curves.trials} say.", so_far))
    if curves.least < FEW_STUDIES:
        few = f"only {_studies(curves.least)} per method"
        said.append((f"{few.capitalize()}: intervals say little, and figures show the studies alone.", few))
    shares = {label: (curves.methods[label].lost, _trials(found, label)) for label in found.labels}
    mostly = [f"{lost} of {of} trials of {label}" for label, (lost, of) in shares.items() if lost >= MANY_LOST * of]
    if mostly:
        lost = ", ".join(mostly)
        sentence = f"Diverged or failed: {lost}; they count as spent, at a value that was not measured."
        said.append((sentence, f"lost: {lost}"))
    said.append((FLATTERED, "recorded values, flattered by their seeds"))
    if narrow := sum(i.too_narrow for of_method in found.boundaries.values() for i in of_method.values()):
        said.append(_alike(f"{count(narrow, 'range')} may be too narrow"))
    if worse := _worse(found):
        said.append(_alike(f"worse on test data: {worse}"))
    if few_lost := sum(lost for lost, of in shares.values() if 0 < lost < MANY_LOST * of):
        said.append(_alike(f"{count(few_lost, 'trial')} lost"))
    return [*said, _alike("one split of the data")]


def _alike(text: str) -> tuple[str, str]:
    return text, text


def _worse(found: Findings) -> str:
    """The method whose chosen trials are most surely worse on test data, and by how much; empty if none is."""
    amounts = Amounts.of(found.curves.objective)
    gaps = [(float(gap.estimate), label, gap) for label, of in found.gaps.items() for gap in list(of.values())[:1]]
    sure = [(by, label, gap) for by, label, gap in gaps if float(gap.low) > 0]
    if not sure:
        return ""
    _, label, gap = max(sure, key=lambda of: of[0])
    others = f" and {len(sure) - 1} more by less" if len(sure) > 1 else ""
    return f"{label} by {amounts.difference(*_ends(gap))} ({amounts.span(float(gap.low), float(gap.high))}){others}"


def _studies(number: int) -> str:
    return "1 study" if number == 1 else f"{number} studies"


def _all_of(labels: list[str]) -> str:
    if len(labels) > MOST_NAMED:
        return f"{labels[0]} and {len(labels) - 1} other methods"
    *first, last = labels
    return f"{', '.join(first)} and {last}" if first else last
