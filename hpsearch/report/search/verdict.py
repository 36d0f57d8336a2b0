"""The verdict in words: sentences that survive being quoted alone, each with its n and its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hpsearch.report.amounts import Amounts
from hpsearch.report.facts import counted_at
from hpsearch.report.markdown import p_number
from hpsearch.report.search.findings import Findings, Target, Test, middle_trial
from hpsearch.report.search.truth import amount_text, by_worth, difference_text, truly_beats
from hpsearch.report.search.values import PART, RECORDED
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.boundary import End
from hpsearch.statistics.gap import Gap
from hpsearch.statistics.ties import compare
from hpsearch.store.chosen import by_model
from hpsearch.store.rows import Look

SIGNIFICANT = 0.05
MOST_LISTED = 5
MOST_TRULY = 3
"""The most methods that the best one is compared with, one by one."""
ONE_SPLIT = (
    "All intervals are over studies, each with its own seeds of search and training, on one split of the data: they "
    "say nothing about other data."
)


def sentences(found: Findings) -> list[str]:
    """The verdict, in the order a reader wants: who is ahead, by how many trials, how surely, and with what limits."""
    return [*_unfinished(found), *looks(found), *_who(found), *_cautions(found), *_choices(found), sources(found)]


def sources(found: Findings) -> str:
    """What varies between studies, and so is in the intervals over them."""
    splits = [part.resolved.get("splits", {}) for part in found.tables.parts]
    if not any(splits):
        return f"{ONE_SPLIT[:-1]}{_examples(found)}."
    seeds = "All intervals are over studies, each with its own seeds of search and training"
    if not all(splits):
        return f"{seeds}; some comparisons have a split of the data for each study, the others a single one."
    different = min(len({tuple(split.items()) for split in of.values()}) for of in splits)
    shared = ""
    if different < max(map(len, splits)):
        shared = f" There are {different} splits; studies on the same one share its luck, and count as independent."
    return (
        f"{seeds} and its own split of the data, so that they hold the luck of the split, too.{shared} Splits overlap: "
        "of data from elsewhere they say nothing."
    )


def _examples(found: Findings) -> str:
    """Which intervals say something about other examples; empty if none does."""
    counts = [
        f"{next(iter(measured.examples.values())).shape[1]:,} {PART[kind]}"
        for kind, measured in found.incumbents.values.items()
        if measured.examples
    ]
    if not counts:
        return ""
    return (
        f", except those of the final difference with other examples too, which also hold the luck of which "
        f"{' and '.join(dict.fromkeys(counts))} examples there were (of other training data they say nothing either)"
    )


def _choices(found: Findings) -> list[str]:
    """What is of trials that a model chose, and what is not."""
    labels = [label for label in found.labels if by_model(found.tables, label)]
    if not labels:
        return []
    whose = "" if len(labels) == len(found.labels) else f" of {', '.join(labels)}"
    return [
        f"Studies{whose} choose by a model of their own trials: test values, fresh seeds and all that is said of "
        "chosen configurations are of that choice. Best-so-far curves, trials to a target and tests of them are of "
        "recorded values."
    ]


def _who(found: Findings) -> list[str]:
    is_recorded = found.incumbents.truest.kind == RECORDED
    others = [label for label in found.labels if label != found.best]
    if not others:
        said = [_ends(found, found.best) + "."]
    else:
        place = "the best mean" if len(found.leaders) == 1 else "as good as any"
        said = [_ends(found, found.best) + f", {place} of {len(found.labels)} methods."]
        said += [_against(found, other) for other in others] if len(others) <= 3 else _against_many(found, others)
        said.append(_whatever_the_target(found))
    return said if is_recorded else [*_truly(found), *(f"As recorded: {sentence}" for sentence in said)]


def _truly(found: Findings) -> list[str]:
    """Who is ahead by values that are truer than the recorded ones, against the next best few."""
    measured, amounts = found.incumbents.truest, Amounts.of(found.curves.objective)
    best, *others = by_worth(found)
    place = f", the best mean of {len(found.labels)} methods" if others else ""
    said = [
        f"With {measured.kind} {best} ends at {amount_text(amounts, measured, best)} on average, n = "
        f"{len(measured.methods[best].of)}{place}."
    ]
    for other in others[:MOST_TRULY]:
        won, reach = truly_beats(found, best, other), measured.to_final_level(best, other)
        p = f"; {p_text(won.p, won.at_floor)}" if found.curves.is_finished else ""
        said.append(
            f"With {measured.kind} {other} ends at {amount_text(amounts, measured, other)}, worse by "
            f"{difference_text(amounts, measured.difference(best, other))}; {best} is there after {reach} "
            f"{'trial' if reach.estimate == reach.high == 1 else 'trials'}, and a study of it ends better with "
            f"probability {won.estimate:.2f} ({won.low:.2f} to {won.high:.2f}{p})."
        )
    return said


def _unfinished(found: Findings) -> list[str]:
    curves = found.curves
    finished, planned = curves.planned
    if finished == planned:  # what goes on until it is decided may have finished all that is laid out
        return []
    least = "at least " if any(part.spec.budget for part in found.tables.parts) else ""
    begun = {len(method.incumbents) for method in curves.methods.values()}
    studies = f"{min(begun)} to {max(begun)}" if len(begun) > 1 else str(min(begun))
    return [
        f"Not finished: {finished} of {least}{planned} trials. What follows is so far: up to trial {curves.trials}, of "
        f"the {studies} studies per method that have begun; only trials to a target count all that each study has had. "
        "Nothing is tested before the end."
    ]


def looks(found: Findings) -> list[str]:
    """By which rule a comparison stopped, or goes on, that runs until it is decided."""
    return [_look(part.name, part.looks) for part in found.tables.parts if part.looks]


def _look(name: str, looks: Sequence[Look]) -> str:
    last = looks[-1]
    rule = (
        f"a two-sided error of {last.alpha:.0%} spent as Lan and DeMets (1983) do in the type of O'Brien and Fleming "
        f"over looks at up to {last.most} studies per method"
    )
    so_far = f"{count(len(looks), 'look')}, the last at {last.repeats} studies of {last.length} per method"
    if not last.is_last:
        return f"Not decided: {name} goes on until its methods are told apart by {rule}; so far it had {so_far}."
    caution = "All other tests and intervals take no account of these looks; a difference found early looks too large."
    if last.decides and last.repeats < last.most:
        return (
            f"{name} was stopped early, after {so_far}, because its methods were told apart: {p_text(last.p)}, and "
            f"{last.level:.2g} was to be reached, by {rule}. {caution}"
        )
    told = "told its methods apart" if last.decides else "did not tell its methods apart"
    return (
        f"{name} went on to its most studies, and {told}: {p_text(last.p)} at the last of {so_far}, and "
        f"{last.level:.2g} was to be reached, by {rule}. {caution}"
    )


def _ends(found: Findings, label: str) -> str:
    curves = found.curves
    method = curves.methods[label]
    after = "After" if curves.is_finished else "So far, after"
    return (
        f"{after} {whole(found)} {label} has a mean best {curves.objective.name} of "
        f"{_interval_text(found, method.final)}, n = {len(method.incumbents)}"
    )


def _interval_text(found: Findings, of: Interval) -> str:
    """A value of the objective with its interval, as a colleague says it: 91.9% (91.7 to 92.1)."""
    amounts, ends = Amounts.of(found.curves.objective), (float(of.estimate), float(of.low), float(of.high))
    if not math.isfinite(ends[1]):
        return f"{amounts.value(ends[0])} (too few studies for an interval)"
    return f"{amounts.value(*ends)} ({amounts.span(*ends[1:])})"


def whole(found: Findings) -> str:
    """What studies have had at the end of the curves: so many trials, or what ends them if that may be a budget."""
    if not found.curves.is_finished or all(part.spec.budget is None for part in found.tables.parts):
        return count(found.curves.trials, "trial")
    return ", ".join(dict.fromkeys(part.spec.length for part in found.tables.parts))


def _against(found: Findings, other: str) -> str:
    a, trials = found.best, found.curves.trials
    s = found.beats(a, other)
    likely = f"one of {other} with probability {s.estimate:.2f} ({s.low:.2f} to {s.high:.2f}"
    wins = f"A study of {a} ends better than {likely}; {p_text(s.p, s.at_floor)})."
    if not found.curves.is_finished:
        wins = f"So far a study of {a} is ahead of {likely})."
    if trials < 2:
        return wins
    middle = middle_trial(trials)
    needs = f"{_so_far(found)}to reach what {a} has after {count(middle, 'trial')}, {_extra(found, other, middle)}."
    return f"{_capital(needs)} {_back(found, other)} {wins}"


def _so_far(found: Findings) -> str:
    """The beginning of a sentence that a later trial may prove wrong."""
    return "" if found.curves.is_finished else "so far, "


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _extra(found: Findings, other: str, middle: int) -> str:
    extra, room = found.extra[found.best, other], found.curves.trials - middle
    estimate, low, high = (float(values[middle - 1]) for values in (extra.estimate, extra.low, extra.high))
    if math.isinf(low):
        return f"{other} needs more than the {room} that were left (and so does the whole 95% interval)"
    span = "too few studies for an interval"
    if not math.isnan(low):
        span = f"95% interval {_more(low, room)} to {_more(high, room)}"
    if estimate < 0:
        return f"{other} needs {-estimate:.0f} fewer ({span})"
    return f"{other} needs {_more(estimate, room)} more ({span})"


def _more(value: float, room: int) -> str:
    return f"more than {room}" if math.isinf(value) else f"{value:.0f}"


def _back(found: Findings, other: str) -> str:
    reach = found.incumbents.values[RECORDED].to_final_level(found.best, other)
    trials = "trial" if reach.estimate == reach.high == 1 else "trials"
    return f"{found.best} reaches what {other} ends with after {reach} {trials}."


def count(number: int, what: str) -> str:
    """A number of things in words: 1 trial, 2 trials."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _against_many(found: Findings, others: list[str]) -> list[str]:
    trials = found.curves.trials
    ends = _told_apart_at_the_end(found, others)
    if trials < 2:
        return [ends]
    middle = middle_trial(trials)
    extra = sorted((float(found.extra[found.best, other].estimate[middle - 1]), other) for other in others)
    (least, first), (most, last) = extra[0], extra[-1]
    beyond = [other for more, other in extra if math.isinf(more)]
    upto = f"{most:.0f} ({last})"
    if beyond:
        upto = f"more than the {trials - middle} that were left ({len(beyond)} of them: {_first_few(beyond)})"
    needs = "more than that" if math.isinf(least) else f"from {least:.0f} more ({first})"
    return [
        _capital(f"{_so_far(found)}to reach what {found.best} has after {count(middle, 'trial')}, ")
        + f"the others need {needs} to {upto}; with intervals under Extra trials.",
        ends,
    ]


