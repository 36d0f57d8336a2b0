"""The report of a comparison: what was measured, as arrays, then as figure, tables and page."""

from __future__ import annotations

from pathlib import Path

from hpsearch.report.curves import Curves, compute_curves
from hpsearch.report.figure import draw_figure
from hpsearch.report.page import write_page

__all__ = ["Curves", "compute_curves", "write_report"]


def write_report(file: Path, folder: Path) -> list[Path]:
    """Write figures (PNG for the page, SVG and PDF for a paper), tables and page of a database; returns the files."""
    from hpsearch.tables import load_tables

    tables = load_tables(file)
    curves = compute_curves(tables)
    folder.mkdir(parents=True, exist_ok=True)
    figures = [folder / f"curves.{kind}" for kind in ("png", "svg", "pdf")]
    trials, table, page = (folder / name for name in ("trials.csv", "curves.csv", "README.md"))
    for figure in figures:
        draw_figure(curves, figure)
    tables.trials.to_csv(trials, index=False)
    curves.table().to_csv(table, index=False)
    write_page(tables, curves, file, page)
    return [*figures, trials, table, page]
