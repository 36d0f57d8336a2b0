"""All that a suite's report says, computed once: each setting's findings, the pair in question, what holds over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hpsearch.contracts.errors import DifferentError
from hpsearch.contracts.progress import Progress, silent
from hpsearch.report.context import ReportContext, searches
from hpsearch.report.search.findings import Findings, compute_findings
from hpsearch.report.search.headline import headline, is_told_apart
from hpsearch.report.search.values import Measured
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.over_settings import (
    OverSettings,
    mean_over_settings,
    mean_ranks_over_settings,
    performance_ratios,
    share_of_settings,
)
from hpsearch.statistics.running_time import expected_running_time
from hpsearch.statistics.trials_to_level import TrialsToLevel
from hpsearch.store.suite import Setting, Suite
from hpsearch.store.tables import load_tables

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Under:
    """What was found under one setting.

    Attributes:
        setting: its label, file and place on the axes.
        context: its tables and the file of fresh seeds.
        found: its findings.
        sentence: what the report of this setting alone says first.
        ahead: the method of the pair that ends better, by the truest values; None if both end equally well.
        is_sure: whether the two are told apart.
        difference: by how much the pair's first method ends better, in the objective's unit.
        reach: trials that the method ahead needs to match what the other ends with.
        seconds: time of training, all workers together.
    """

    setting: Setting
    context: ReportContext
    found: Findings
    sentence: str
    ahead: str | None
    is_sure: bool
    difference: Interval
    reach: TrialsToLevel | None
    seconds: float

    @property
    def measured(self) -> Measured:
        """The values that its verdict goes by."""
        return self.found.incumbents.truest

    @property
    def winner(self) -> str | None:
        """The method that surely ends better, or None."""
        return self.ahead if self.is_sure else None


@dataclass(frozen=True)
class Flip:
    """Two neighbours on an axis, or in the list, between which the verdict turns round."""

    one: str
    other: str


@dataclass(frozen=True)
class SuiteFindings:
    """What was found over all settings.

    Attributes:
        suite: the suite.
        pair: the two methods in question.
        labels: all methods that every setting has.
        under: settings with results, in the suite's order.
        missing: labels of settings without any.
        flips: between which neighbouring settings the verdict turns round, both sides sure.
        mean: mean of the pair's differences over settings; None if settings measure in different units.
        ranks: mean rank of each of `labels`.
        ratios: expected running time to a target of each setting's own, over the least, (settings, methods).
        supporting: how many settings have the most frequent winner, and which that is; None if none is sure.
        share: of the settings, those that it wins, with an interval from five settings on.
        is_joint: whether studies of equal number share their seeds between settings.
    """

    suite: Suite
    pair: tuple[str, str]
    labels: tuple[str, ...]
    under: tuple[Under, ...]
    missing: tuple[str, ...]
    flips: tuple[Flip, ...]
    mean: OverSettings | None
    ranks: OverSettings
    ratios: Array
    supporting: tuple[str, int] | None
    share: Interval | None
    is_joint: bool

    @property
    def kinds(self) -> list[str]:
        """By what kinds of values the settings' verdicts go."""
        return list(dict.fromkeys(under.measured.kind for under in self.under))


LEAST_FOR_A_SHARE = 5
"""Settings from which on a share of them has an interval."""


