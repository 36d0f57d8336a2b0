"""The commands. The only place that prints or exits; what takes long to import is imported where it is used.

Exit codes: 0 done; 1 an error nobody foresaw; 2 a wrong study file or command line; 3 the database or
another file that cannot be read or written; 4 the task or its data, or what
`doctor` calls wrong; 5 a replayed trial that differs, or what `check` finds wrong; 130 and 143 stopped by Ctrl-C and
SIGTERM.
"""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.completion import databases, datasets, members, studies
from hpsearch.stopping import Stopped, listen, outlive_terminal, tell

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.progress import Display
    from hpsearch.spec import Spec
    from hpsearch.tables import Tables

app = typer.Typer(
    help="How expensive is this training method to tune? Repeated Bayesian-optimisation studies of several "
    "methods on one task, resumable, with honest uncertainty.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from hpsearch import __version__

        print(f"hpsearch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


data_app = typer.Typer(help="Data sets: fetch one, say where it lies, check it.", no_args_is_help=True)
app.add_typer(data_app, name="data")

DATA = "Folder of data sets. [default: $HPSEARCH_DATA, else your data folder]"
Data = Annotated[Path | None, typer.Option(help=DATA, exists=True, file_okay=False)]


class Form(StrEnum):
    """What `best` prints."""

    table = "table"
    toml = "toml"
    json = "json"


DatasetName = Annotated[str, typer.Argument(help="Data set.", show_default=False, autocompletion=datasets)]
File = Annotated[Path, typer.Argument(help="Database of a comparison.", show_default=False, autocompletion=databases)]


@app.command()
def run(
    study: Annotated[
        str,
        typer.Argument(help="Study file, or the name of a shipped study.", show_default=False, autocompletion=studies),
    ],
    database: Annotated[Path | None, typer.Option(help="Database to create or resume. [default: NAME.db]")] = None,
    data: Data = None,
    executor: Annotated[
        str,
        typer.Option(
            help="Where to train: processes, ray, or inline in this one.",
            autocompletion=members("hpsearch.executors"),
        ),
    ] = "processes",
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes. [default: one a core]")] = None,
    devices: Annotated[
        str, typer.Option(help="What to train on: cpu, GPUs such as cuda:0,cuda:1, or auto for all that are there.")
    ] = "cpu",
    per_device: Annotated[int, typer.Option(min=1, help="Workers on each GPU.")] = 1,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster, or auto. [default: Ray on this machine alone]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many trials, how long, how much disk.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a comparison. The same command resumes it after any interruption."""
    from hpsearch.executors.processes import pin_threads

    pin_threads()  # before torch is loaded, here and in the workers
    _use_data(data)
    sys.path.append(str(Path.cwd()))  # a task of one's own may also lie here
    from hpsearch.progress import Display
    from hpsearch.spec import find_study, read_spec

    path = find_study(study)
    spec = read_spec(path)
    file = database or Path(f"{spec.name}.db")
    with Display(quiet=quiet) as display:
        if dry_run:
            if executor == "ray":
                raise typer.BadParameter("--dry-run measures this machine: try it without --executor ray")
            _dry_run(spec, file, workers, devices, per_device, display)
        else:
            places = {"workers": workers, "devices": devices, "per_device": per_device, "address": address}
            _run(spec, path, file, executor, places, display)


def _run(spec: Spec, study: Path, file: Path, executor_name: str, places: Mapping[str, Any], display: Display) -> None:
    from hpsearch.running import run_shown

    outlive_terminal()
    try:
        run_shown(spec, study, file, executor_name, places, display)
    except Stopped as stop:
        display.stop()
        kept = f"everything finished is in {file}" if file.exists() else "before the first trial"
        display.always(f"stopped; {kept}; the same command goes on")
        raise SystemExit(stop.code) from None
    lost = display.lost()
    display.say(f"finished: {file}{lost}; see it with: hpsearch report {file}")


def _dry_run(spec: Spec, file: Path, workers: int | None, devices: str, per_device: int, display: Display) -> None:
    from hpsearch.children import available_cores
    from hpsearch.devices import CPU, named, use_here
    from hpsearch.estimate import estimate

    names = named(devices)
    use_here(names[0])
    at_once = workers or (available_cores() if names == (CPU,) else len(names) * per_device)
    display.say("training one pack of each method and proposing once for each, to measure them")
    expected = estimate(spec, file, at_once, display.preparing)
    display.stop()
    print(expected)


@app.command()
def status(file: File) -> None:
    """Say how far a comparison is; also while it runs."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from hpsearch.database import Database
    from hpsearch.task import Objective

    with Database(file) as database:
        comparison = database.existing()
        counts, runs, best = database.counts(), database.runs(), database.best_objectives()
    planned = comparison["trials"] * comparison["repeats"]
    best_of = escape(f"best {comparison['objective']}")
    table = Table("method", "trials", "of", "complete", "diverged", "failed", best_of)
    for label, states in counts.items():
        done = {state: states.get(state, 0) for state in ("complete", "diverged", "failed")}
        found = best.get(label)
        table.add_row(
            escape(label), str(sum(done.values())), str(planned), *map(str, done.values()),
            "-" if found is None else Objective.text(found),
        )  # fmt: skip
    console = Console()
    console.print(f"{comparison['name']}: {comparison['repeats']} studies of {comparison['trials']} trials a method")
    console.print(table)
    if runs:
        ended = runs[-1]["ended"]
        state = f"ended {ended}" if ended else "not ended: running, or stopped before its end"
        where = escape(str(runs[-1]["provenance"].get("host")))
        console.print(f"last run on {where}, started {runs[-1]['started']}, {state}")


Style = Annotated[Path | None, typer.Option("--style", help="A matplotlib style file, on top of ours.", dir_okay=False)]


def _finite(values: list[float] | None) -> list[float] | None:
    if values and not all(map(math.isfinite, values)):
        raise typer.BadParameter("a target is a finite number")
    return values


class Width(StrEnum):
    """How wide figures are on paper."""

    page = "page"
    column = "column"


Wide = Annotated[Width, typer.Option("--width", help="Of the figures: a page's or a column's.")]
Targets = Annotated[
    list[float] | None,
    typer.Option("--target", callback=_finite, help="Objective to count trials to, beside quantiles; may be repeated."),
]


def _for_itself() -> None:
    """What a short process that reads much is spared: threads that wait for each other, looking for garbage."""
    import gc

    from hpsearch.executors.processes import pin_threads

    pin_threads()
    gc.disable()


@app.command()
def report(
    file: File,
    to: Annotated[Path | None, typer.Option(help="Folder to write into. [default: FILE's name + '-report']")] = None,
    target: Targets = None,
    style: Style = None,
    width: Wide = Width.page,
) -> None:
    """Write figures, tables and pages of a comparison; also while it runs. Open index.html in a browser."""
    folder = to or file.with_name(f"{file.stem}-report")
    _for_itself()
    from hpsearch.progress import Display
    from hpsearch.report import Look, write_report

    with Display() as display:
        look = Look(style, width.value)
        paths = write_report(file, folder, targets=target or (), look=look, progress=display.preparing)
    for path in paths:
        print(path)


@app.command()
def compare(
    files: Annotated[
        list[Path], typer.Argument(help="Databases of two or more comparisons.", autocompletion=databases)
    ],
    to: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("compare-report"),
    force: Annotated[
        bool, typer.Option("--force", help="Also if task, budget, data or searcher differ; the page warns.")
    ] = False,
    target: Targets = None,
    style: Style = None,
    width: Wide = Width.page,
) -> None:
    """Write one report of several comparisons, after checking that they measured the same thing in the same way."""
    if len(files) < 2:
        raise typer.BadParameter("give two databases or more; of one, write the report")
    _for_itself()
    from hpsearch.progress import Display
    from hpsearch.report import Look, write_report_of
    from hpsearch.report.merge import merged
    from hpsearch.tables import load_tables

    tables, warnings = merged(files, [load_tables(file) for file in files], force)
    with Display() as display:
        for warning in warnings:
            display.say(f"warning: {warning}")
        paths = write_report_of(
            tables, files[0], to, targets=target or (), look=Look(style, width.value), warnings=warnings,
            progress=display.preparing,
        )  # fmt: skip
    for path in paths:
        print(path)


@app.command()
def confirm(
    file: File,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds for each chosen configuration.")] = 5,
    overall: Annotated[bool, typer.Option("--overall", help="Only the best study's choice of each method.")] = False,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the task, such as epochs=100; may be repeated.")
    ] = None,
    database: Annotated[
        Path | None, typer.Option(help="File to create or resume. [default: FILE's name + '-confirm.db']")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder of the report. [default: beside the database]")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes. [default: one a core]")] = None,
    executor: Annotated[
        str,
        typer.Option(help="Where to train: processes, inline or ray.", autocompletion=members("hpsearch.executors")),
    ] = "processes",
    devices: Annotated[str, typer.Option(help="What to train on: cpu, GPUs such as cuda:0, or auto.")] = "cpu",
    per_device: Annotated[int, typer.Option(min=1, help="Workers on each GPU.")] = 1,
    address: Annotated[str | None, typer.Option(help="Of a Ray cluster, or auto.")] = None,
    data: Data = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors and the report's files.")
    ] = False,
) -> None:
    """Train what each study chose again, with fresh seeds, and report test metrics. The same command resumes it."""
    from hpsearch.executors.processes import pin_threads

    pin_threads()
    _use_data(data)
    sys.path.append(str(Path.cwd()))
    from hpsearch.progress import Display
    from hpsearch.report import write_report
    from hpsearch.report.confirmation import confirmation, method_of
    from hpsearch.spec import shipped_studies
    from hpsearch.tables import load_tables

    tables = load_tables(file)
    study = Path(tables.comparison["study_file"])
    if study.name == str(study):  # only a shipped one is recorded without its folder
        study = shipped_studies().get(study.stem, study)
    sys.path.append(str(study.resolve().parent))  # a task of one's own lies beside its study file
    spec = confirmation(tables, seeds, overall, _settings(setting or []))
    out = database or file.with_name(f"{file.stem}-confirm{'-overall' if overall else ''}.db")
    places = {"workers": workers, "devices": devices, "per_device": per_device, "address": address}
    with Display(quiet=quiet, group=method_of) as display:
        _run(spec, study, out, executor, places, display)
    for path in write_report(out, to or out.with_name(f"{out.stem}-report")):
        tell(path, sys.stdout)