def _first_few(names: list[str]) -> str:
    return ", ".join(names[:MOST_LISTED]) + (" and others" if len(names) > MOST_LISTED else "")


def _told_apart_at_the_end(found: Findings, others: list[str]) -> str:
    if not found.curves.is_finished:
        (least, hardest), (most, easiest) = (
            pick((found.beats(found.best, other).estimate, other) for other in others) for pick in (min, max)
        )
        return (
            f"So far a study of {found.best} is ahead of one of another method with probability {least:.2f} "
            f"({hardest}) to {most:.2f} ({easiest})."
        )
    clear: list[str] = []
    unclear: list[str] = []
    for other in others:
        p = found.beats(found.best, other).p
        (clear if p is not None and p < SIGNIFICANT else unclear).append(other)
    said = (
        f"At the end {found.best} differs from {len(clear)} of the {len(others)} others (Holm-adjusted p below "
        f"{SIGNIFICANT})"
    )
    return said + (f", but not from {', '.join(unclear)}." if unclear else ".")


def _whatever_the_target(found: Findings) -> str:
    """How often the best is sooner, over targets that are quantiles of all results, so that nobody picked one."""
    targets = [target for target in found.targets if target.share is not None]
    shares = [target.share for target in targets if target.share is not None]
    span = f"{count(len(targets), 'target')}, at least as good as {min(shares):.0%} of all results"
    if len(targets) > 1:
        span = (
            f"{len(targets)} targets, at least as good as {min(shares):.0%} to {max(shares):.0%} of all results (they "
            "are not independent of each other)"
        )
    meaning = f"significantly means a log-rank p below {SIGNIFICANT}, Holm-adjusted over all pairs and targets"
    others = [label for label in found.labels if label != found.best]
    counts = {other: _sooner(targets, found.unit, found.best, other) for other in others}
    is_finished = found.curves.is_finished
    if len(others) <= 3:
        said = "; ".join(
            f"{found.best} is sooner than {other} at {ahead} ({_apart(sure)}), later at {behind} ({_apart(surely)})"
            if is_finished
            else f"so far {found.best} is sooner than {other} at {ahead}, later at {behind}"
            for other, (ahead, sure, behind, surely) in counts.items()
        )
        return f"Of {span} {said}. This counts {_spent(found)}{f'; {meaning}' if is_finished else ''}."
    ahead = sum(sooner > len(targets) / 2 for sooner, *_ in counts.values())
    if not is_finished:
        return (
            f"At more than half of {span} {found.best} is so far sooner than {ahead} of the {len(others)} other "
            f"methods. This counts {_spent(found)}."
        )
    apart = sum(sure > 0 for _, sure, *_ in counts.values())
    return (
        f"At more than half of {span} {found.best} is sooner than {ahead} of the {len(others)} other methods, and at "
        f"one or more it is significantly sooner than {apart} of them. This counts {_spent(found)}; {meaning}."
    )


