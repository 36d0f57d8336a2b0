"""The first screen of a report: one sentence with its number and interval, what it rests on, and what limits it.

The interactive page and README.md say the same words. `headline` is the only entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hpsearch.report.amounts import Amounts
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import UNKNOWN
from hpsearch.report.search.figure import FEW_STUDIES
from hpsearch.report.search.findings import Findings
from hpsearch.report.search.truth import (
    OTHER_EXAMPLES,
    by_worth,
    climb_texts,
    favoured,
    favoured_text,
    model_text,
    truly_beats,
)
from hpsearch.report.search.values import RECORDED, Measured
from hpsearch.report.search.verdict import SIGNIFICANT, count, few_of, narrow_ranges, p_text, whole
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.coverage import coverage
from hpsearch.statistics.trials_to_level import TrialsToLevel
from hpsearch.study.schema import Spec

MANY_LOST = 0.2
"""A method that lost at least this share of its trials is mostly measured by what is counted for a lost one."""
MOST_NAMED = 4
"""The most methods that the line of facts names; more are counted."""
MOST_RANGES = 3
"""The most ranges that may be too narrow which the first screen names."""
NO_INTERVAL = "too few studies for an interval"
FLATTERED = (
    "These are recorded values: each is the best of several trials and so flattered by its seed, the more so for a "
    "noisier method. The command confirm tells by how much."
)


@dataclass(frozen=True)
class Tile:
    """One number of the first screen, as text.

    Attributes:
        title: what it is.
        value: the number.
        interval: its 95% interval.
        note: what it is of, and by which kind of value.
        more: how far its interval can be trusted.
    """

    title: str
    value: str
    interval: str
    note: str
    more: str


@dataclass(frozen=True)
class Limit:
    """What limits the headline: a sentence, the same in a few words, and the page's section that has all of it."""

    sentence: str
    brief: str
    section: str


@dataclass(frozen=True)
class Headline:
    """What a reader sees first.

    Attributes:
        facts: task, methods, studies x trials, searcher and machine.
        sentence: the finding, with its number and interval.
        caution: the most important thing that limits it.
        tiles: the numbers behind it.
        limits: everything else that limits it.
        best: label of the method that the sentence is about; None if no trial was complete.
        other: label of the method that it is compared with; None if there is none.
        level: objective that the best one has to match, in the objective's unit; None without another method.
        trial: 1-based trial at which the best one's mean matches it; None if it never does.
    """

    facts: tuple[str, ...]
    sentence: str
    caution: Limit
    tiles: tuple[Tile, ...]
    limits: tuple[Limit, ...]
    best: str | None
    other: str | None
    level: float | None
    trial: int | None


def headline(found: Findings, context: ReportContext) -> Headline:
    """The first screen of what was found. With more than two methods the best is compared with the next best."""
    caution, *less = _limits(found)
    limits = tuple(less)
    facts = _facts(found, context)
    if not any(_complete(found, label) for label in found.labels):
        said = f"No trial of {_all_of(found.labels)} was complete, so that there is nothing to compare."
        return Headline(facts, said, caution, (), limits, None, None, None, None)
    best, *others = by_worth(found)
    if not others:
        return Headline(facts, _alone(found), caution, _tiles_alone(found), limits, best, None, None, None)
    other, measured = others[0], found.incumbents.truest
    level = measured.final(other)
    reach = measured.to_final_level(best, other)
    first = _primary(found)
    tiles = {
        "difference": _difference_tile(found, measured, best, other),
        "trials": _reach_tile(found, measured, best, other, reach),
        "chance": _chance_tile(found, measured, best, other),
    }
    primary = tiles.pop(first)
    trial = reach.estimate if reach.estimate <= reach.trials else None
    said = _compared(found, measured, best, other)
    return Headline(
        facts,
        said,
        caution,
        (replace(primary, title=f"{primary.title} (primary)"), *tiles.values()),
        limits,
        best,
        other,
        level,
        trial,
    )


def _primary(found: Findings) -> str:
    """The endpoint that the study file names; the default where several files name different ones."""
    named = {part.spec.primary for part in found.tables.parts}
    return named.pop() if len(named) == 1 else Spec.model_fields["primary"].default


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


