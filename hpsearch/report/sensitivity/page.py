"""The page of a comparison without a search, in Markdown."""

from __future__ import annotations

from pathlib import Path

from hpsearch.report.context import ReportContext
from hpsearch.report.facts import counted_at, discussion_section, heading, provenance_table, space_table
from hpsearch.report.folder import write_sections
from hpsearch.report.markdown import interval, plain, table
from hpsearch.report.sensitivity.results import Sensitivity, named


def write_sensitivity_page(context: ReportContext, found: Sensitivity, path: Path) -> None:
    """Write the page. Every interval is a 95% interval over trainings."""
    finished, planned = found.planned
    epochs = [
        "## While training\n\n![Training curves of each configuration](epochs.png)\n\n(Also as [SVG](epochs.svg) and "
        "[PDF](epochs.pdf), and as numbers in [epochs.csv](epochs.csv).) Means over the trainings that have a value at "
        "an epoch, with their 95% bootstrap intervals as bands."
    ]
    sections = [
        heading(context),
        *([f"**Not finished**: {finished} of {planned} trainings."] if finished != planned else []),
        f"![{plain(found.objective.name)} against what was varied](responses.png)",
        "(Also as [SVG](responses.svg) and [PDF](responses.pdf).) Means over trainings that differ in their seeds "
        "alone, with 95% bootstrap intervals.",
        *discussion_section(path.parent),
        *(epochs if found.curves else []),
        "## Each configuration\n\n" + _table(found, counted_at(context.tables)),
        "## Values\n\n" + space_table(context.tables),
        "## What made this\n\n" + provenance_table(context),
    ]
    write_sections(sections, path)


def _table(found: Sensitivity, lost_at: str) -> str:
    measures = found.measures()
    metrics = list(dict.fromkeys(name for m in found.methods.values() for r in m.responses for name in r.metrics))
    head = ["method", "configuration", "n", found.objective.name, *metrics]
    rows = [[*map(plain, [*head, *(f"{name}, mean over epochs" for name in measures)]), "lost"]]
    for label, method in found.methods.items():
        for response in method.responses:
            varied = plain(", ".join(named(name, value) for name, value in response.varied.items()))
            cells = [plain(label), varied or "the only one", str(len(response.objectives))]
            cells.append(interval(found.objectives(response)))
            cells += [interval(found.metric(response, m)) if len(response.metrics[m]) else "" for m in metrics]
            cells += [interval(found.over_epochs(response, m)) if len(response.curves[m]) else "" for m in measures]
            rows.append([*cells, str(response.lost)])
    note = (
        "Means over n trainings (95% bootstrap interval). A lost training diverged or failed; it counts in the "
        f"objective, {plain(lost_at)}, and nowhere else."
    )
    return f"{table(rows)}\n\n{note}"
