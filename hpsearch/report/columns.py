"""Tables whose columns come from several namespaces: a hyperparameter and a curve may share a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

HYPERPARAMETER = "hyperparameter"
Column = tuple[str, str]
"""The kind of thing that a column holds, and its name."""


def frame(rows: Sequence[Mapping[Column, object]]) -> pd.DataFrame:
    """Rows as a table; columns are in the order in which they first occur, and what a row lacks is missing.

    A column is called by its name. If two share a name, the hyperparameter keeps it, and the other says in brackets
    what it holds.
    """
    columns = dict.fromkeys(column for row in rows for column in row)
    names: dict[Column, str] = {}
    for column in sorted(columns, key=lambda column: column[0] != HYPERPARAMETER):
        what, name = column
        while name in names.values():
            name = f"{name} ({what})"
        names[column] = name
    return pd.DataFrame({names[column]: [row.get(column) for row in rows] for column in columns})
