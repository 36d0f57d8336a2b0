"""The report of a comparison: what was measured, as arrays, then as figure, tables and page."""

from __future__ import annotations

from pathlib import Path

from hpsearch.report.curves import Curves, compute_curves
from hpsearch.report.figure import draw_figure
from hpsearch.report.page import write_page

__all__ = ["Curves", "compute_curves", "write_report"]


def write_report(file: Path, folder: Path) -> list[Path]:
    """Write figure, tables and page of a comparison's database into `folder`; returns what was written."""
    from hpsearch.database import load_tables

    tables = load_tables(file)
    curves = compute_curves(tables)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("curves.png", "trials.csv", "curves.csv", "README.md")]
    figure, trials, table, page = paths
    draw_figure(curves, figure)
    tables.trials.to_csv(trials, index=False)
    curves.table().to_csv(table, index=False)
    write_page(tables, curves, file, page)
    return paths
