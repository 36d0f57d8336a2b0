"""Commands that write what was found: a report, one report of several comparisons, the live page, exports."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.completion import databases, formats
from hpsearch.cli.options import File, FileOrSuite, Style, Targets, Wide, Width
from hpsearch.system.threads import pin_threads

if TYPE_CHECKING:
    from hpsearch.driver.display import Display
    from hpsearch.report import Look


def _for_itself() -> None:
    """Spare a short process that reads much: no threads that wait for each other, no garbage collection."""
    import gc

    pin_threads()
    gc.disable()


@contextmanager
def _warnings_said(display: Display) -> Iterator[None]:
    """Say each warning once, as one line, without the place in the code that it comes from."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for warning in dict.fromkeys(str(warning.message) for warning in caught):
        display.always(f"warning: {warning}")


def report(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Database of a comparison, or the folder of a suite.", show_default=False, autocompletion=databases
        ),
    ],
    to: Annotated[Path | None, typer.Option(help="Folder to write into. [default: FILE's name + '-report']")] = None,
    target: Targets = None,
    confirmed: Annotated[
        Path | None,
        typer.Option("--confirmed", help="What `hpsearch confirm FILE` made: incumbents then count with fresh seeds."),
    ] = None,
    as_suite: Annotated[
        bool, typer.Option("--as-suite", help="Several databases are one comparison under several settings.")
    ] = False,
    style: Style = None,
    width: Wide = Width.page,
) -> None:
    """Write figures, tables and pages of a comparison or a suite, also while it runs. Open index.html in a browser."""
    if len(files) > 1 and not as_suite:
        raise typer.BadParameter(
            "several databases make one report with --as-suite, if they are one comparison under several settings, or "
            "with hpsearch compare, if they measured the same thing in the same way"
        )
    file = files[0]
    is_suite = as_suite or file.is_dir()
    if is_suite and (target or confirmed):
        raise typer.BadParameter("--target and --confirmed are for one database: a suite takes what lies beside each")
    if as_suite and any(each.is_dir() for each in files):
        raise typer.BadParameter("--as-suite takes databases; give the folder of a suite alone, without it")
    _for_itself()
    from hpsearch.driver.display import Display
    from hpsearch.report import Look, write_report

    with Display() as display, _warnings_said(display):
        look = Look(style, width.value)
        if is_suite:
            paths = _report_suite(files, to, look, display)
        else:
            folder, asked = to or file.with_name(f"{file.stem}-report"), target or ()
            paths = write_report(
                file, folder, targets=asked, look=look, confirmed=confirmed, progress=display.preparing
            )
    for path in paths:
        print(path)


def _report_suite(files: list[Path], to: Path | None, look: Look, display: Display) -> list[Path]:
    """Write the report of a suite's folder, or of databases gathered into one."""
    import shlex

    from hpsearch.report.suite.page import write_suite_report
    from hpsearch.store.suite import gathered, suite_in

    first, names = files[0].resolve(), [file.name for file in files]
    if first.is_dir():
        suite, folder, words = suite_in(first), first.with_name(f"{first.name}-report"), [first.name]
    else:
        folder = to or Path("suite-report")
        suite, words = gathered(files, folder.resolve().name.removesuffix("-report")), [*names, "--as-suite"]
    command = shlex.join(["hpsearch", "report", *words])
    return write_suite_report(suite, to or folder, command, look=look, progress=display.preparing)


def compare(
    files: Annotated[
        list[Path], typer.Argument(help="Databases of two or more comparisons.", autocompletion=databases)
    ],
    to: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("compare-report"),
    force: Annotated[
        bool, typer.Option("--force", help="Compare even if task, budget, data or searcher differ; the page warns.")
    ] = False,
    target: Targets = None,
    style: Style = None,
    width: Wide = Width.page,
) -> None:
    """Write one report of several comparisons, after checking that they measured the same thing in the same way."""
    if len(files) < 2:
        raise typer.BadParameter("give two databases or more; for one, use hpsearch report")
    _for_itself()
    from hpsearch.driver.display import Display
    from hpsearch.report import Look, write_report_of
    from hpsearch.report.merge import merged
    from hpsearch.store.tables import load_tables

    context = merged(files, [load_tables(file) for file in files], force)
    with Display() as display, _warnings_said(display):
        for warning in context.warnings:
            display.say(f"warning: {warning}")
        asked = replace(context, targets=tuple(target or ()), look=Look(style, width.value))
        paths = write_report_of(asked, to, display.preparing)
    for path in paths:
        print(path)


def watch(
    file: FileOrSuite,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 8808,
    host: Annotated[
        str, typer.Option(help="This machine's name or address, for browsers elsewhere: anybody there may read.")
    ] = "127.0.0.1",
) -> None:
    """Serve the report's page while a comparison or a suite runs, for a browser on this machine; Ctrl-C ends it."""
    from hpsearch.report.watch import OWN_NAMES, serve

    where = " (only on this machine)" if host.lower() in OWN_NAMES else ""
    serve(file, port, lambda address: print(f"open {address}{where}; Ctrl-C ends it", flush=True), host)


def export(
    file: File,
    to: Annotated[
        str,
        typer.Option(help="Format: parquet, csv, optuna, ax, mlflow or tensorboard.", autocompletion=formats),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File or folder to make. [default: FILE's name + '-' + format]")
    ] = None,
) -> None:
    """Write a comparison as files that other tools open."""
    from hpsearch.driver.display import Display
    from hpsearch.study import kinds, registry

    export_as = registry.Registry.here().find(kinds.EXPORT, to, "--to")
    with Display() as display:
        paths = export_as(file, out or export_as.default_out(file), display.preparing)
    for path in paths:
        print(path)
