"""The page of a search in Markdown: the figure, the tables, and what made them."""

from __future__ import annotations

import math
from itertools import permutations
from pathlib import Path

import numpy as np

from hpsearch.contracts.objective import Objective
from hpsearch.report.context import ReportContext
from hpsearch.report.facts import (
    counted_at,
    discussion_section,
    heading,
    provenance_table,
    searcher_name,
    space_table,
)  # fmt: skip
from hpsearch.report.folder import write_sections
from hpsearch.report.markdown import extra_text, interval, plain, table
from hpsearch.report.search.findings import Findings, Reach
from hpsearch.report.search.headline import Headline, headline
from hpsearch.report.search.truth import by_what, choosing_text, endpoints_table, values_table
from hpsearch.report.search.tuners import tuner_section
from hpsearch.report.search.values import RECORDED
from hpsearch.report.search.verdict import SIGNIFICANT, sentences, tested
from hpsearch.statistics.bootstrap import Interval, bootstrap_mean
from hpsearch.statistics.coverage import coverage
from hpsearch.statistics.running_time import Ratio, attained, expected_running_time
from hpsearch.statistics.tunability import NotIndependent, expected_best, objective_quantiles
from hpsearch.store.tables import numbers

MATRIX = 15
"""With more methods than this, the page compares each only with the one that ends best."""
EXTRA_FIGURE = "![More trials that the others need](extra.png)\n\n(As [SVG](extra.svg) and [PDF](extra.pdf).)"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BUDGETS = (1, 2, 5, 10, 25, 50, 100)
PAIRS_LISTED = 3
"""With more methods than this, tables have a column for each instead of a list of pairs, which would fill pages."""


def write_page(found: Findings, context: ReportContext, path: Path) -> None:
    """Write the page. Every number has its n, and every interval is a 95% interval over studies."""
    curves = found.curves
    sections = [
        heading(context),
        _first_screen(headline(found, context)),
        "\n".join(f"- {plain(sentence)}" for sentence in sentences(found)),
        f"![Best {plain(curves.objective.name)} so far against trials](curves.png)",
        "(Also as [SVG](curves.svg) and [PDF](curves.pdf).) [index.html](index.html) lets one explore it: every study, "
        "target and space, all trials, and what mattered. "
        "Each dot or thin line is the best so far of one study; the "
        "thick line is their mean, the band its 95% bootstrap interval. The worst one in a hundred may lie outside.",
        *discussion_section(path.parent),
        "## What incumbents are worth\n\n" + _worth(found),
        "## Best objective\n\n" + _best_table(found),
        "## Trials to the other's final level\n\n" + _reach(found),
        *([f"## Extra trials\n\n{_extra(found)}\n\n{EXTRA_FIGURE}"] if found.extra else []),
        f"## {found.unit.capitalize()} to a target\n\n{_targets(found)}",
        _running_times(found),
        "![How soon studies reach a target](reach.png)\n\n(As [SVG](reach.svg) and [PDF](reach.pdf).)",
        *(["## Who beats whom\n\n" + _wins(found)] if len(found.labels) > 1 else []),
        *([f"## Under another tuner\n\n{tuners}"] if (tuners := _tuners(found)) else []),
        "## Without a tuner\n\n" + _random(found),
        "## Search spaces\n\n" + space_table(context.tables),
        "## What made this\n\n" + provenance_table(context),
    ]
    write_sections(sections, path)


def _first_screen(first: Headline) -> str:
    """The same words and numbers as on the first screen of the interactive page."""
    rows = [["", "", "95% interval", "of what"]]
    for tile in first.tiles:
        of_what = "; ".join(text.removesuffix(".") for text in (tile.note, tile.more) if text)
        rows.append([tile.title, tile.value, tile.interval.removeprefix("95% interval "), of_what])
    return "\n\n".join(
        [
            plain(" · ".join(first.facts)),
            f"**{plain(first.sentence)}**",
            plain(first.caution.sentence),
            *([table([[plain(cell) for cell in row] for row in rows])] if first.tiles else []),
            *(["\n".join(f"- {plain(limit.brief)}" for limit in first.limits)] if first.limits else []),
        ]
    )


def _worth(found: Findings) -> str:
    tables = [values_table(found), *([endpoints_table(found)] if 1 < len(found.labels) <= MATRIX else [])]
    said = [f"{table([[plain(cell) for cell in row] for row in rows])}\n\n{plain(note)}" for rows, note in tables]
    choosing = choosing_text(found)
    return "\n\n".join([*said, *([plain(choosing)] if choosing else [])])


def _best_table(found: Findings) -> str:
    curves = found.curves
    metrics = curves.metrics
    head = ["method", "studies", f"final best {curves.objective.name}", *metrics]
    rows = [[*map(plain, head), "area under the curve", "trials lost"]]
    for label, method in curves.methods.items():
        cells = []
        for metric in metrics:
            values, ends = numbers(method.chosen[metric]), curves.objective.ends_of(metric)
            cells.append(interval(bootstrap_mean(values).within(ends)))
        cells.append(interval(found.areas[label]))
        rows.append([plain(label), str(len(method.incumbents)), interval(method.final), *cells, str(method.lost)])
    note = (
        f"Mean over studies (95% bootstrap interval; {coverage('mean', curves.least)}). The columns after the "
        f"objective are of the configuration that each study chose {by_what(found)}; the area is the mean of the best "
        "so far over all trials. A lost trial diverged or failed; it counts as spent, "
        f"{plain(counted_at(found.tables))}."
    )
    return f"{table(rows)}\n\n{note}"


