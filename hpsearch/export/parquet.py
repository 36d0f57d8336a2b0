"""Parquet: the same tables as `csv.py`, with types: true and false, whole numbers, times, and nulls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hpsearch.contracts.export import Format
from hpsearch.contracts.progress import Progress
from hpsearch.export.csv import Cell, tables
from hpsearch.export.studies import optional

TIMES = ("proposed", "started", "ended")
# Types of columns that may be empty, since no value shows them: files of several comparisons must fit together.
KNOWN = {
    **dict.fromkeys(
        ("method", "name", "kind", "state", "reason", "values", "value", "schedule", "host", "device"), str
    ),
    **dict.fromkeys(("repeat", "trial", "epoch", "seed", "trained_together", "attempts", "run", "pack"), int),
    **dict.fromkeys(("log", "ordered"), bool),
}


def _write(file: Path, out: Path, progress: Progress) -> None:
    pa, parquet = optional("pyarrow"), optional("pyarrow.parquet")
    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}

    def column(heading: str, values: list[Cell]) -> Any:
        # Any other column without a value would hold numbers, none of which was finite.
        kind = next((type(value) for value in values if value is not None), KNOWN.get(heading, float))
        return pa.array(values, types[kind])

    written = tables(file)
    out.mkdir()
    for done, (name, table) in enumerate(written.items(), 1):
        columns = {heading: column(heading, values) for heading, values in table.items()}
        if name == "training":
            columns |= {c: pa.array(table[c], pa.string()).cast(pa.timestamp("ms", "UTC")) for c in TIMES}
        parquet.write_table(pa.table(columns), out / f"{name}.parquet")
        progress("writing tables", done, len(written))


EXPORT = Format("-parquet", _write)