def _spent(found: Findings) -> str:
    return f"{found.unit} spent" if found.curves.is_finished else f"{found.unit} spent so far"


def _apart(targets: int) -> str:
    return f"{targets} significantly"


def _sooner(targets: Sequence[Target], unit: str, a: str, b: str) -> tuple[int, int, int, int]:
    """How many targets `a` reaches with fewer trials than `b`, how many of them surely, and the same for `b`.

    A study counts with what it spends, in this unit, until it reaches the target or has spent as much as studies of
    both methods have: the area of the Kaplan-Meier curve, since studies may have come to different ends.
    """
    ahead = sure = behind = surely = 0
    for target in targets:
        reach = target.units[unit]
        end = min(reach.spent, *(reach.survival[label].until for label in (a, b)))
        difference = compare(*(reach.survival[label].mean_until(end) for label in (a, b)))
        p = next((test.adjusted for test in reach.tests if {test.a, test.b} == {a, b}), None)
        significant = p is not None and p < SIGNIFICANT
        ahead, sure = ahead + (difference < 0), sure + (difference < 0 and significant)
        behind, surely = behind + (difference > 0), surely + (difference > 0 and significant)
    return ahead, sure, behind, surely


def _cautions(found: Findings) -> list[str]:
    said = []
    narrow = [f"{name} of {label} ({text})" for label, name, text in narrow_ranges(found)]
    if len(narrow) > MOST_LISTED:
        narrow = [*narrow[:MOST_LISTED], f"and {len(narrow) - MOST_LISTED} more"]
    if narrow:
        said.append(
            "A range may be too narrow, and the method cheaper or costlier than it seems: " + "; ".join(narrow) + "."
        )
    worse = [
        (float(gap.chosen.estimate), f"{label} by {_by(found, gap.chosen)}, of which {_parts(found, gap)}")
        for label, of_metric in found.gaps.items()
        for gap in list(of_metric.values())[:1]
        if float(gap.chosen.low) > 0
    ]
    gaps = [text for _, text in (sorted(worse, reverse=True) if len(worse) > MOST_LISTED else worse)]
    if len(gaps) > MOST_LISTED:
        gaps = [*gaps[:MOST_LISTED], f"and {len(gaps) - MOST_LISTED} more by less"]
    if gaps:
        said.append(
            f"The chosen trials are worse on test data than their {found.curves.objective.name}: {'; '.join(gaps)}. "
            "What all complete trials of a study lose there is due to harder test data; what the chosen one loses "
            "beyond that is the flattery of choosing by validation."
        )
    lost = {label: method.lost for label, method in found.curves.methods.items() if method.lost}
    if lost:
        listed = ", ".join(f"{label} {count}" for label, count in lost.items())
        said.append(f"Trials that diverged or failed count as spent, {counted_at(found.tables)}: {listed}.")
    return said


