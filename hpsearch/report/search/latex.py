"""Tables for a paper: LaTeX with booktabs, numbers with their intervals and n in the caption."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from hpsearch.contracts.objective import Objective
from hpsearch.report.markdown import extra_text
from hpsearch.report.search.findings import Findings
from hpsearch.report.search.page import moments
from hpsearch.report.search.verdict import whole
from hpsearch.report.tex import escaped
from hpsearch.statistics.bootstrap import Interval
from hpsearch.statistics.kaplan_meier import Survival

OTHER_SCRIPTS = re.compile(r"[^\x00-\u024f]")


def write_latex(found: Findings, path: Path) -> None:
    """Write one file with three tables, to be included in a paper that uses the package booktabs."""
    curves, target = found.curves, found.shown()
    name = escaped(curves.objective.name)
    counts = sorted({len(method.incumbents) for method in curves.methods.values()})
    n = f"$n = {counts[0]}$" if len(counts) == 1 else f"$n = {counts[0]}$ to ${counts[-1]}$"
    finals = [
        [escaped(label), _interval(method.final), _interval(found.areas[label])]
        for label, method in curves.methods.items()
    ]
    reach = target.units[found.unit]
    reached = [
        [escaped(label), _median(reach.survival[label], reach.spent), f"{int(t.reached.sum())}/{len(t.reached)}"]
        for label, t in reach.times.items()
    ]
    text = [
        "% Made by hpsearch report; needs \\usepackage{booktabs}.",
        latex_table(
            f"Best {name} after {whole(found)}, and its mean over all trials (area under the best-so-far "
            f"curve): means over studies with 95\\% bootstrap intervals, {n} studies per method.",
            "final", ["Method", f"Final best {name}", "Area"], finals,
        ),
        latex_table(
            f"{found.unit.capitalize()} until the best {name} reaches {Objective.text(target.value)}: Kaplan--Meier "
            "medians with 95\\% intervals, studies that do not reach it censored, and how many reach it.",
            "target", ["Method", f"Median {found.unit}", "Reached"], reached,
        ),
        *([_extra_table(found, n)] if found.extra else []),
    ]  # fmt: skip
    if OTHER_SCRIPTS.search("".join(text)):
        text.insert(1, "% Its names need LuaLaTeX or XeLaTeX, and fonts that have their letters.")
    path.write_text("\n\n".join(text) + "\n", encoding="utf-8")


def _extra_table(found: Findings, n: str) -> str:
    after = moments(found.curves.trials)
    rows = [
        [escaped(b), escaped(a), *(extra_text(found.extra[a, b], t, "$") for t in after)]
        for a, b in found.extra
        if found.best in (a, b)
    ]
    return latex_table(
        f"How many more trials the first method needs to reach what the second has after so many, less those that it "
        f"took the second to get there: mean incumbents, 95\\% bootstrap intervals, {n} studies per method.",
        "extra", ["Method", "has what", *(f"after {t}" for t in after)], rows,
    )  # fmt: skip


def latex_table(caption: str, label: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are LaTeX already, the first column to the left and all others to the right."""
    lines = [" & ".join(row) + r" \\" for row in rows]
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{caption}}}", rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", " & ".join(head) + r" \\", r"\midrule",
        *lines, r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ])  # fmt: skip


def _interval(found: Interval) -> str:
    estimate, low, high = (float(v) for v in (found.estimate, found.low, found.high))
    if not math.isfinite(low):
        return Objective.text(estimate)
    return f"{Objective.text(estimate)} ({Objective.text(low)}--{Objective.text(high)})"


def _median(survival: Survival, spent: float) -> str:
    estimate, low, high = (
        f"$>{spent:g}$" if math.isinf(v) else f"{v:g}"
        for v in (survival.median, survival.median_low, survival.median_high)
    )
    return estimate if math.isnan(survival.median_low) else f"{estimate} ({low}--{high})"