def _compared(found: Findings, measured: Measured, best: str, other: str) -> str:
    trials, amounts = found.curves.trials, Amounts.of(found.curves.objective)
    if not _complete(found, other):
        value = amounts.value(*_ends(found.curves.methods[best].final))
        none = [label for label in found.labels if not _complete(found, label)]
        return _so_far(
            found,
            f"No trial of {_all_of(none)} was complete; {best} reaches a mean best {found.curves.objective.name} of "
            f"{value} after {whole(found)}.",
        )
    if measured.kind == RECORDED and len(found.leaders) > 1:
        value = amounts.value(float(found.curves.methods[best].final.estimate))
        return _so_far(
            found, f"{_all_of(list(found.leaders))} end equally well, at {value} on average after {whole(found)}."
        )
    many = len(found.labels) > 2
    difference, reach = measured.difference(best, other), measured.to_final_level(best, other)
    by = f"{amounts.difference(*_ends(difference))} ({_difference_span(amounts, difference)})"
    unsure = found.curves.is_finished and not is_told_apart(found, measured, best, other)
    in_trials = _primary(found) == "trials" and not unsure
    after, by_what = whole(found), _by_what(found, measured, best, other, in_trials)
    if unsure:
        both = f"{best} and {other}" + (f", the best two of {len(found.labels)} methods," if many else "")
        return f"{both} are not told apart after {after}: {best} ends better by {by}{by_what}."
    who = f"{other}, the next best of {len(found.labels)} methods" if many else other
    if not in_trials:
        return _so_far(found, f"{best} ends better than {who}{',' if many else ''} by {by} after {after}{by_what}.")
    reaches = str(trials) if after == count(trials, "trial") else after
    needs = f"{best} needs {_trials_text(reach)} to match what {who}{',' if many else ''} reaches in {reaches}"
    return _so_far(found, f"{needs}{by_what}.")


def _by_what(found: Findings, measured: Measured, best: str, other: str, in_trials: bool) -> str:
    """What the sentence goes by, and what the recorded values would say."""
    if measured.kind == RECORDED:
        return ""
    recorded = found.incumbents.values[RECORDED]
    if in_trials:
        said = _trials_text(recorded.to_final_level(best, other))
    else:
        difference = recorded.difference(best, other)
        amounts = Amounts.of(found.curves.objective)
        said = f"{amounts.difference(*_ends(difference))} ({_difference_span(amounts, difference)})"
    return f", with fresh seeds (recorded values say {said})"


def _trials_text(reach: TrialsToLevel) -> str:
    estimate = f"more than {reach.trials}" if reach.estimate > reach.trials else str(reach.estimate)
    return f"{estimate} {'trial' if estimate == '1' else 'trials'} ({_reach_span(reach)})"


def _difference_span(amounts: Amounts, difference: Interval) -> str:
    low, high = float(difference.low), float(difference.high)
    return amounts.span(low, high) if math.isfinite(low) else NO_INTERVAL


def is_told_apart(found: Findings, measured: Measured, best: str, other: str) -> bool:
    """Whether the best one surely ends better than another; what ran until it was decided says so by its own rule."""
    p = found.beats(best, other).p
    is_sure = float(measured.difference(best, other).low) > 0
    if measured.kind == RECORDED:
        is_sure = is_sure and p is not None and p < SIGNIFICANT
    looks = [part.looks[-1] for part in found.tables.parts if part.looks and len(found.tables.parts) == 1]
    return is_sure and all(look.decides for look in looks)


def _so_far(found: Findings, said: str) -> str:
    return said if found.curves.is_finished else f"So far: {said}"


def _difference_tile(found: Findings, measured: Measured, best: str, other: str) -> Tile:
    amounts, difference = Amounts.of(found.curves.objective), measured.difference(best, other)
    levels = _levels(amounts, measured, best, other)
    counts = [f" (n = {len(measured.methods[label].of)})" for label in (best, other)]
    means = [
        f"{label} {level}{n if len(set(counts)) > 1 or label == other else ''}"
        for label, level, n in zip((best, other), levels, counts, strict=True)
    ]
    span = NO_INTERVAL
    if math.isfinite(float(difference.low)):
        span = f"95% interval {_difference_span(amounts, difference)}"
    both = measured.difference_with_examples(best, other)
    examples = "" if both is None else f"; {OTHER_EXAMPLES} {amounts.span(float(both.low), float(both.high))}"
    picked = ", not adjusted for picking this pair" if len(found.labels) > 2 else ""
    note = f"{' against '.join(means)}{picked}; {_by(measured)}{examples}"
    more = f"Means over n studies. {_trust(coverage('difference of means', found.curves.least))}"
    title = "ends better by" if found.curves.is_finished else "ahead by"
    return Tile(title, amounts.difference(*_ends(difference)), span, note, more)


def _levels(amounts: Amounts, measured: Measured, best: str, other: str) -> tuple[str, str]:
    """What two methods end with, so that a reader sees their difference in them."""
    difference = measured.difference(best, other)
    return amounts.levels(measured.final(best), measured.final(other), *_ends(difference)[1:])


def _reach_tile(found: Findings, measured: Measured, best: str, other: str, reach: TrialsToLevel) -> Tile:
    _, value = _levels(Amounts.of(found.curves.objective), measured, best, other)
    span = NO_INTERVAL if reach.low is None else f"95% interval {_reach_span(reach)}"
    note = f"until {best}'s mean stays at {value}, where {other} ends; {_by(measured)}"
    reached = f"{reach.estimate} of" if reach.estimate <= reach.trials else "more than"
    more = _trust(coverage("extra trials", found.curves.least))
    return Tile("trials to match", f"{reached} {reach.trials}", span, note, more)