def _settings(words: list[str]) -> dict[str, Any]:
    """`name=value` each, the value as TOML has it, or a bare word."""
    import tomllib

    found = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"--set {word}: expected name=value")
        try:
            found[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[name.strip()] = text
    return found


@app.command()
def watch(
    file: File,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8808,
) -> None:
    """Serve the report's page while the comparison runs: open it in a browser on this machine; Ctrl-C ends it."""
    from hpsearch.watch import serve

    serve(file, port, lambda address: print(f"open {address} (only on this machine); Ctrl-C ends it", flush=True))


@app.command()
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
    from hpsearch.tables import load_tables

    tables = load_tables(file)
    frame = tables.trials
    if method is not None:
        _known(method, tables)
        frame = frame[frame["method"] == method].dropna(axis=1, how="all")
    if csv:
        frame.to_csv(sys.stdout, index=False)
        return
    _print_table(frame.drop(columns=["seed", "reason"], errors="ignore"))


def _print_attempts(file: Path) -> None:
    from hpsearch.database import Database

    with Database(file) as database:
        rows = database.failed_attempts()
    for row in rows:
        with_others = f" with {row['together'] - 1} others" if row["together"] > 1 else ""
        print(f"{row['method']}, study {row['repeat']}, trial {row['trial']}, attempt {row['attempt']}{with_others}:")
        print("  " + row["error"].replace("\n", "\n  "))
    print(f"{len(rows)} failed attempts")


def _known(method: str, tables: Tables) -> None:
    if method not in tables.methods:
        raise typer.BadParameter(f"no method {method!r}; there are {', '.join(tables.methods)}")


def _print_table(frame: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*map(escape, frame.columns), box=None)
    for row in frame.itertuples(index=False):
        table.add_row(*(escape(_cell(value)) for value in row))
    # As wide as it needs to be, whatever the terminal: a cut number is no number.
    Console(width=1000).print(table)


@app.command()
def best(
    file: File,
    as_: Annotated[Form, typer.Option("--as", help="A table to read, or a file to train from.")] = Form.table,
    method: Annotated[str | None, typer.Option(help="Only this method's.")] = None,
    overall: Annotated[bool, typer.Option("--overall", help="Only the best study of each method.")] = False,
) -> None:
    """Show the configuration that each study chose: its trial with the best objective."""
    from hpsearch.report.chosen import chosen, chosen_as_settings
    from hpsearch.tables import load_tables

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


@app.command()
def replay(
    file: File,
    method: Annotated[str, typer.Argument(help="Label of the method.", show_default=False)],
    repeat: Annotated[int, typer.Argument(help="Number of the study, from 1.", show_default=False)],
    trial: Annotated[int, typer.Argument(help="Number of the trial in it, from 1.", show_default=False)],
    data: Data = None,
) -> None:
    """Train a recorded trial again and say whether every bit agrees. Exit code 5 if not."""
    from hpsearch.executors.processes import pin_threads

    pin_threads()  # before torch is loaded: results depend on the number of threads
    _use_data(data)
    sys.path.append(str(Path.cwd()))
    from hpsearch import replay as replaying
    from hpsearch.progress import Display

    with Display() as display:
        found = replaying.replay(file, method, repeat, trial, display.preparing)
    name = f"{method}, study {repeat}, trial {trial}"
    if not found.differing:
        print(f"{name}: every bit agrees: objective, metrics and curves, {found.numbers} values")
    else:
        print(f"{name}: {len(found.differing)} of {found.numbers} values differ: {'; '.join(found.differing[:3])}")
    for reason in found.incomparable:
        print(f"not comparable: {reason}")
    if found.differing and found.changed_code:
        print(f"the code has changed, too: {found.changed_code}")
    if found.differing:
        raise typer.Exit(5)


@app.command("check")
def check_(
    file: File,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out proposing every trial again.")] = False,
) -> None:
    """Verify a database wholly: the file, its seeds, and that the searcher proposes again what it proposed."""
    from hpsearch.check import check as check_file
    from hpsearch.executors.processes import pin_threads
    from hpsearch.progress import Display

    pin_threads()  # proposals depend on the number of threads
    sys.path.append(str(Path.cwd()))
    with Display() as display:
        found = check_file(file, proposals=not quick, progress=display.preparing)
    for fault in found.faults:
        print(f"wrong: {fault}")
    for reason in found.incomparable if found.proposals else ():
        print(f"not comparable: {reason}")
    if found.faults:
        raise typer.Exit(5)
    again = "not proposed again"
    if found.proposals:
        same = found.proposals - found.differing
        again = f"{same} proposals are what the searcher proposes again"
        again += f", {found.differing} are not, on another machine or with other versions" if found.differing else ""
    print(f"{file}: nothing is wrong with {found.trials} trials; {again}")


@app.command()
def export(
    file: File,
    to: Annotated[
        str,
        typer.Option(help="Format: parquet, csv, optuna or ax.", autocompletion=members("hpsearch.export")),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File or folder to make. [default: FILE's name + '-' + format]")
    ] = None,
) -> None:
    """Write a comparison as files that other tools open."""
    from hpsearch.export import load_format
    from hpsearch.progress import Display

    export_as = load_format(to)
    with Display() as display:
        paths = export_as(file, out or export_as.default_out(file), display.preparing)
    for path in paths:
        print(path)


@app.command()
def doctor() -> None:
    """Look at versions, processor, GPUs, folders and data, and say what will be slow or wrong and why."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from hpsearch.doctor import examine
    from hpsearch.spec import available_datasets

    sys.path.append(str(Path.cwd()))
    console = Console(highlight=False)
    with console.status("looking at this machine"):
        findings = examine([(name, dataset.find) for name, dataset in available_datasets().items()])
    table = Table(box=None, show_header=False)
    colours = {"ok": "green", "info": "cyan", "slow": "yellow", "wrong": "red"}
    for finding in findings:
        remark = f"\n[dim]{escape(finding.remark)}[/dim]" if finding.remark else ""
        verdict = f"[{colours[finding.verdict]}]{finding.verdict}[/]"
        table.add_row(finding.subject, verdict, escape(finding.value) + remark)
    console.print(table)
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(4)


@data_app.command()
def fetch(
    name: DatasetName,
    source: Annotated[
        str | None, typer.Option("--from", help="Another address, or an archive of yours, than the publisher's.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help=DATA, file_okay=False)] = None,
) -> None:
    """Download and unpack a data set, and check what arrived. The same command resumes it."""
    from hpsearch import fetch as fetching
    from hpsearch.dataset import data_folder
    from hpsearch.progress import Display
    from hpsearch.spec import load_dataset

    _use_data(data)
    dataset = load_dataset(name)
    with Display() as display:
        display.say(f"{dataset.title}, licence {dataset.licence}, from {source or dataset.archive}")
        try:
            folder, found = fetching.fetch(dataset, data_folder(), source, display.preparing)
        except Stopped as stop:
            display.stop()
            print("stopped; the same command goes on", file=sys.stderr)
            raise SystemExit(stop.code) from None
    print(f"{folder}: {found}")


@data_app.command()
def where(
    name: Annotated[
        str | None,
        typer.Argument(help="Data set. [default: all]", show_default=False, autocompletion=datasets),
    ] = None,
    data: Data = None,
) -> None:
    """Print the folder of a data set; without a name, of all that there are."""
    from hpsearch.spec import available_datasets, load_dataset
    from hpsearch.task import TaskError

    _use_data(data)
    if name is not None:
        print(load_dataset(name).find())
        return
    for known, dataset in available_datasets().items():
        try:
            print(f"{known}: {dataset.find()}")
        except TaskError as error:
            print(f"{known}: {error}")


@data_app.command()
def check(name: DatasetName, data: Data = None) -> None:
    """Read all of a data set and say whether it is whole."""
    from hpsearch.progress import Display
    from hpsearch.spec import load_dataset

    _use_data(data)
    dataset = load_dataset(name)
    folder = dataset.find()
    with Display() as display:
        found = dataset.check(folder, display.preparing)
    print(f"{folder}: {found}")


def _use_data(folder: Path | None) -> None:
    if folder is not None:
        os.environ["HPSEARCH_DATA"] = str(folder.resolve())


@app.command("list")
def list_() -> None:
    """List the tasks, methods, searchers, executors and shipped studies."""
    from rich.console import Console

    from hpsearch.spec import Named, available, available_datasets, available_tasks, load_task, shipped_studies

    sys.path.append(str(Path.cwd()))
    console = Console(highlight=False)
    packages: dict[str | None, None] = {}
    console.print("[bold]tasks[/bold]")
    for name in available_tasks():
        task = load_task(Named(name=name))
        packages[task.methods] = None
        console.print(f"  {name}: {task.objective.name}, {task.objective.direction}")
    for package in filter(None, packages):
        console.print(f"[bold]methods of {package}[/bold]\n  {', '.join(available(package))}")
    console.print(f"[bold]data sets[/bold]\n  {', '.join(available_datasets())}")
    for kind in ("searchers", "executors", "export"):
        heading = "export formats" if kind == "export" else kind
        console.print(f"[bold]{heading}[/bold]\n  {', '.join(available(f'hpsearch.{kind}'))}")
    console.print("[bold]shipped studies[/bold]")
    for name, path in shipped_studies().items():
        console.print(f"  {name}: {_description(path)}")


def _description(path: Path) -> str:
    import tomllib

    return str(tomllib.loads(path.read_text(encoding="utf-8")).get("description", ""))


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN: this method has no such hyperparameter
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Run a command; turn the errors that the library raises into one sentence and an exit code."""
    listen()  # anew, for those who do not come from __main__.py
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may hold what is no character
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # the reader of a pipe has seen enough
            raise SystemExit(0) from None
        raise
    except Exception as error:
        code = 3 if isinstance(error, OSError) else getattr(error, "exit_code", None)
        if code is None:
            raise
        tell(f"hpsearch: {error}", sys.stderr)
        raise SystemExit(code) from None


if __name__ == "__main__":
    main()
