"""Commands that read a database: how far it is, its trials, the best configurations."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.options import File, FileOrSuite

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.store.standing import Standing
    from hpsearch.store.tables import Tables


ON_A_SCREEN = 40
"""A table of more rows is taken apart by studies where it is too wide for one piece."""


class Form(StrEnum):
    """Forms in which `best` prints."""

    table = "table"
    toml = "toml"
    json = "json"


def status(file: FileOrSuite) -> None:
    """Say how far a comparison is, or each one of a suite, also while it runs."""
    if file.is_dir():
        _status_of_suite(file)
        return
    from hpsearch.cli.tables import broken, printable, table_lines, terminal_width
    from hpsearch.contracts.objective import Objective
    from hpsearch.store.database import Database
    from hpsearch.store.rows import stand_ins_said
    from hpsearch.store.standing import standing
    from hpsearch.system import clock
    from hpsearch.system.lock import holder

    with Database(file) as database:
        writer = re.sub(
            r"since (\S+)$",
            lambda since: f"begun {clock.ago(since[1], clock.now())}",
            holder(file, lambda said: print(said, file=sys.stderr, flush=True)),
        )
        if writer and database.comparison() is None:
            print(f"running: {writer}; it prepares its data")
            return
        comparison = database.existing()
        counts, best = database.counts(), database.best_objectives()
        warnings = stand_ins_said(database.stand_ins())
        stands = standing(database, writer)
    planned = comparison.trials * comparison.repeats
    rows = []
    for label, states in counts.items():
        done = {state: states.get(state, 0) for state in ("complete", "diverged", "failed")}
        found = best.get(label)
        of = "-" if comparison.spec.budget else str(planned)
        rows.append(
            [printable(label), str(sum(done.values())), of, *map(str, done.values()),
             "-" if found is None else Objective.text(found)]
        )  # fmt: skip
    head = ["method", "trials", "of", "complete", "diverged", "failed", printable(f"best {comparison.objective.name}")]
    print(f"{comparison.name}: {comparison.repeats} studies of {comparison.spec.length} per method")
    for line in table_lines(head, rows, 1, terminal_width()):
        print(line)
    for warning in warnings:
        print(broken(f"warning: {printable(warning)}"))
    print(printable(_said(stands, writer)))  # not broken into lines, for a command to be copied


def _status_of_suite(folder: Path) -> None:
    from hpsearch.cli.tables import printable, table_lines, terminal_width
    from hpsearch.store.database import Database
    from hpsearch.store.standing import Standing, standing
    from hpsearch.store.suite import suite_in
    from hpsearch.system import clock
    from hpsearch.system.lock import holder

    suite = suite_in(folder)
    rows = []
    for setting in suite.settings:
        stands = Standing("waiting")
        if setting.file.is_file():
            with Database(setting.file) as database:
                stands = standing(database, holder(setting.file))
        of = "-" if stands.planned is None else str(stands.planned)
        left, last = stands.seconds_left if stands.state == "running" else None, stands.last
        rows.append(
            [printable(setting.label), stands.state, str(stands.finished), of,
             "-" if left is None else clock.duration(left), clock.ago(last, clock.now()) if last else "-"]
        )  # fmt: skip
    finished = sum(row[1] == "finished" for row in rows)
    print(f"{printable(suite.name)}: {finished} of {len(rows)} settings are finished")
    for line in table_lines(["setting", "state", "trials", "of", "left", "last result"], rows, 1, terminal_width()):
        print(line)


def _said(stands: Standing, writer: str) -> str:
    """Whether a comparison runs, with how long the rest takes, and what to do where it does not."""
    from hpsearch.system import clock

    if writer:
        if not stands.fresh:
            return f"running: {writer}; no result yet"
        rest = "" if stands.seconds_left is None else f"; about {clock.duration(stands.seconds_left)} left"
        return f"running: {writer}{rest}; last result {clock.ago(stands.last, clock.now())}"
    if writer:
        return f"running: {writer}"
    ended = clock.ago(stands.ended, clock.now()) if stands.ended else ""
    if stands.state == "finished":
        return f"finished {ended}".rstrip()
    when = {"waiting": "before its first trial", "killed": "killed, or its machine was"}.get(stands.state, ended)
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
    """Print trials: one table if the terminal is wide enough, else one for each study or, if short, each method."""
    from hpsearch.cli.tables import frame_lines, printable, terminal_width

    width, keys = terminal_width(), [name for name in ("method", "repeat", "trial") if name in frame]
    lines = frame_lines(frame, len(keys), width)
    by = [key for key in ("method", "repeat") if key in frame and len(frame) > ON_A_SCREEN]
    if len(lines) == len(frame) + 1 or not by:
        print("\n".join(lines))
        return
    for of, rows in frame.groupby(by, sort=False):
        names = [printable(str(name)) for name in (of if isinstance(of, tuple) else (of,))]
        print(", study ".join(names) if by[0] == "method" else f"study {names[0]}")
        shown = rows.drop(columns=by).dropna(axis=1, how="all")
        print("\n".join(frame_lines(shown, 1, width)))
        print()


def best(
    file: File,
    as_: Annotated[Form, typer.Option("--as", help="A table to read, or a file to train from.")] = Form.table,
    method: Annotated[str | None, typer.Option(help="Only this method's.")] = None,
    overall: Annotated[bool, typer.Option("--overall", help="Only the best study of each method.")] = False,
) -> None:
    """Show the configuration that each study chose. --as toml has the seeds too.

    It is that of its trial with the best objective, or of the one that a model of its trials expects most of, as the
    study file says.
    """
    from hpsearch.cli.tables import printable
    from hpsearch.store.chosen import by_model, chosen, chosen_as_settings
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
            what = "choice by a model of its trials" if by_model(tables, label) else f"best {tables.objective.name}"
            print(f"{printable(label)}: {printable(what)} of each study")
            _print_table(rows.drop(columns="seed"))
