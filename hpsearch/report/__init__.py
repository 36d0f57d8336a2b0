"""The report of a comparison: what was measured, as arrays, then as figures, tables and page."""

from __future__ import annotations

from pathlib import Path

from hpsearch.report.curves import Curves, compute_curves
from hpsearch.report.sensitivity import compute_sensitivity
from hpsearch.report.style import KINDS
from hpsearch.tables import Tables, load_tables

__all__ = ["Curves", "compute_curves", "compute_sensitivity", "write_report"]


def write_report(file: Path, folder: Path) -> list[Path]:
    """Write figures (PNG for the page, SVG and PDF for a paper), tables and page of a database; returns the files.

    A comparison by a searcher that searches is reported as best-so-far against trials; one by a searcher that tries
    given configurations as results against what was varied.
    """
    from hpsearch.spec import Named, load_searcher

    tables = load_tables(file)
    folder.mkdir(parents=True, exist_ok=True)
    trials, page = folder / "trials.csv", folder / "README.md"
    tables.trials.to_csv(trials, index=False)
    searcher = load_searcher(Named(name=tables.comparison["spec"]["searcher"]["name"]))
    write = _search if getattr(searcher, "searches", True) else _sensitivity
    return [*write(tables, file, page), trials, page]


def _search(tables: Tables, file: Path, page: Path) -> list[Path]:
    from hpsearch.report.figure import draw_figure
    from hpsearch.report.page import write_page

    curves = compute_curves(tables)
    figures = [page.with_name(f"curves.{kind}") for kind in KINDS]
    for figure in figures:
        draw_figure(curves, figure)
    table = page.with_name("curves.csv")
    curves.table().to_csv(table, index=False)
    write_page(tables, curves, file, page)
    return [*figures, table]


def _sensitivity(tables: Tables, file: Path, page: Path) -> list[Path]:
    from hpsearch.report.sensitivity_figures import draw_epochs, draw_responses
    from hpsearch.report.sensitivity_page import write_sensitivity_page

    found = compute_sensitivity(tables)
    written = []
    for kind in KINDS:
        written.append(page.with_name(f"responses.{kind}"))
        draw_responses(found, written[-1])
        if found.curves:
            written.append(page.with_name(f"epochs.{kind}"))
            draw_epochs(found, written[-1])
    written.append(page.with_name("responses.csv"))
    found.table().to_csv(written[-1], index=False)
    if found.curves:
        written.append(page.with_name("epochs.csv"))
        found.epochs_table().to_csv(written[-1], index=False)
    write_sensitivity_page(tables, found, file, page)
    return written