def _chance_tile(found: Findings, measured: Measured, best: str, other: str) -> Tile:
    won = truly_beats(found, best, other)
    p = p_text(won.p, won.at_floor) if found.curves.is_finished else "not tested before the end"
    adjusted = ", Holm-adjusted" if len(found.labels) > 2 and won.p is not None else ""
    note = f"of a study of {best} against one of {other}; {p}{adjusted}; {_by(measured)}"
    more = f"Ties count half. {_trust(coverage('probability of superiority', found.curves.least))}"
    title = "chance to end better" if found.curves.is_finished else "chance to be ahead"
    return Tile(title, f"{won.estimate:.0%}", f"95% interval {won.low:.0%} to {won.high:.0%}", note, more)


def _by(measured: Measured) -> str:
    """By which kind of value a number is."""
    return "by recorded values" if measured.kind == RECORDED else f"with {measured.kind}"


def _trust(said: str) -> str:
    """What was simulated about an interval, as a sentence."""
    return f"The interval: {said}."


def _tiles_alone(found: Findings) -> tuple[Tile, ...]:
    method, amounts = found.curves.methods[found.best], Amounts.of(found.curves.objective)
    value = amounts.value(*_ends(method.final))
    note, more = f"mean over n = {len(method.incumbents)}", _trust(coverage("mean", found.curves.least))
    lost = Tile("trials lost", f"{method.lost} of {_trials(found, found.best)}", "", "diverged or failed", "")
    return Tile("final best", value, _span(amounts, method.final), note, more), lost


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


def _limits(found: Findings) -> list[Limit]:
    """What limits the headline, the most important first."""
    curves = found.curves
    finished, planned = curves.planned
    said = []
    if finished != planned:
        so_far = f"{finished} of {planned} trials"
        sentence = f"Not finished: {so_far}; this is what trials 1 to {curves.trials} say."
        said.append(Limit(sentence, f"Not finished: {so_far}.", "verdict"))
    elif not curves.is_finished:
        said.append(_alike("not decided yet: repeats are added until the methods are told apart", "verdict"))
    if curves.least < FEW_STUDIES:
        few = f"Only {_studies(curves.least)} per method"
        said.append(Limit(f"{few}: intervals say little, and figures show the studies alone.", f"{few}.", "chosen"))
    shares = {label: (curves.methods[label].lost, _trials(found, label)) for label in found.labels}
    mostly = [f"{lost} of {of} trials of {label}" for label, (lost, of) in shares.items() if lost >= MANY_LOST * of]
    if mostly:
        lost = f"Diverged or failed: {', '.join(mostly)}"
        said.append(Limit(f"{lost}; they count as spent, at a value that was not measured.", f"{lost}.", "trials"))
    best, *others = by_worth(found)
    if others and (warning := favoured_text(found, best, others[0])):
        which = favoured(found, best, others[0])
        assert which is not None
        said.append(Limit(warning, f"Best so far flatters {which.noisier}: its results scatter more.", "chosen"))
    if climbs := climb_texts(found):
        said.append(_alike(f"of the recorded climb only a part is confirmed: {', '.join(climbs)}", "chosen"))
    if found.incumbents.truest.kind == RECORDED:
        said.append(Limit(FLATTERED, "Recorded values, flattered by their seeds.", "chosen"))
        if others and (by_model := model_text(found, best, others[0])):
            said.append(_alike(by_model, "chosen"))
    if narrow := narrow_ranges(found):
        named = few_of([f"{name} of {label}" for label, name, _ in narrow], MOST_RANGES)
        said.append(_alike(f"{count(len(narrow), 'range')} may be too narrow: {named}", "chosen"))
    if worse := _worse(found):
        said.append(_alike(f"worse on test data: {worse}", "chosen"))
    if few_lost := sum(lost for lost, of in shares.values() if 0 < lost < MANY_LOST * of):
        said.append(_alike(f"{count(few_lost, 'trial')} lost", "trials"))
    if curves.is_finished and any(part.looks for part in found.tables.parts):
        added = "repeats were added until it was decided, which intervals take no account of"
        said.append(_alike(added, "verdict"))
    return [*said, _alike(_splits(found), "made")]


def _alike(text: str, section: str) -> Limit:
    sentence = f"{text[0].upper()}{text[1:]}."
    return Limit(sentence, sentence, section)


def _splits(found: Findings) -> str:
    """What a reader must not expect of other data."""
    own = [bool(part.resolved.get("splits")) for part in found.tables.parts]
    return "splits of one data set" if all(own) else "one split of the data" + (" for some" if any(own) else "")


def _worse(found: Findings) -> str:
    """The method whose chosen trials are most surely worse on test data, and by how much; empty if none is."""
    amounts = Amounts.of(found.curves.objective)
    gaps = [
        (float(g.chosen.estimate), label, g.chosen) for label, of in found.gaps.items() for g in list(of.values())[:1]
    ]
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