def narrow_ranges(found: Findings) -> list[tuple[str, str, str]]:
    """Method, hyperparameter and how choices crowd there, of each range that may be too narrow; the worst first."""
    crowded = [
        (end.chosen / end.studies, label, name, crowd_text(which, end))
        for label, of_method in found.boundaries.items()
        for name, ends in of_method.items()
        if ends.crowded is not None
        for which, end in [ends.crowded]
    ]
    return [(label, name, text) for _, label, name, text in sorted(crowded, key=lambda of: -of[0])]


def few_of(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are: a, b and 3 more."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def crowd_text(which: str, end: End) -> str:
    """How the chosen values crowd at one end of a range, beside where the searcher looked."""
    return (
        f"{end.chosen} of {end.studies} studies chose its {which} end, where {end.proposed:.0%} of their trials were "
        "and did no worse"
    )


def _parts(found: Findings, gap: Gap) -> str:
    everywhere, choosing = _by(found, gap.everywhere), _by(found, gap.choosing)
    return f"{everywhere} is due to the test data and {choosing} to choosing"


def _by(found: Findings, of: Interval) -> str:
    return difference_text(Amounts.of(found.curves.objective), of)


def p_text(p: float | None, at_floor: bool = False) -> str:
    """A p value in a sentence."""
    if p is None:
        return "cannot be tested"
    said = p_number(p, at_floor)
    return f"p {said}" if said.startswith("<") else f"p = {said}"


def tested(test: Test) -> str:
    """The outcome of a test, as a table shows it."""
    return test.reason if test.adjusted is None else p_number(test.adjusted)
