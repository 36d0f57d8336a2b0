"""The verdict in words: sentences that survive being quoted alone, each with its n and its interval."""

from __future__ import annotations

import math

from hpsearch.report.findings import Findings, Test
from hpsearch.report.markdown import interval
from hpsearch.statistics.bootstrap import bootstrap_mean
from hpsearch.statistics.boundary import Incidence
from hpsearch.task import Objective

SIGNIFICANT = 0.05
MOST_LISTED = 5


def sentences(found: Findings) -> list[str]:
    """In the order in which a reader wants them: who is ahead, by how many trials, how surely, and what limits it."""
    curves = found.curves
    if len(found.labels) == 1:
        return [_ends(found, found.labels[0]), *_cautions(found)]
    others = [label for label in found.labels if label != found.best]
    said = [_ends(found, found.best) + f", the best mean of {len(found.labels)} methods."]
    if len(others) <= 3:
        said += [_against(found, other) for other in others]
    else:
        said.append(_against_many(found, others))
    said.append(_whatever_the_target(found))
    if curves.planned[0] != curves.planned[1]:
        finished, planned = curves.planned
        said.insert(0, f"Not finished: {finished} of {planned} trials; all of this is up to trial {curves.trials}.")
    return [*said, *_cautions(found)]


def trials_more(value: float, room: int) -> str:
    """A number of extra trials; infinity is "more than" what was left to try."""
    if math.isinf(value):
        return f"more than {room}"
    return f"{value:.0f}"


def _ends(found: Findings, label: str) -> str:
    curves = found.curves
    method = curves.methods[label]
    return (
        f"After {curves.trials} trials {label} has a mean best {curves.objective.name} of "
        f"{interval(bootstrap_mean(method.incumbents[:, -1]))}, n = {len(method.incumbents)} studies"
    )


def _against(found: Findings, other: str) -> str:
    a, trials = found.best, found.curves.trials
    middle = max(1, round(trials * 0.4))
    extra, back = found.extra[a, other], found.curves.to_final_level(a, other)
    room = trials - middle
    estimate, low, high = (
        trials_more(float(values[middle - 1]), room) for values in (extra.estimate, extra.low, extra.high)
    )
    pair = (a, other) if (a, other) in found.superiority else (other, a)
    chance, p = found.superiority[pair], found.adjusted[pair]
    wins = (
        (chance.estimate, chance.low, chance.high)
        if pair[0] == a
        else (1 - chance.estimate, 1 - chance.high, 1 - chance.low)
    )
    return (
        f"To reach what {a} has after {middle} trials, {other} needs {estimate} more (95% interval {low} to {high}); "
        f"{a} reaches what {other} ends with after {back}. "
        f"A study of {a} ends better than one of {other} with probability {wins[0]:.2f} "
        f"({wins[1]:.2f} to {wins[2]:.2f}; {_p(p)})."
    )


def _against_many(found: Findings, others: list[str]) -> str:
    clear: list[str] = []
    unclear: list[str] = []
    for other in others:
        pair = (found.best, other) if (found.best, other) in found.superiority else (other, found.best)
        p = found.adjusted[pair]
        (clear if p is not None and p < SIGNIFICANT else unclear).append(other)
    said = f"At the end it is told from {len(clear)} of the {len(others)} others (Holm-adjusted p below {SIGNIFICANT})"
    return said + (f", but not from {', '.join(unclear)}." if unclear else ".")


def _whatever_the_target(found: Findings) -> str:
    """Over the targets that are quantiles of all results, so that nobody has picked one."""
    targets = [target for target in found.targets if target.share is not None]
    shares = [target.share for target in targets if target.share is not None]
    lines = []
    for other in (label for label in found.labels if label != found.best):
        tests = [
            test
            for target in targets
            for test in target.units["trials"].tests
            if {test.a, test.b} == {found.best, other}
        ]
        sooner = sum(_sooner(found, target.value, found.best, other) for target in targets)
        sure = sum(test.adjusted is not None and test.adjusted < SIGNIFICANT for test in tests)
        lines.append((other, sooner, sure))
    span = f"{len(targets)} targets, from the {min(shares):.0%} to the {max(shares):.0%} quantile of all results"
    if len(lines) <= 3:
        said = "; ".join(
            f"{found.best} reaches {sooner} of them in fewer trials than {other} (counting all studies to the end), "
            f"{sure} times with a log-rank p below {SIGNIFICANT}" for other, sooner, sure in lines
        )  # fmt: skip
        return f"Of {span}: {said}."
    ahead = sum(sooner > len(targets) / 2 for _, sooner, _ in lines)
    return f"Over {span}, {found.best} is sooner at most of them than {ahead} of the {len(lines)} other methods."


def _sooner(found: Findings, value: float, a: str, b: str) -> bool:
    """Less trials spent in all, over studies that end when they reach the target or with their last trial."""
    reach = next(target for target in found.targets if target.value == value).units["trials"]
    return bool(reach.times[a].times.mean() < reach.times[b].times.mean())


def _cautions(found: Findings) -> list[str]:
    said = []
    incidences = [
        (
            max(i.low, i.high) / i.studies,
            f"{name} of {label} ({max(i.low, i.high)} of {i.studies} at the {_end(i)} end)",
        )
        for label, of_method in found.boundaries.items()
        for name, i in of_method.items()
        if i.too_narrow
    ]
    narrow = [text for _, text in sorted(incidences, key=lambda pair: -pair[0])]
    if len(narrow) > MOST_LISTED:
        narrow = [*narrow[:MOST_LISTED], f"and {len(narrow) - MOST_LISTED} more"]
    if narrow:
        said.append(
            "A range may be too narrow, and the method cheaper or dearer than it seems: " + "; ".join(narrow) + "."
        )
    gaps = [
        f"{label} {interval(gap)}" for label, of_metric in found.gaps.items() for gap in list(of_metric.values())[:1]
    ]
    if gaps and len(gaps) <= 4:
        said.append(
            f"Choosing by validation flatters: {found.curves.objective.name} minus test of the chosen trials is "
            + "; ".join(gaps) + "."
        )  # fmt: skip
    lost = {label: method.lost for label, method in found.curves.methods.items() if method.lost}
    if lost:
        listed = ", ".join(f"{label} {count}" for label, count in lost.items())
        chance = Objective.text(found.curves.objective.chance)
        said.append(f"Trials that diverged or failed count as spent, at chance ({chance}): {listed}.")
    return said


def _end(incidence: Incidence) -> str:
    return "lower" if incidence.low >= incidence.high else "upper"


def _p(p: float | None) -> str:
    if p is None:
        return "which cannot be tested"
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"


def tested(test: Test) -> str:
    """A test's outcome for a table."""
    if test.adjusted is None:
        return test.reason
    return f"{test.adjusted:.2g}" if test.adjusted >= 1e-4 else "<0.0001"