def compute_suite(suite: Suite, progress: Progress = silent) -> SuiteFindings:
    """Compute everything. Raises DifferentError if nothing can be compared, FileError if a file cannot be read."""
    computed: list[tuple[Setting, ReportContext, Findings]] = []
    missing = []
    for number, setting in enumerate(suite.settings):
        progress("settings", number, len(suite.settings))
        context = _context(setting)
        if context is None:
            missing.append(setting.label)
            continue
        confirmed = context.confirmation[1] if context.confirmation else None
        computed.append((setting, context, compute_findings(context.tables, confirmed=confirmed)))
    progress("settings", len(suite.settings), len(suite.settings))
    if not computed:
        raise DifferentError(f"{suite.name}: no setting has a finished trial yet; run it with hpsearch run")
    first = computed[0][2]
    labels = tuple(label for label in first.labels if all(label in found.labels for *_, found in computed))
    if len(labels) < 2:
        raise DifferentError(
            f"{suite.name}: its settings have not two methods in common, so that nothing is compared in all of them"
        )
    finals = [[_finals(found, label) for *_, found in computed] for label in labels]
    joint = _share_seeds([context for _, context, _ in computed])
    ranks = mean_ranks_over_settings(finals, joint=joint)
    best = np.argsort(ranks.these.estimate, kind="stable")
    one, other = sorted(best[:2])  # in the order of the study file, so that the sign of a difference is the reader's
    pair = labels[one], labels[other]
    under = tuple(_under(*each, pair) for each in computed)
    alike = len({(f.curves.objective.name, f.curves.objective.unit, f.curves.objective.bounds) for *_, f in computed})
    winners = [each.winner for each in under if each.winner is not None]
    most = max(dict.fromkeys(winners), key=winners.count, default=None)
    supporting = None if most is None else (most, winners.count(most))
    return SuiteFindings(
        suite=suite,
        pair=pair,
        labels=labels,
        under=under,
        missing=tuple(missing),
        flips=tuple(_flips(under)),
        mean=mean_over_settings(finals[one], finals[other], joint=joint) if alike == 1 else None,
        ranks=ranks,
        ratios=performance_ratios(np.array([[_cost(each.found, label) for label in labels] for each in under])),
        supporting=supporting,
        share=share_of_settings(supporting[1], len(under))
        if supporting is not None and len(under) >= LEAST_FOR_A_SHARE
        else None,
        is_joint=joint,
    )


def _context(setting: Setting) -> ReportContext | None:
    """A setting's tables; None if there are none yet, or no method has a finished trial."""
    if not setting.file.is_file():
        return None
    tables = load_tables(setting.file)
    if not searches(tables.comparison):
        raise DifferentError(f"{setting.file}: searches nothing, so that it has no verdict: take it out of the folder")
    if not (tables.trials["state"] != "proposed").any():
        return None
    context = ReportContext.of_file(setting.file, tables).begun()
    if setting.confirmed is None or set(context.tables.methods) != set(tables.methods):
        return context
    return replace(context, confirmation=(setting.confirmed, load_tables(setting.confirmed)))


def _finals(found: Findings, label: str) -> Array:
    """What a method's studies end with by the truest values, larger is better, (studies,)."""
    measured = found.incumbents.truest
    values = measured.methods[label].of[:, -1]
    return values if measured.maximise else -values


def _share_seeds(contexts: Sequence[ReportContext]) -> bool:
    """Whether all settings have one seed and as many studies, so that studies of one number share their seeds."""
    return len({(c.tables.comparison.seed, c.tables.comparison.repeats) for c in contexts}) == 1


def _under(setting: Setting, context: ReportContext, found: Findings, pair: tuple[str, str]) -> Under:
    measured, (a, b) = found.incumbents.truest, pair
    difference = measured.difference(a, b)
    by = float(difference.estimate)
    ahead, behind = (a, b) if by > 0 else (b, a)
    seconds = float(context.tables.trials["seconds"].astype(float).sum())
    return Under(
        setting=setting,
        context=context,
        found=found,
        sentence=headline(found, context).sentence,
        ahead=ahead if by != 0 else None,
        is_sure=found.curves.is_finished and by != 0 and is_told_apart(found, measured, ahead, behind),
        difference=difference,
        reach=measured.to_final_level(ahead, behind) if by != 0 else None,
        seconds=seconds,
    )


def _cost(found: Findings, label: str) -> float:
    """Expected running time to the target that the setting's report shows first."""
    return expected_running_time(found.shown().units[found.unit].times[label])


def _flips(under: Sequence[Under]) -> list[Flip]:
    """Neighbours with different sure winners along each axis of numbers, with the other axes fixed.

    A setting between them that tells nothing apart is passed over: the verdict turns somewhere between the two.
    """
    placed = [each for each in under if each.setting.at]
    found = []
    for axis in placed[0].setting.at if placed else ():
        lines: dict[tuple[object, ...], list[Under]] = {}
        for each in placed:
            fixed = tuple(value for name, value in each.setting.at.items() if name != axis)
            lines.setdefault(fixed, []).append(each)
        for line in lines.values():
            if not _is_ordered([each.setting.at[axis] for each in line]):
                continue
            sure = [each for each in sorted(line, key=lambda each: float(each.setting.at[axis])) if each.winner]
            found += [Flip(a.setting.label, b.setting.label) for a, b in pairwise(sure) if a.winner != b.winner]
    return found


def _is_ordered(values: Sequence[object]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
