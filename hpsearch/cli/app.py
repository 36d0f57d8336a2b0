"""The commands. The only place that prints or exits; what takes long to import is imported where it is used.

Exit codes: 0 done; 1 an unforeseen error; 2 a wrong study file or command line; 3 the database or another file cannot
be read or written; 4 the task or its data fails, or `doctor` calls something wrong; 5 a replayed trial differs, or
`check` finds a fault; 130 and 143 stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from hpsearch.cli import copying, data, machine, planning, reading, reporting, running, showing, starting, verifying
from hpsearch.contracts.errors import FileError, HpsearchError
from hpsearch.system.stopping import listen, tell

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


app.command()(starting.new)
app.command()(showing.show)
app.command()(running.run)
app.command()(reading.status)
app.command()(reporting.report)
app.command()(reporting.compare)
app.command()(running.confirm)
app.command()(reporting.watch)
app.command()(planning.power)
app.command()(reading.trials)
app.command()(reading.best)
app.command()(verifying.replay)
app.command()(verifying.check)
app.command()(copying.merge)
app.command()(copying.copy)
app.command()(reporting.export)
app.command()(machine.doctor)
app.command("list")(machine.list_)
data_app = typer.Typer(help="Data sets: fetch one, say where it lies, check it.", no_args_is_help=True)
data_app.command()(data.fetch)
data_app.command()(data.where)
data_app.command()(data.check)
app.add_typer(data_app, name="data")


def _said(error: OSError) -> str:
    """A sentence on a file that the system refuses."""
    said = error.strerror or str(error)
    return f"{error.filename}: cannot be read or written: {said}" if error.filename else said


def main() -> None:
    """Run a command; turn the errors that the library raises into one sentence and an exit code."""
    listen()  # again, for callers that do not come from __main__.py
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may hold bytes that are no character
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # the reader of a pipe has seen enough
            raise SystemExit(0) from None
        raise
    except (HpsearchError, OSError) as error:
        tell(f"hpsearch: {_said(error) if isinstance(error, OSError) else error}", sys.stderr)
        raise SystemExit(FileError.exit_code if isinstance(error, OSError) else error.exit_code) from None
