"""The report of a comparison: what was measured, as arrays, then as figures, tables and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hpsearch.report.curves import Curves, compute_curves
from hpsearch.report.facts import discussion, report_command
from hpsearch.report.sensitivity import compute_sensitivity
from hpsearch.report.style import KINDS, Look
from hpsearch.tables import Tables, load_tables

__all__ = ["Curves", "Look", "compute_curves", "compute_sensitivity", "write_report", "write_report_of"]

Progress = Callable[[str, int, int], None]


def write_report(
    file: Path,
    folder: Path,
    *,
    targets: Sequence[float] = (),
    look: Look | None = None,
    progress: Progress = lambda *_: None,
) -> list[Path]:
    """Write figures, tables and pages of a database; returns the files.

    A comparison by a searcher that searches is reported as best-so-far against trials; one by a searcher that tries
    given configurations as results against what was varied.

    Args:
        file: the database; a run may be writing it.
        folder: to write into, made where it is missing.
        targets: objectives, beside the quantiles of all results, until which trials are counted.
        look: of the figures.
        progress: told of each part.
    """
    return write_report_of(load_tables(file), file, folder, targets=targets, look=look, progress=progress)


def write_report_of(
    tables: Tables,
    file: Path,
    folder: Path,
    *,
    targets: Sequence[float] = (),
    look: Look | None = None,
    warnings: Sequence[str] = (),
    progress: Progress = lambda *_: None,
) -> list[Path]:
    """`write_report` of tables that are loaded already, perhaps from several files; `warnings` stand on the pages."""
    from hpsearch.spec import searches

    command = report_command(tables, file, targets, look or Look())
    tables = replace(tables, comparison={**tables.comparison, "report": command})
    folder.mkdir(parents=True, exist_ok=True)
    trials, page = folder / "trials.csv", folder / "README.md"
    named = tables.comparison["spec"]["searcher"]
    if named.get("confirms"):
        from hpsearch.report.confirmed import write_confirmed

        written = write_confirmed(tables, file, folder, look or Look())
        tables.trials.to_csv(trials, index=False)
        return [*written, trials]
    if searches(named["name"]):
        written = _search(tables, file, page, targets, look or Look(), warnings, progress)
    else:
        written = _sensitivity(tables, file, page, look or Look(), progress)
    tables.trials.to_csv(trials, index=False)
    return [*written, trials, page]


def _search(
    tables: Tables,
    file: Path,
    page: Path,
    targets: Sequence[float],
    look: Look,
    warnings: Sequence[str],
    progress: Progress,
) -> list[Path]:
    from hpsearch.report.cost_figures import draw_extra, draw_reach
    from hpsearch.report.document import document
    from hpsearch.report.figure import draw_figure
    from hpsearch.report.findings import compute_findings
    from hpsearch.report.html import write_html
    from hpsearch.report.latex import write_latex
    from hpsearch.report.search_page import write_page

    found = compute_findings(tables, targets, progress)
    curves, reach, extra = (_figures(page, name) for name in ("curves", "reach", "extra"))
    progress("figures", 0, 3)
    draw_figure(found.curves, curves, look)
    progress("figures", 1, 3)
    draw_reach(found, reach, look)
    progress("figures", 2, 3)
    if found.extra:
        draw_extra(found, extra, look)
    progress("figures", 3, 3)
    figures = [*curves, *reach, *(extra if found.extra else [])]
    table, latex, html = (page.with_name(name) for name in ("curves.csv", "tables.tex", "index.html"))
    found.curves.table().to_csv(table, index=False)
    write_latex(found, latex)
    write_html(document(found, file, list(warnings)), html, discussion(page.parent))
    write_page(found, file, page, warnings)
    return [*figures, table, latex, html]


def _figures(page: Path, name: str) -> list[Path]:
    return [page.with_name(f"{name}.{kind}") for kind in KINDS]


def _sensitivity(tables: Tables, file: Path, page: Path, look: Look, progress: Progress) -> list[Path]:
    from hpsearch.report.sensitivity_figures import draw_epochs, draw_responses
    from hpsearch.report.sensitivity_page import write_sensitivity_page

    found = compute_sensitivity(tables)
    responses, epochs = (_figures(page, name) for name in ("responses", "epochs"))
    progress("figures", 0, 2)
    draw_responses(found, responses, look)
    progress("figures", 1, 2)
    if found.curves:
        draw_epochs(found, epochs, look)
    progress("figures", 2, 2)
    written = [*responses, *(epochs if found.curves else [])]
    written.append(page.with_name("responses.csv"))
    found.table().to_csv(written[-1], index=False)
    if found.curves:
        written.append(page.with_name("epochs.csv"))
        found.epochs_table().to_csv(written[-1], index=False)
    write_sensitivity_page(tables, found, file, page)
    return written
