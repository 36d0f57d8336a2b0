"""Whether a verdict holds under another tuner: pairs of methods that the same several searchers have searched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from hpsearch.contracts.space import space_as_json
from hpsearch.report.facts import with_settings
from hpsearch.report.markdown import extra_text
from hpsearch.report.search.findings import ALL_PAIRS, Findings, middle_trial
from hpsearch.report.search.verdict import SIGNIFICANT, p_text, whole
from hpsearch.report.text import listed
from hpsearch.statistics.coverage import coverage
from hpsearch.statistics.extra_trials import ExtraTrials, extra_trials
from hpsearch.statistics.superiority import Superiority
from hpsearch.statistics.ties import Mean, largest
from hpsearch.store.tables import Tables


@dataclass(frozen=True)
class Under:
    """Two methods under one tuner.

    Attributes:
        tuner: its name, with the settings that tell it from others of the name.
        studies: how many the two methods have.
        chance: probability that a study of the first ends better than one of the second; its p is Holm-adjusted over
            all pairs of the page.
        extra: how many more trials the second needs to reach what the first has.
    """

    tuner: str
    studies: tuple[int, int]
    chance: Superiority
    extra: ExtraTrials

    @property
    def ends(self) -> int:
        """1 if the first method ends better, -1 if the second does, 0 if that is not decided."""
        if self.chance.p is None or self.chance.p >= SIGNIFICANT:
            return 0
        return 1 if self.chance.estimate > 0.5 else -1

    def needs(self, after: int) -> int:
        """1 if the second method needs more trials to what the first has after so many, -1 if fewer, 0 if undecided."""
        low, high = self.extra.low[after - 1], self.extra.high[after - 1]
        return int(low > 0) - int(high < 0)  # without an interval both are NaN


@dataclass(frozen=True)
class Pair:
    """Two methods, the one that ends better under the first tuner before the other, under each tuner of both."""

    a: str
    b: str
    under: Sequence[Under]


def pairs_across_tuners(found: Findings) -> list[Pair]:
    """All pairs of methods that share two tuners or more; with many methods those with the one that ends best."""
    searched = _searched(found.tables, found.labels)
    shared = [of for of in searched if len(of) > 1]
    pairs = list(combinations(shared, 2))
    if len(shared) > ALL_PAIRS:
        first = [found.labels.index(next(iter(of.values()))) for of in shared]
        best = shared[int(largest({str(i): Mean.of(found.wins[row]) for i, row in enumerate(first)})[0])]
        pairs = [(best, of) for of in shared if of is not best]
    return [_pair(found, a, b) for a, b in pairs if len(a.keys() & b.keys()) > 1]


def _searched(tables: Tables, labels: Sequence[str]) -> list[dict[str, str]]:
    """For each method (the same name, space, schedules and settings) tuner -> label; the first of several labels."""
    tuners = _tuner_names(tables, labels)
    found: dict[str, dict[str, str]] = {}
    for label in labels:
        part = tables.part_with(label)
        settings = {key: value for key, value in part.resolved["methods"][label].items() if key != "searcher"}
        identity = {**settings, "name": part.method_name(label), "space": space_as_json(tables.methods[label])}
        found.setdefault(json.dumps(identity, sort_keys=True), {}).setdefault(tuners[label], label)
    return list(found.values())


def _tuner_names(tables: Tables, labels: Sequence[str]) -> dict[str, str]:
    """Label -> its searcher's name, with those settings in which searchers of that name differ."""
    searchers = {label: tables.part_with(label).searcher(label) for label in labels}
    names = {}
    for label, (name, settings) in searchers.items():
        others = [other for same, other in searchers.values() if same == name]
        told = {key: value for key, value in settings.items() if any(o.get(key) != value for o in others)}
        names[label] = with_settings(name, told)
    return names


def _pair(found: Findings, a: Mapping[str, str], b: Mapping[str, str]) -> Pair:
    tuners = [tuner for tuner in a if tuner in b]
    if found.beats(a[tuners[0]], b[tuners[0]]).estimate < 0.5:
        a, b = b, a
    names = next(iter(a.values())), next(iter(b.values()))
    return Pair(*names, [_under(found, tuner, a[tuner], b[tuner]) for tuner in tuners])


def _under(found: Findings, tuner: str, a: str, b: str) -> Under:
    sign = 1.0 if found.curves.maximise else -1.0
    first, second = (sign * found.curves.methods[label].incumbents for label in (a, b))
    extra = found.extra.get((a, b)) or extra_trials(first, second)
    return Under(tuner, (len(first), len(second)), found.beats(a, b), extra)


def tuner_section(found: Findings) -> tuple[list[list[str]], list[str]]:
    """Table of the pairs under each tuner, the head first, and sentences: a verdict for each pair, then notes.

    Both are empty if no two methods share two tuners, and before the comparison's end, since they say what is decided.
    """
    pairs, end = pairs_across_tuners(found), whole(found)
    if not pairs or not found.curves.is_finished:
        return [], []
    middle = middle_trial(found.curves.trials)
    rows = [[
        "methods", "tuner", "studies", f"first ends better after {end}",
        f"extra trials of the second to what the first has after {middle}",
    ]]  # fmt: skip
    for pair in pairs:
        for under in pair.under:
            s = under.chance
            chance = f"{s.estimate:.2f} ({s.low:.2f} to {s.high:.2f}; {p_text(s.p, s.at_floor)})"
            studies = ", ".join(str(n) for n in dict.fromkeys(under.studies))
            rows.append([f"{pair.a}, {pair.b}", under.tuner, studies, chance, extra_text(under.extra, middle)])
    least = found.curves.least
    note = (
        f"The probability has a 95% interval ({coverage('probability of superiority', least)}) and a p that is "
        "Holm-adjusted over all pairs of the page; extra trials have a 95% bootstrap interval "
        f"({coverage('extra trials', least)}). Decided means p below {SIGNIFICANT}, or an interval without 0."
    )
    return rows, [*(_sentence(pair, end, middle) for pair in pairs), note]


def _sentence(pair: Pair, end: str, middle: int) -> str:
    ends = _said(pair, [under.ends for under in pair.under])
    needs = _said(pair, [under.needs(middle) for under in pair.under])
    return (
        f"{pair.a} against {pair.b}: who ends better after {end} {ends}; who needs fewer trials to "
        f"what {pair.a} has after {middle} {needs}."
    )


def _said(pair: Pair, signs: Sequence[int]) -> str:
    """Whether the outcomes under all tuners agree: 1 where the first method is ahead, -1 the second, 0 undecided."""
    under = {
        sign: listed([u.tuner for u, s in zip(pair.under, signs, strict=True) if s == sign]) for sign in (1, -1, 0)
    }
    ahead = [f"{name} under {under[sign]}" for sign, name in ((1, pair.a), (-1, pair.b)) if under[sign]]
    if not ahead:
        return f"is decided under none of {under[0]}"
    open_under = f" and is not decided under {under[0]}" if under[0] else ""
    if len(ahead) == 2:
        return f"flips ({', '.join(ahead)}){open_under}"
    return f"is not decided under {under[0]} ({ahead[0]})" if open_under else f"holds ({ahead[0]})"
