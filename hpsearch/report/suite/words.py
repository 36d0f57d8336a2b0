"""What a suite's report says in sentences."""

from __future__ import annotations

import math

from hpsearch.report.amounts import Amounts
from hpsearch.report.search.headline import NO_INTERVAL
from hpsearch.report.search.values import FRESH
from hpsearch.report.suite.compute import SuiteFindings, Under
from hpsearch.report.text import listed
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.over_settings import OverSettings

MOST_NAMED = 6
"""The most settings that a sentence names; more are counted."""


def finding(found: SuiteFindings) -> str:
    """The headline: how many settings say so, and where the verdict flips."""
    settings = len(found.under)
    if found.supporting is None:
        both = " and ".join(found.pair)
        return f"{both} are told apart in none of {settings} settings."
    winner, times = found.supporting
    loser = next(label for label in found.pair if label != winner)
    if times == settings:
        return f"{winner} ends better than {loser} in all {settings} settings{_reaches(found)}."
    said = f"{winner} ends better than {loser} in {times} of {settings} settings"
    against = [u.setting.label for u in found.under if u.winner == loser]
    unsure = [u.setting.label for u in found.under if u.winner is None]
    if against:
        said += f", {loser} in {len(against)} ({_some(against)})"
    if unsure:
        said += f"; they are not told apart in {len(unsure)} ({_some(unsure)})"
    return f"{said}."


def _reaches(found: SuiteFindings) -> str:
    """The range of trials that the winner of all settings needs, if it gets there in all."""
    reaches = [under.reach for under in found.under if under.reach is not None]
    if len(reaches) < len(found.under) or any(reach.estimate > reach.trials for reach in reaches):
        return ""
    low, high = min(r.estimate for r in reaches), max(r.estimate for r in reaches)
    trials = f"{low} trials" if low == high else f"{low} to {high} trials"
    return f", and needs {trials} to match what the other ends with"


def flips(found: SuiteFindings) -> list[str]:
    """A sentence for each place where the verdict turns round; that there is none, where settings have an order."""
    if found.flips:
        return [f"The verdict flips between {flip.one} and {flip.other}." for flip in found.flips]
    if found.under[0].setting.at and found.supporting is not None:
        return ["Along no axis does it flip from one method to the other."]
    return []


def cautions(found: SuiteFindings) -> list[str]:
    """What limits the finding, the most important first."""
    said = []
    if found.missing:
        said.append(f"Not begun: {_some(found.missing)}.")
    open_ = [u.setting.label for u in found.under if not u.found.curves.is_finished]
    if open_:
        said.append(f"Not finished: {_some(open_)}; these count as not told apart.")
    recorded = [under.setting.label for under in found.under if under.measured.kind != FRESH]
    if recorded and len(recorded) < len(found.under):
        said.append(f"Fresh seeds say what incumbents are worth, but in {_some(recorded)} only recorded values do.")
    elif recorded:
        said.append(
            "All verdicts go by recorded values, each the best of several trials and so flattered by its seed; "
            "hpsearch confirm tells by how much."
        )
    if found.is_joint:
        said.append(
            "Studies of one number have the same seeds in all settings, so that the settings are no independent "
            "evidence; intervals over settings draw the same studies in all of them."
        )
    else:
        said.append("Settings have seeds of their own, and intervals over them draw their studies independently.")
    said.append("Intervals of a setting are its own: they are not adjusted for looking at several settings.")
    return said


def verdict(under: Under) -> str:
    """One setting's verdict in a few words."""
    if under.ahead is None:
        return "equally good"
    if under.is_sure:
        return f"{under.ahead} ends better"
    if not under.found.curves.is_finished:
        return f"so far {under.ahead} is ahead"
    return f"not told apart ({under.ahead} is ahead)"


def difference_text(under: Under) -> str:
    """By how much the pair's first method ends better, with its interval."""
    return amount(under, under.difference)


def amount(under: Under, difference: Interval) -> str:
    """A difference in the setting's unit, with its interval."""
    amounts = Amounts.of(under.found.curves.objective)
    estimate, low, high = (float(v) for v in (difference.estimate, difference.low, difference.high))
    span = amounts.span(low, high) if math.isfinite(low) else NO_INTERVAL
    return f"{amounts.difference(estimate, low, high)} ({span})"


def reach_text(under: Under) -> str:
    """Trials that the method ahead needs to match what the other ends with, with the interval."""
    return "-" if under.reach is None else str(under.reach)


def n_text(under: Under, pair: tuple[str, str]) -> str:
    """Studies of each method."""
    counts = [len(under.measured.methods[label].of) for label in pair]
    return str(counts[0]) if counts[0] == counts[1] else " and ".join(map(str, counts))


def over_text(over: OverSettings, place: int | None = None) -> tuple[str, str]:
    """A mean over settings with both of its intervals, as texts: for these settings, and for such as these."""

    def one(found: Interval | None) -> str:
        if found is None:
            return "too few settings"
        low, high = (float(end if place is None else end[place]) for end in (found.low, found.high))
        return f"{low:.3g} to {high:.3g}" if math.isfinite(low) else NO_INTERVAL

    return one(over.these), one(over.such)


def _some(labels: list[str] | tuple[str, ...]) -> str:
    if len(labels) <= MOST_NAMED:
        return listed(labels)
    return f"{', '.join(labels[: MOST_NAMED - 1])} and {len(labels) - MOST_NAMED + 1} more"
