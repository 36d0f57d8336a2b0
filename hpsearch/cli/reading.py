"""Commands that read a database: how far it is, its trials, the best configurations."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.options import File

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.store.tables import Tables


class Form(StrEnum):
    """What `best` prints."""

    table = "table"
    toml = "toml"
    json = "json"


def status(file: File) -> None:
    """Say how far a comparison is; also while it runs."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from hpsearch.contracts.objective import Objective
    from hpsearch.store.database import Database
    from hpsearch.store.rows import stand_ins_said

    with Database(file) as database:
        comparison = database.existing()
        counts, runs, best = database.counts(), database.runs(), database.best_objectives()
        warnings = stand_ins_said(database.stand_ins())
    planned = comparison.trials * comparison.repeats
    best_of = escape(f"best {comparison.objective.name}")
    table = Table("method", "trials", "of", "complete", "diverged", "failed", best_of)
    for label, states in counts.items():
        done = {state: states.get(state, 0) for state in ("complete", "diverged", "failed")}
        found = best.get(label)
        table.add_row(
            escape(label), str(sum(done.values())), str(planned), *map(str, done.values()),
            "-" if found is None else Objective.text(found),
        )  # fmt: skip
    console = Console()
    console.print(f"{comparison.name}: {comparison.repeats} studies of {comparison.trials} trials a method")
    console.print(table)
    for warning in warnings:
        console.print(f"warning: {escape(warning)}")
    if runs:
        ended = runs[-1].ended
        state = f"ended {ended}" if ended else "not ended: running, or stopped before its end"
        where = escape(str(runs[-1].provenance.get("host")))
        console.print(f"last run on {where}, started {runs[-1].started}, {state}")


def trials(
    file: File,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, every column, full precision.")] = False,
    method: Annotated[str | None, typer.Option(help="Only this method's trials.")] = None,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Instead every attempt that failed, with the end of its traceback.")
    ] = False,
) -> None:
    """List every trial: method, repeat, trial, objective, hyperparameters, test metrics, state, seconds."""
    if attempts:
        _print_attempts(file)
        return
    from hpsearch.store.tables import load_tables

    tables = load_tables(file)
    frame = tables.trials
    if tables.stand_ins:
        whys = {(a.method, a.repeat, a.trial): a.error for a in tables.stand_ins}
        keys = zip(frame["method"], frame["repeat"], frame["trial"], strict=True)
        frame.insert(len(frame.columns), "stand-in", [whys.get(key) for key in keys])
    if method is not None:
        _known(method, tables)
        frame = frame[frame["method"] == method].dropna(axis=1, how="all")
    if csv:
        frame.to_csv(sys.stdout, index=False)
        return
    _print_table(frame.drop(columns=["seed", "reason"], errors="ignore"))


def _print_attempts(file: Path) -> None:
    from hpsearch.store.database import Database
    from hpsearch.store.rows import PROPOSING

    with Database(file) as database:
        rows = database.failed_attempts()
    for row in rows:
        with_others = f" with {row.together - 1} others" if row.together > 1 else ""
        which = f"attempt {row.attempt}{with_others}" if row.attempt != PROPOSING else "proposal"
        print(f"{row.method}, study {row.repeat}, trial {row.trial}, {which}:")
        print("  " + row.error.replace("\n", "\n  "))
    print(f"{len(rows)} failed attempts")


def _known(method: str, tables: Tables) -> None:
    if method not in tables.methods:
        raise typer.BadParameter(f"no method {method!r}; there are {', '.join(tables.methods)}")


def _print_table(frame: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*map(escape, frame.columns), box=None)
    for row in frame.itertuples(index=False, name=None):
        table.add_row(*(escape(_cell(value)) for value in row))
    # As wide as it needs to be, whatever the terminal: a cut number is no number.
    Console(width=1000).print(table)


def best(
    file: File,
    as_: Annotated[Form, typer.Option("--as", help="A table to read, or a file to train from.")] = Form.table,
    method: Annotated[str | None, typer.Option(help="Only this method's.")] = None,
    overall: Annotated[bool, typer.Option("--overall", help="Only the best study of each method.")] = False,
) -> None:
    """Show the configuration that each study chose: its trial with the best objective."""
    from hpsearch.store.chosen import chosen, chosen_as_settings
    from hpsearch.store.tables import load_tables

    tables = load_tables(file)
    if method is not None:
        _known(method, tables)
    found = {label: rows for label, rows in chosen(tables, overall=overall).items() if method in (None, label)}
    if as_ is Form.toml:
        import tomli_w

        print(tomli_w.dumps(chosen_as_settings(tables, found)), end="")
    elif as_ is Form.json:
        import json

        print(json.dumps(chosen_as_settings(tables, found), indent=2))
    else:
        for label, rows in found.items():
            print(f"{label}: best {tables.objective.name} of each study")
            _print_table(rows)


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN: this method has no such hyperparameter
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
