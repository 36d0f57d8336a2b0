"""What the luck of seeds does to a verdict, in words and tables: three values of each incumbent, and their scatter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

from hpsearch.report.amounts import Amounts
from hpsearch.report.markdown import extra_text
from hpsearch.report.search.findings import ALL_PAIRS, Findings, middle_trial
from hpsearch.report.search.values import MEANING, MODEL, MODELLED, RECORDED, TEST, Measured, Scatter
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.holm import holm
from hpsearch.statistics.superiority import Superiority
from hpsearch.store.chosen import by_model

SIGNIFICANT = 0.01
LEAST_RATIO = 1.25
"""Deviations that differ by less than this favour nobody much."""
MOST_OF_A_CLIMB = 0.5
OTHER_EXAMPLES = "with other examples too"
"""Heads intervals that hold the luck of the examples beside that of the studies."""
EXAMPLES_NOTE = (
    f'Intervals "{OTHER_EXAMPLES}" also hold the luck of which examples were there to be measured on, each counted as '
    "drawn independently; simulated at n = 20 they hold the truth in 94 to 97% (benchmarks/examples.py)."
)


@dataclass(frozen=True)
class Favoured:
    """The method whose best so far is flattered more, because its seeds scatter more, and the one compared with."""

    noisier: str
    steadier: str
    by: Scatter
    than: Scatter


def by_worth(found: Findings) -> list[str]:
    """The methods from the best to the worst by what their studies truly ended with, as far as that is known.

    Those that end equally well are in the order of the study file.
    """
    measured = found.incumbents.truest
    sign = 1.0 if measured.maximise else -1.0
    if measured.kind == RECORDED:  # the leaders' means may differ by a rounding
        others = sorted((k for k in found.labels if k != found.best), key=lambda k: -sign * measured.final(k))
        return [found.best, *others]
    return sorted(found.labels, key=lambda label: -sign * measured.final(label))


def truly_beats(found: Findings, a: str, b: str) -> Superiority:
    """Probability that a study of `a` ends better than one of `b` by the truest values, with its Holm-adjusted p."""
    measured = found.incumbents.truest
    if measured.kind == RECORDED:
        return found.beats(a, b)
    pairs = list(combinations(found.labels, 2))
    won = {pair: measured.superiority(*pair) for pair in pairs}
    tested = [s.p if s is not None and found.curves.is_finished else None for s in won.values()]
    adjusted = dict(zip(pairs, holm(tested), strict=True))
    beats = measured.superiority(a, b)
    return found.beats(a, b) if beats is None else replace(beats, p=adjusted.get((a, b), adjusted.get((b, a))))


def favoured(found: Findings, a: str, b: str) -> Favoured | None:
    """Which of two methods the best so far favours; None if their seeds scatter alike, or nobody knows.

    They scatter differently if an F test says so (p below 0.01) and one deviation is at least a quarter larger.
    """
    scatter = found.incumbents.scatter
    if a not in scatter or b not in scatter:
        return None
    steadier, noisier = sorted((a, b), key=lambda label: scatter[label].deviation)
    by, than = scatter[noisier], scatter[steadier]
    if by.deviation < LEAST_RATIO * than.deviation or by.deviation == 0:
        return None
    if than.deviation == 0:
        return Favoured(noisier, steadier, by, than)
    from scipy.special import fdtrc

    p = 2 * float(fdtrc(by.freedom, than.freedom, (by.deviation / than.deviation) ** 2))
    return Favoured(noisier, steadier, by, than) if p < SIGNIFICANT else None


def favoured_text(found: Findings, a: str, b: str) -> str:
    """The warning that best-so-far favours one of two methods, with both deviations; empty if it does not."""
    if (which := favoured(found, a, b)) is None:
        return ""
    say = Amounts.of(found.curves.objective).difference
    by, than = say(which.by.deviation), say(which.than.deviation)
    if which.by.source == MODELLED:
        return (
            f"Results of {which.noisier} scatter more around what a model of other studies expects (standard deviation "
            f"{by}) than those of {which.steadier} ({than}): as far as that is seeds, the best of many recorded values "
            f"flatters {which.noisier} more."
        )
    return (
        f"Seeds scatter more with {which.noisier} (standard deviation {by}) than with {which.steadier} ({than}), by "
        f"{which.by.source}: the best of many recorded values flatters {which.noisier} more."
    )


def model_text(found: Findings, best: str, other: str) -> str:
    """What a model of other studies would say in the place of recorded values; empty where there is no model."""
    measured = found.incumbents.values.get(MODEL)
    if measured is None:
        return ""
    first, second = (best, other) if float(measured.difference(best, other).estimate) >= 0 else (other, best)
    difference = difference_text(Amounts.of(found.curves.objective), measured.difference(first, second))
    return (
        f"by a model of each method's other studies {first} ends better by {difference} and matches {second} after "
        f"{measured.to_final_level(first, second)} trials"
    )


def climb_texts(found: Findings) -> list[str]:
    """How much is confirmed of each recorded climb of which it is less than half; the worst first."""
    truest = found.incumbents.truest
    if truest.kind == RECORDED or len(found.labels) > 4:
        return []
    recorded = found.incumbents.values[RECORDED]
    begun = min(5, found.curves.trials)
    say = Amounts.of(found.curves.objective).difference
    shares = []
    for label in found.labels:
        there, climbs = truest.methods[label], []
        if begun not in there.trials or begun == there.trials[-1]:
            continue
        place = int(there.trials.searchsorted(begun))
        for mean, at in ((recorded.methods[label].mean, begun - 1), (there.mean, place)):
            climbs.append(_sign(found) * float(mean.estimate[-1] - mean.estimate[at]))
        was, true = climbs
        if was > 0 and true < MOST_OF_A_CLIMB * was:
            shares.append((true / was, f"{say(max(true, 0.0))} of {say(was)} after trial {begun} with {label}"))
    return [said for _, said in sorted(shares)]


def _sign(found: Findings) -> float:
    """1 if larger objectives are better, else -1."""
    return 1.0 if found.curves.maximise else -1.0


def values_table(found: Findings) -> tuple[list[list[str]], str]:
    """What each method's studies end with, by each kind of value: rows, the head first, and a note."""
    kinds = found.incumbents.values
    with_examples = [measured for measured in kinds.values() if measured.examples]
    head = ["method", *(f"{kind}: {measured.name}" for kind, measured in kinds.items())]
    rows = [[*head, *(f"{measured.kind}, {OTHER_EXAMPLES}" for measured in with_examples), "scatter between seeds"]]
    amounts = Amounts.of(found.curves.objective)
    for label in found.labels:
        cells = [amount_text(amounts, measured, label) for measured in kinds.values()]
        for measured in with_examples:
            mean = measured.mean_with_examples(label)
            cells.append("" if mean is None else amounts.span(float(mean.low), float(mean.high)))
        scatter = found.incumbents.scatter.get(label)
        rows.append([label, *cells, amounts.difference(scatter.deviation) if scatter else "not known"])
    meanings = "; ".join(f"{kind}: {MEANING[kind]}" for kind in kinds)
    source = next((scatter.source for scatter in found.incumbents.scatter.values()), "")
    note = (
        f"Means over studies of what each ended with (95% interval). By kind of value: {meanings}. The interval "
        "of the model holds its own error, which all studies share; simulated at n = 20 it holds the truth in 78 to "
        "100%, least where values are not smooth (benchmarks/incumbents.py)."
        + (f" {EXAMPLES_NOTE}" if with_examples else "")
        + (f" The scatter is a standard deviation, from {source}." if source else "")
    )
    return rows, note


