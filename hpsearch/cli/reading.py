"""Commands that read a database: how far it is, its trials, the best configurations."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.options import File

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.store.standing import Standing
    from hpsearch.store.tables import Tables


class Form(StrEnum):
    """Forms in which `best` prints."""

    table = "table"
    toml = "toml"
    json = "json"


def status(file: File) -> None:
    """Say how far a comparison is, also while it runs."""
    from rich.console import Console
    from rich.table import Table

    from hpsearch.contracts.objective import Objective
    from hpsearch.store.database import Database
    from hpsearch.store.rows import stand_ins_said
    from hpsearch.store.standing import standing
    from hpsearch.system.lock import holder

    with Database(file) as database:
        writer = holder(file, lambda said: print(said, file=sys.stderr, flush=True))
        if writer and database.comparison() is None:
            print(f"running: {writer}; it prepares its data")
            return
        comparison = database.existing()
        counts, best = database.counts(), database.best_objectives()
        warnings = stand_ins_said(database.stand_ins())
        stands = standing(database, writer)
    planned = comparison.trials * comparison.repeats
    best_of = _literal(f"best {comparison.objective.name}")
    table = Table("method", "trials", "of", "complete", "diverged", "failed", best_of)
    for label, states in counts.items():
        done = {state: states.get(state, 0) for state in ("complete", "diverged", "failed")}
        found = best.get(label)
        of = "-" if comparison.spec.budget else str(planned)
        table.add_row(
            _literal(label), str(sum(done.values())), of, *map(str, done.values()),
            "-" if found is None else Objective.text(found),
        )  # fmt: skip
    console = Console(emoji=False)
    console.print(f"{comparison.name}: {comparison.repeats} studies of {comparison.spec.length} per method")
    console.print(table)
    for warning in warnings:
        console.print(f"warning: {_literal(warning)}")
    # Not broken into lines, for a command to be copied.
    console.print(_printable(_said(stands, writer)), markup=False, highlight=False, soft_wrap=True)


def _said(stands: Standing, writer: str) -> str:
    """Whether a comparison runs, and what to do where it does not."""
    if writer:
        return f"running: {writer}"
    if stands.state == "finished":
        return f"finished: {stands.ended}" if stands.ended else "finished"
    when = {"waiting": "before its first trial", "killed": "killed, or its machine was"}.get(stands.state, stands.ended)
    return f"stopped: {when}; go on {stands.goes_on}"


def trials(
    file: File,
    csv: Annotated[
        bool,
        typer.Option(
            "--csv", help="Comma-separated, full precision, with reason and seed; export has times, hosts, devices."
        ),
    ] = False,
    method: Annotated[str | None, typer.Option(help="Only this method's trials.")] = None,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="List failed attempts instead, each with the end of its traceback.")
    ] = False,
    log: Annotated[
        tuple[str, int, int] | None,
        typer.Option(
            "--log", metavar="METHOD REPEAT TRIAL", show_default=False, help="Instead what training this trial printed."
        ),
    ] = None,
) -> None:
    """List all trials: method, repeat, trial, objective, hyperparameters, metrics, state and seconds."""
    if attempts:
        _print_attempts(file)
        return
    if log is not None:
        _print_log(file, *log)
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
        print(_indented(row.error))
    print(f"{len(rows)} failed attempts")


def _print_log(file: Path, method: str, repeat: int, trial: int) -> None:
    from hpsearch.contracts.errors import UsageError
    from hpsearch.store.database import Database
    from hpsearch.store.rows import find_trial

    with Database(file) as database:
        try:
            state = find_trial(database.all_trials(), method, repeat, trial).state
        except LookupError as error:
            raise UsageError(f"{file}: {error}") from None
        outputs = database.outputs(method, repeat, trial)
    name = f"{method}, study {repeat}, trial {trial}"
    for output in outputs:
        failed = f", attempt {output.attempt}, which failed" if output.failed else ""
        with_others = f", with {output.together - 1} others" if output.together > 1 else ""
        print(f"{name}{failed}{with_others}:\n{_indented(output.text)}")
    if not outputs:
        nothing = "is not trained yet" if state == "proposed" else "printed nothing, or before hpsearch kept that"
        print(f"{name}: {nothing}")


def _indented(text: str) -> str:
    """A task's text as it is safe on a terminal: a file from elsewhere may hold what would take command of it."""
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text.rstrip())  # colours
    text = re.sub(r"\r\n?", "\n", text)  # a progress bar begins its line anew
    text = re.sub(r"[^\n\t -~\xa0-\U0010ffff]", lambda found: repr(found[0])[1:-1], text)
    return "  " + text.replace("\n", "\n  ")


def _known(method: str, tables: Tables) -> None:
    if method not in tables.methods:
        raise typer.BadParameter(f"no method {method!r}; there are {', '.join(tables.methods)}")


def _print_table(frame: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*map(_literal, frame.columns), box=None)
    for row in frame.itertuples(index=False, name=None):
        table.add_row(*(_literal(_cell(value)) for value in row))
    # The table is as wide as it needs to be, whatever the terminal: a cut number is no number.
    Console(width=1000, emoji=False).print(table)


def _literal(name: str) -> str:
    """A name that a terminal shows letter by letter; it may have rich's markup, or characters that move the cursor."""
    from rich.markup import escape

    return escape(_printable(name))


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


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
            print(f"{_printable(label)}: best {_printable(tables.objective.name)} of each study")
            _print_table(rows)


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN: this method has no such hyperparameter
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
