"""The report of a comparison: what was measured, as arrays, then as figures, tables and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hpsearch.contracts.progress import Progress, silent
from hpsearch.report.context import ReportContext, searches
from hpsearch.report.facts import discussion, heading, provenance_table
from hpsearch.report.folder import PAGE, check_folder, write_sections
from hpsearch.report.search.curves import Curves, compute_curves
from hpsearch.report.search.values import compute_incumbents
from hpsearch.report.sensitivity.results import compute_sensitivity
from hpsearch.report.style import KINDS, Look
from hpsearch.store.tables import load_tables

__all__ = [
    "Curves", "Look", "ReportContext", "check_folder", "compute_curves", "compute_incumbents", "compute_sensitivity",
    "write_report", "write_report_of",
]  # fmt: skip


def write_report(
    file: Path,
    folder: Path,
    *,
    targets: Sequence[float] = (),
    look: Look | None = None,
    confirmed: Path | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write figures, tables and pages of a database; returns the files.

    The report shows best-so-far against trials, or, if the searcher tries given configurations, results against what
    was varied.

    Args:
        file: the database; a run may be writing it.
        folder: where to write: a new folder, an empty one, or an earlier report's.
        targets: objectives until which trials are counted, beside the quantiles of all results.
        look: how figures are drawn.
        confirmed: a database that `hpsearch confirm` made of it: what incumbents are worth with fresh seeds.
        progress: told about each part.
    """
    context = ReportContext.of_file(file, load_tables(file), targets=tuple(targets), look=look)
    if confirmed is not None:
        context = replace(context, confirmation=(confirmed, load_tables(confirmed)))
    return write_report_of(context, folder, progress)


def write_report_of(context: ReportContext, folder: Path, progress: Progress = silent) -> list[Path]:
    """Write the report of loaded tables, perhaps from several files; returns the written files.

    Raises FileError if the folder holds something else than an earlier report.
    """
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    first = context.tables.parts[0]  # several comparisons share a page only if each of them searches
    trials, page = folder / "trials.csv", folder / PAGE
    if not page.exists():  # a report that is interrupted is known as one by the next
        write_sections([heading(context), "This report was not written to its end.", provenance_table(context)], page)
    if first.spec.confirm is not None:
        written = _confirmed(context, page)
    elif searches(first):
        written = _search(context.begun(), page, progress)
    else:
        written = _sensitivity(context.begun(), page, progress)
    context.tables.trials.to_csv(trials, index=False)
    return [*written, trials, page]


def _search(context: ReportContext, page: Path, progress: Progress) -> list[Path]:
    from hpsearch.report.html import write_html
    from hpsearch.report.search.cost_figures import draw_extra, draw_reach
    from hpsearch.report.search.document import document
    from hpsearch.report.search.figure import draw_figure
    from hpsearch.report.search.findings import compute_findings
    from hpsearch.report.search.latex import write_latex
    from hpsearch.report.search.methods import write_methods
    from hpsearch.report.search.page import write_page

    confirmed = context.confirmation[1] if context.confirmation else None
    found = compute_findings(context.tables, context.targets, progress, confirmed)
    curves, reach, extra = (_figures(page, name) for name in ("curves", "reach", "extra"))
    progress("figures", 0, 3)
    draw_figure(found.curves, curves, context.look)
    progress("figures", 1, 3)
    draw_reach(found, reach, context.look)
    progress("figures", 2, 3)
    if found.extra:
        draw_extra(found, extra, context.look)
    progress("figures", 3, 3)
    figures = [*curves, *reach, *(extra if found.extra else [])]
    table, latex, html = (page.with_name(name) for name in ("curves.csv", "tables.tex", "index.html"))
    found.curves.table().to_csv(table, index=False)
    write_latex(found, latex)
    write_html(document(found, context), html, discussion(page.parent))
    methods = write_methods(found, context, page.parent)
    write_page(found, context, page)
    return [*figures, table, latex, *methods, html]


def _confirmed(context: ReportContext, page: Path) -> list[Path]:
    from hpsearch.report.confirmed import compute_confirmed, write_confirmed
    from hpsearch.report.confirmed_methods import write_confirmed_methods

    found = compute_confirmed(context.tables)
    written = write_confirmed(found, context, page)
    return [*written, *write_confirmed_methods(found, context, page.parent)]


def _figures(page: Path, name: str) -> list[Path]:
    return [page.with_name(f"{name}.{kind}") for kind in KINDS]


def _sensitivity(context: ReportContext, page: Path, progress: Progress) -> list[Path]:
    from hpsearch.report.sensitivity.figures import draw_epochs, draw_responses
    from hpsearch.report.sensitivity.methods import write_sensitivity_methods
    from hpsearch.report.sensitivity.page import write_sensitivity_page

    found = compute_sensitivity(context.tables)
    responses, epochs = (_figures(page, name) for name in ("responses", "epochs"))
    progress("figures", 0, 2)
    draw_responses(found, responses, context.look)
    progress("figures", 1, 2)
    if found.curves:
        draw_epochs(found, epochs, context.look)
    progress("figures", 2, 2)
    written = [*responses, *(epochs if found.curves else [])]
    written.append(page.with_name("responses.csv"))
    found.table().to_csv(written[-1], index=False)
    if found.curves:
        written.append(page.with_name("epochs.csv"))
        found.epochs_table().to_csv(written[-1], index=False)
    write_sensitivity_page(context, found, page)
    return [*written, *write_sensitivity_methods(found, context, page.parent)]
