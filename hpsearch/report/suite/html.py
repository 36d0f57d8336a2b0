"""The page of a suite for a browser: one file that works offline, with the map drawn in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from hpsearch.contracts.json import Json
from hpsearch.report.amounts import Amounts
from hpsearch.report.html import markdown_html, page_style
from hpsearch.report.suite import words
from hpsearch.report.suite.compute import SuiteFindings, Under

WIDTH, BEYOND = 300.0, 184.0
"""Units of the left drawing's width, and where the right one's axis of trials ends."""
MARGIN = 12.0


def write_suite_html(
    found: SuiteFindings,
    path: Path,
    discussion: Sequence[str],
    blocks: Sequence[tuple[str, Sequence[Sequence[str]], str]],
) -> None:
    """Write the page.

    Args:
        found: what it says.
        path: the file.
        discussion: what somebody wrote about it, in Markdown.
        blocks: tables below the map: title, rows with the head first, and a note.
    """
    template = Environment(autoescape=True).from_string(
        (files("hpsearch.report.suite") / "page.html").read_text(encoding="utf-8")
    )
    scale = _Scale(found)
    first = found.under[0].context.tables.comparison
    path.write_text(
        template.render(
            name=found.suite.name,
            description=found.suite.description,
            style=Markup(page_style()),
            facts=f"{len(found.under)} settings · {', '.join(found.labels)} · {first.repeats} studies × "
            f"{first.spec.length} in the first · values: {', '.join(found.kinds)}",
            finding=words.finding(found),
            flips=words.flips(found),
            pair=found.pair,
            most=scale.most,
            zero=scale.x(0.0),
            rows=[scale.row(under) for under in found.under],
            cautions=words.cautions(found),
            discussion=Markup(markdown_html(discussion)),
            blocks=[{"title": title, "rows": rows, "note": note} for title, rows, note in blocks],
        ),
        encoding="utf-8",
    )


class _Scale:
    """Places on the two axes that all settings share."""

    def __init__(self, found: SuiteFindings) -> None:
        self.found = found
        ends = [v for under in found.under for v in self._scaled(under) if math.isfinite(v)]
        self.low, self.high = min([0.0, *ends]), max([0.0, *ends])
        self.most = max(under.found.curves.trials for under in found.under)

    def _scaled(self, under: Under) -> tuple[float, float, float]:
        """Estimate and interval of the difference; points where the objective is a share."""
        factor = Amounts.of(under.found.curves.objective).factor
        difference = under.difference
        estimate, low, high = (factor * float(v) for v in (difference.estimate, difference.low, difference.high))
        return estimate, low, high

    def x(self, value: float) -> float:
        """Place of a difference, in units of the left drawing."""
        width = (self.high - self.low) or 1.0
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (value - self.low) / width, 2)

    def trial(self, number: int) -> float:
        """Place of a number of trials, in units of the right drawing; what is beyond the last has the shaded end."""
        return round(4 + (BEYOND - 10) * number / self.most, 2) if number <= self.most else BEYOND + 8

    def row(self, under: Under) -> Json:
        """One setting's row."""
        estimate, low, high = self._scaled(under)
        reach, pair = under.reach, self.found.pair
        ends = None if reach is None or reach.low is None or reach.high is None else (reach.low, reach.high)
        return {
            "label": under.setting.label,
            "kind": "unsure" if under.winner is None else "ab"[pair.index(under.winner)],
            "verdict": words.verdict(under),
            "at": self.x(estimate),
            "span": (self.x(low), self.x(high)) if math.isfinite(low) else None,
            "difference": words.difference_text(under),
            "reach": words.reach_text(under),
            "reach_at": None if reach is None else self.trial(reach.estimate),
            "reach_span": None if ends is None else tuple(map(self.trial, ends)),
            "sentence": under.sentence,
        }