def _reach(found: Findings) -> str:
    if len(found.labels) < 2:
        return "There is only one method."
    rows, note = final_levels(found)
    return f"{table([[plain(cell) for cell in row] for row in rows])}\n\n{note}"


def final_levels(found: Findings) -> tuple[list[list[str]], str]:
    """Table of the trials after which each method has what another ends with: rows, the head first, and a note."""
    curves, recorded = found.curves, found.incumbents.values[RECORDED]
    labels = list(curves.methods)
    levels = {label: Objective.text(float(method.mean.estimate[-1])) for label, method in curves.methods.items()}
    if len(labels) <= PAIRS_LISTED:
        rows = [["method", "reaches the final mean level of", "level", "after trials (95% interval)"]]
        for method, other in permutations(labels, 2):
            rows.append([method, other, levels[other], str(recorded.to_final_level(method, other))])
    else:
        others = labels if len(labels) <= MATRIX else [found.best]
        rows = [["method", *(f"{other} {levels[other]}" for other in others)]]
        for method in labels:
            cells = ["" if method == other else recorded.to_final_level(method, other).brief for other in others]
            rows.append([method, *cells])
    note = (
        "The first trial at which the method's mean incumbent is as good as the other's at its last trial"
        + ("" if len(labels) <= PAIRS_LISTED else ", which each column names with its level")
        + ". The interval draws the studies of both anew (10,000 times); draws that never get there are kept "
        f"({coverage('extra trials', curves.least)})."
    )
    return rows, note


def _extra(found: Findings) -> str:
    """Extra trials after some of the trials; the interactive page has all of them."""
    after = moments(found.curves.trials)
    shown = [pair for pair in found.extra if found.best in pair]
    rows = [["method", "to reach what this one has", *(f"after {t}" for t in after)]]
    rows += [[plain(b), plain(a), *(extra_text(found.extra[a, b], t) for t in after)] for a, b in shown]
    note = (
        "How many more trials the first method needs to reach what the second has after so many, less those that it "
        "took the second to get there: mean incumbents, 95% bootstrap interval, and a level that is never reached "
        f"counts as more than the trials that were left ({coverage('extra trials', found.curves.least)})."
    )
    return f"{table(rows)}\n\n{note}"


def moments(trials: int) -> list[int]:
    """Trials for the columns of a table of extra trials: a fifth of all, two fifths, and so on."""
    return sorted({max(1, round(trials * share)) for share in (0.2, 0.4, 0.6, 0.8, 1.0)})


def _targets(found: Findings) -> str:
    labels = found.labels
    unit = found.unit
    tests = sum(len(target.units[unit].tests) for target in found.targets) > 0 and len(labels) <= PAIRS_LISTED
    rows = [["target", *map(plain, labels), *(["log-rank p, Holm-adjusted"] if tests else [])]]
    for target in found.targets:
        reach = target.units[unit]
        quantile = "given" if target.share is None else f"as good as {100 * target.share:g}%"
        cells = [_median(reach, label) for label in labels]
        said = "; ".join(
            f"{plain(t.a)}, {plain(t.b)}: {tested(t)}" if len(labels) > 2 else tested(t) for t in reach.tests
        )
        rows.append([f"{Objective.text(target.value)} ({quantile})", *cells, *([said] if tests else [])])
    note = (
        f"Median number of {unit} to the target (95% interval; Kaplan-Meier, by inverting the log-log band) and how "
        "many studies reached it; one that did not is kept as censored. Each target is at least as good as that share "
        "of all results of all methods, so that nobody has picked one "
        f"({coverage('median trials to a target', found.curves.least)})"
        + ("; p is Holm-adjusted over all pairs and targets." if tests else ".")
        + (
            ""
            if found.curves.is_finished
            else " Not finished: this is so far, each study with all that it has had and censored there."
        )
    )
    return f"{table(rows)}\n\n{note}"