def by_what(found: Findings) -> str:
    """By what studies chose, where several comparisons are merged perhaps by different things."""
    rules = {by_model(found.tables, label) for label in found.labels}
    if len(rules) > 1:
        return "by its objective or by a model of its trials, as its study file says"
    return "by a model of its trials" if rules == {True} else "by its objective"


def choosing_text(found: Findings) -> str:
    """What studies gain by choosing by a model of their own trials, or would gain; empty where nobody can tell."""
    if not found.incumbents.choosing:
        return ""
    amounts = Amounts.of(found.curves.objective)
    by = {MODEL: "by the model of the other studies", TEST: "on test data"}
    said = "; ".join(
        f"{by[kind]} {', '.join(f'{label} {difference_text(amounts, gain)}' for label, gain in gains.items())}"
        for kind, gains in found.incumbents.choosing.items()
    )
    model = "by the posterior mean of a Gaussian process of its own trials"
    if all(by_model(found.tables, label) for label in found.labels):
        return f"Each study chose {model}. By the best recorded value its choice would be worse by: {said}."
    return f"If each study had chosen, at its end, {model} its choice would be better by: {said}."


def endpoints_table(found: Findings) -> tuple[list[list[str]], str]:
    """The difference, trials to match and extra trials by each kind of value, best against each other: rows and a note.

    With many methods it has no extra trials, which take long to draw.
    """
    values, amounts, middle = (
        found.incumbents.values,
        Amounts.of(found.curves.objective),
        middle_trial(found.curves.trials),
    )
    kept = any(measured.examples for measured in values.values())
    few = len(found.labels) <= ALL_PAIRS
    head = ["pair", "value", "ends better by", *([OTHER_EXAMPLES] if kept else []), "trials to match"]
    rows = [[*head, *([f"extra trials after {middle}"] if few else []), "chance to end better"]]
    for other in (label for label in found.labels if label != found.best):
        for kind, measured in values.items():
            cells = [difference_text(amounts, measured.difference(found.best, other))]
            if kept:
                both = measured.difference_with_examples(found.best, other)
                cells.append("" if both is None else amounts.span(float(both.low), float(both.high)))
            cells.append(str(measured.to_final_level(found.best, other)))
            if few:
                extra = found.extra[found.best, other] if kind == RECORDED else measured.extra(found.best, other)
                cells.append("" if extra is None else extra_text(extra, middle))
            chance = measured.superiority(found.best, other)
            cells.append("" if chance is None else f"{chance.estimate:.0%} ({chance.low:.0%} to {chance.high:.0%})")
            rows.append([f"{found.best}, {other}", kind, *cells])
    note = (
        "By how much the first ends better, from which trial on its mean has what the second ends with"
        + (f", how many more trials the second needs to have what the first has after {middle}" if few else "")
        + " (95% intervals). The model's values share an error, so that it has no chance of one study against another."
        + (f" {EXAMPLES_NOTE}" if kept else "")
    )
    return rows, note


def amount_text(amounts: Amounts, measured: Measured, label: str) -> str:
    """What a method ends with by one kind of value, with its interval."""
    mean = measured.methods[label].mean
    ends = float(mean.estimate[-1]), float(mean.low[-1]), float(mean.high[-1])
    return f"{amounts.value(*ends)} ({amounts.span(*ends[1:])})" if ends[1] == ends[1] else amounts.value(ends[0])


def difference_text(amounts: Amounts, difference: Interval) -> str:
    """A difference of values with its interval: 1.8 points (1.2 to 2.3)."""
    ends = float(difference.estimate), float(difference.low), float(difference.high)
    return (
        f"{amounts.difference(*ends)} ({amounts.span(*ends[1:])})"
        if ends[1] == ends[1]
        else amounts.difference(ends[0])
    )
