"""The page of a comparison in Markdown: the figure, the tables, and what made them."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np

from hpsearch.report.curves import Curves
from hpsearch.report.facts import discussion, heading, provenance_table, space_table
from hpsearch.report.markdown import interval, plain, table
from hpsearch.statistics.bootstrap import bootstrap_mean
from hpsearch.tables import Tables
from hpsearch.task import Objective

PAIRS_LISTED = 3
"""More methods than this are compared in a matrix: the list of their pairs would fill pages."""


def write_page(tables: Tables, curves: Curves, file: Path, path: Path) -> None:
    """Write the page. Every number has its n, and every interval is a 95% percentile bootstrap over studies."""
    sections = [
        heading(tables),
        *_progress(curves),
        f"![Best {curves.objective.name} so far against trials](curves.png)",
        "(Also as [SVG](curves.svg) and [PDF](curves.pdf).) Each dot is the best so far of one study; the line is "
        "their mean, the band its 95% bootstrap interval. The worst one in a hundred dots may lie outside: the picture "
        "says how many do.",
        *discussion(path.parent),
        "## Best objective\n\n" + _best_table(curves),
        "## Trials to the other's final level\n\n" + _reach(curves),
        "## Search spaces\n\n" + space_table(tables),
        "## What made this\n\n" + provenance_table(tables, file),
    ]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _progress(curves: Curves) -> list[str]:
    finished, planned = curves.planned
    if finished == planned:
        return []
    return [f"**Not finished**: {finished} of {planned} trials; the curves end at trial {curves.trials}."]


def _best_table(curves: Curves) -> str:
    metrics = curves.metrics
    rows = [["method", "studies", f"final best {curves.objective.name}", *metrics, "trials lost"]]
    for label, method in curves.methods.items():
        final = bootstrap_mean(method.incumbents[:, -1])
        cells = []
        for metric in metrics:
            values = np.asarray(method.chosen[metric], np.float64)
            cells.append(interval(bootstrap_mean(values)) if np.isfinite(values).all() else "not measured in all")
        rows.append([plain(label), str(len(method.incumbents)), interval(final), *cells, str(method.lost)])
    note = (
        "Mean over studies (95% bootstrap interval). The columns after the objective are of the configuration "
        "that each study chose by its objective. A lost trial diverged or failed; it "
        "counts as spent, at chance level."
    )
    return f"{table(rows)}\n\n{note}"


def _reach(curves: Curves) -> str:
    labels = list(curves.methods)
    if len(labels) < 2:
        return "There is only one method."
    levels = {label: Objective.text(float(method.mean.estimate[-1])) for label, method in curves.methods.items()}
    if len(labels) <= PAIRS_LISTED:
        rows = [["method", "reaches the final mean level of", "level", "after trials (95% interval)"]]
        for method, other in permutations(labels, 2):
            rows.append([plain(method), plain(other), levels[other], str(curves.to_final_level(method, other))])
    else:
        rows = [["method", *(f"{plain(other)} {levels[other]}" for other in labels)]]
        for method in labels:
            cells = ["" if method == other else curves.to_final_level(method, other).brief for other in labels]
            rows.append([plain(method), *cells])
    note = (
        "The first trial at which the method's mean incumbent is as good as the other's at its last trial"
        + ("" if len(labels) <= PAIRS_LISTED else ", which each column names with its level")
        + ". The interval draws the studies of both anew (10,000 times); draws that never get there are kept."
    )
    return f"{table(rows)}\n\n{note}"
