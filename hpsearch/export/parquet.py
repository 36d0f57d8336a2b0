"""Parquet: the tables of `csv.py` with their types: true and false, whole numbers, times, and nulls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpsearch.export import Format, optional
from hpsearch.export.csv import tables
from hpsearch.space import Value
from hpsearch.task import Progress

TIMES = ("proposed", "started", "ended")


def _write(file: Path, out: Path, progress: Progress) -> None:
    pa, parquet = optional("pyarrow"), optional("pyarrow.parquet")
    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}

    def column(values: list[Value | None]) -> Any:
        # A column without any value is one of numbers that were never finite.
        return pa.array(values, types[next((type(value) for value in values if value is not None), float)])

    written = tables(file)
    out.mkdir()
    for done, (name, table) in enumerate(written.items(), 1):
        columns = {heading: column(values) for heading, values in table.items()}
        if name == "training":
            columns |= {c: pa.array(table[c], pa.string()).cast(pa.timestamp("ms", "UTC")) for c in TIMES}
        parquet.write_table(pa.table(columns), out / f"{name}.parquet")
        progress("writing tables", done, len(written))


EXPORT = Format("-parquet", _write)
