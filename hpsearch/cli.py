"""The commands. The only place that prints or exits; what takes long to import is imported where it is used.

Exit codes: 0 done; 1 an error nobody foresaw; 2 a wrong study file or command line; 3 the database or
another file that cannot be read or written; 4 the task or its data; 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from hpsearch.progress import Display
    from hpsearch.spec import Spec

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


File = Annotated[Path, typer.Argument(help="Database of a comparison.", show_default=False)]


@app.command()
def run(
    study: Annotated[str, typer.Argument(help="Study file, or the name of a shipped study.", show_default=False)],
    database: Annotated[Path | None, typer.Option(help="Database to create or resume. [default: NAME.db]")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of data sets. [default: $HPSEARCH_DATA]", exists=True, file_okay=False)
    ] = None,
    executor: Annotated[str, typer.Option(help="Where to train: processes, or inline in this one.")] = "processes",
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes. [default: one a core]")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many trials, how long, how much disk.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a comparison. The same command resumes it after any interruption."""
    from hpsearch.executors.processes import pin_threads

    pin_threads()  # before torch is loaded, here and in the workers
    if data is not None:
        os.environ["HPSEARCH_DATA"] = str(data.resolve())
    sys.path.append(str(Path.cwd()))  # a task of one's own may also lie here
    from hpsearch.progress import Display
    from hpsearch.spec import find_study, read_spec

    path = find_study(study)
    spec = read_spec(path)
    file = database or Path(f"{spec.name}.db")
    with Display(quiet=quiet) as display:
        if dry_run:
            _dry_run(spec, file, workers, display)
        else:
            _run(spec, path, file, executor, workers, display)


def _run(spec: Spec, study: Path, file: Path, executor_name: str, workers: int | None, display: Display) -> None:
    from hpsearch import comparison
    from hpsearch.database import Database
    from hpsearch.spec import load_executor

    executor = load_executor(executor_name, workers)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with Database(file, write=True) as database:
            comparison.prepare(database, spec, str(study), display.preparing)
            display.begin(database, spec.trials * spec.repeats)
            facts = {"executor": executor_name, "threads": 1}
            for difference in comparison.differs_from_last_run(database):
                display.say(f"warning: results may not repeat to the last bit: {difference}")
            with closing(comparison.run(database, spec, executor, facts)) as records:
                for recorded in records:
                    display.recorded(recorded)
    except (KeyboardInterrupt, SystemExit) as stop:
        executor.close()
        display.stop()
        print(f"stopped; everything finished is in {file}; the same command goes on", file=sys.stderr)
        raise SystemExit(stop.code if isinstance(stop, SystemExit) else 130) from None
    finally:
        executor.close()
    lost = display.lost()
    display.say(f"finished: {file}{lost}; see it with: hpsearch report {file}")


def _dry_run(spec: Spec, file: Path, workers: int | None, display: Display) -> None:
    from hpsearch.estimate import estimate
    from hpsearch.executors.processes import available_cores

    display.say("training one pack of each method and proposing once for each, to measure them")
    expected = estimate(spec, file, workers or available_cores(), display.preparing)
    display.stop()
    print(expected)


@app.command()
def status(file: File) -> None:
    """Say how far a comparison is; also while it runs."""
    from rich.console import Console
    from rich.table import Table

    from hpsearch.database import Database, DatabaseError
    from hpsearch.task import Objective

    with Database(file) as database:
        comparison, counts, runs, best = (
            database.comparison(), database.counts(), database.runs(), database.best_objectives(),
        )  # fmt: skip
    if comparison is None:
        raise DatabaseError(f"{file}: holds no comparison yet")
    planned = comparison["trials"] * comparison["repeats"]
    table = Table("method", "trials", "of", "complete", "diverged", "failed", f"best {comparison['objective']}")
    for label, states in counts.items():
        done = {state: states.get(state, 0) for state in ("complete", "diverged", "failed")}
        found = best.get(label)
        table.add_row(
            label, str(sum(done.values())), str(planned), *map(str, done.values()),
            "-" if found is None else Objective.text(found),
        )  # fmt: skip
    console = Console()
    console.print(f"{comparison['name']}: {comparison['repeats']} studies of {comparison['trials']} trials a method")
    console.print(table)
    if runs:
        ended = runs[-1]["ended"]
        state = f"ended {ended}" if ended else "not ended: running, or stopped before its end"
        console.print(f"last run on {runs[-1]['provenance']['host']}, started {runs[-1]['started']}, {state}")


@app.command()
def report(
    file: File,
    to: Annotated[Path | None, typer.Option(help="Folder to write into. [default: FILE's name + '-report']")] = None,
) -> None:
    """Write the curves, tables and page of a comparison; also while it runs."""
    folder = to or file.with_name(f"{file.stem}-report")
    from hpsearch.report import write_report

    for path in write_report(file, folder):
        print(path)


@app.command()
def trials(
    file: File,
    csv: Annotated[bool, typer.Option("--csv", help="Comma-separated, every column, full precision.")] = False,
    method: Annotated[str | None, typer.Option(help="Only this method's trials.")] = None,
) -> None:
    """List every trial: method, repeat, trial, objective, hyperparameters, test metrics, state, seconds."""
    from hpsearch.database import load_tables

    tables = load_tables(file)
    frame = tables.trials
    if method is not None:
        if method not in tables.methods:
            raise typer.BadParameter(f"no method {method!r}; there are {', '.join(tables.methods)}")
        frame = frame[frame["method"] == method].dropna(axis=1, how="all")
    if csv:
        frame.to_csv(sys.stdout, index=False)
        return
    from rich.console import Console
    from rich.table import Table

    shown = frame.drop(columns=["seed", "reason"], errors="ignore")
    table = Table(*shown.columns, box=None)
    for row in shown.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    # As wide as it needs to be when somebody pipes it on: a cut number is no number.
    console = Console(width=None if sys.stdout.isatty() else 400)
    console.print(table)


@app.command("list")
def list_() -> None:
    """List the tasks, methods, searchers, executors and shipped studies."""
    from rich.console import Console

    from hpsearch.spec import Named, available, available_tasks, load_task, shipped_studies

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
    for kind in ("searchers", "executors"):
        console.print(f"[bold]{kind}[/bold]\n  {', '.join(available(f'hpsearch.{kind}'))}")
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


def _terminate(*_: object) -> NoReturn:
    raise SystemExit(143)


def main() -> None:
    """Run a command; turn the errors that the library raises into one sentence and an exit code."""
    try:
        app()
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except Exception as error:
        code = 3 if isinstance(error, OSError) else getattr(error, "exit_code", None)
        if code is None:
            raise
        print(f"hpsearch: {error}", file=sys.stderr)
        raise SystemExit(code) from None


if __name__ == "__main__":
    main()