def _running_times(found: Findings) -> str:
    """Expected running times to the target that is shown first, and shares of all targets that are reached."""
    target, unit = found.shown(), found.unit
    reach = target.units[unit]
    moments = [reach.spent * share for share in (0.2, 0.4, 1.0)]
    if unit == "trials":
        moments = [float(max(1, round(moment))) for moment in moments]
    head = ["method", "studies that reach it", f"expected {unit}", f"times as many as {plain(found.best)}"]
    rows = [[*head, *(f"targets reached by {moment:g}" for moment in moments)]]
    own = [t.units[unit].times for t in found.targets if t.share is not None]
    for label in found.labels:
        times = reach.times[label]
        shares = attained([of[label] for of in own], np.array(moments))
        ratio = _ratio_text(reach.ratios[label]) if label in reach.ratios else ""
        expected = expected_running_time(times)
        cells = [
            f"{int(times.reached.sum())} of {len(times.reached)}",
            "never" if math.isinf(expected) else f"{expected:.3g}",
            ratio,
        ]
        rows.append([plain(label), *cells, *(f"{share:.0%}" for share in shares)])
    note = (
        f"Expected {unit} to {Objective.text(target.value)} if a study that misses it is followed by another: all that "
        "the studies spent over how many of them reached it (Hansen et al. 2016), and its ratio (95% bootstrap "
        f"interval over studies). The last columns are the share of all pairs of a study and one of the {len(own)} "
        "targets that is reached by so much."
    )
    return f"{table(rows)}\n\n{note}"


def _ratio_text(ratio: Ratio) -> str:
    if math.isnan(ratio.estimate):
        return "neither reaches it"
    said = "never reaches it" if math.isinf(ratio.estimate) else f"{ratio.estimate:.2g}"
    if math.isnan(ratio.low):
        return f"{said} (too few studies for an interval)"
    low, high = ("without limit" if math.isinf(end) else f"{end:.2g}" for end in (ratio.low, ratio.high))
    return f"{said} ({low} to {high})"


def _tuners(found: Findings) -> str:
    rows, notes = tuner_section(found)
    if not rows:
        return ""
    *said, note = map(plain, notes)
    listed = "\n".join(f"- {sentence}" for sentence in said)
    return f"{listed}\n\n{table([[plain(cell) for cell in row] for row in rows])}\n\n{note}"


def _random(found: Findings) -> str:
    rows, notes = without_tuner(found)
    tables = [table([[plain(cell) for cell in row] for row in rows])] if len(rows) > 1 else []
    return "\n\n".join([*tables, *map(plain, notes)])


def without_tuner(found: Findings) -> tuple[list[list[str]], list[str]]:
    """Table of what random configurations give, unless trials depend on each other: rows, the head first, and notes."""
    curves = found.curves
    sign = 1.0 if curves.maximise else -1.0
    budgets = [n for n in BUDGETS if n <= curves.trials]
    rows = [["method", "trials", *(f"{100 * q:g}%" for q in QUANTILES), *(f"best of {n}" for n in budgets)]]
    refused: dict[str, list[str]] = {}
    for label, method in curves.methods.items():
        drawn, searcher = sign * method.objectives[np.isfinite(method.objectives)], searcher_name(found.tables, label)
        try:
            quantiles = objective_quantiles(drawn, QUANTILES, independent=searcher == "random")
            best = expected_best(drawn, budgets, independent=searcher == "random")
        except NotIndependent as error:
            refused.setdefault(f"by the searcher {searcher}: {error}", []).append(label)
            continue
        ordered = quantiles if curves.maximise else quantiles[::-1]
        rows.append([label, str(len(drawn)), *(Objective.text(float(sign * x)) for x in (*ordered, *best))])
    note = (
        "Quantiles of the objective over the space, and the expected best of n random trials, without intervals: of "
        "all trials of all studies."
    )
    refusals = [
        f"Quantiles over the space and the expected best of n are not given for {', '.join(labels)}, searched {reason}."
        for reason, labels in refused.items()
    ]
    return rows, ([note] if len(rows) > 1 else []) + refusals


def _median(reach: Reach, label: str) -> str:
    survival, times = reach.survival[label], reach.times[label]
    estimate, low, high = (
        f">{reach.spent:g}" if math.isinf(value) else f"{value:g}"
        for value in (survival.median, survival.median_low, survival.median_high)
    )
    median = estimate if math.isnan(survival.median_low) else f"{estimate} ({low}-{high})"
    return f"{median}, {int(times.reached.sum())} of {len(times.reached)}"


def _wins(found: Findings) -> str:
    labels, least = found.labels, found.curves.least
    order = sorted(range(len(labels)), key=lambda i: float(found.ranks.estimate[i]))
    rows = [["method", "mean rank", *(plain(labels[i]) for i in order)]]
    for i in order:
        rank = interval(Interval(found.ranks.estimate[i], found.ranks.low[i], found.ranks.high[i]))
        rows.append([plain(labels[i]), rank, *("" if i == j else _win(found, labels[i], labels[j]) for j in order)])
    note = (
        "Probability that a study of the row's method ends better than one of the column's (ties half; 95% interval "
        f"for few methods; {coverage('probability of superiority', least)})"
        + ("; a star: Holm-adjusted p below 0.05. The " if found.curves.is_finished else ". The ")
        + f"rank is that among one random study of each; 1 is best ({coverage('mean rank', least)})."
    )
    return f"{table(rows)}\n\n{note}"


def _win(found: Findings, a: str, b: str) -> str:
    s = found.beats(a, b)
    star = "\\*" if s.p is not None and s.p < SIGNIFICANT else ""
    return f"{s.estimate:.2f}{star}" + (f" ({s.low:.2f} to {s.high:.2f})" if len(found.labels) <= PAIRS_LISTED else "")
