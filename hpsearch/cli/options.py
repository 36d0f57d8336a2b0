"""Arguments and options that several commands share."""

from __future__ import annotations

import math
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.completion import databases, datasets, executors

DATA = "Folder of data sets. [default: $HPSEARCH_DATA, else your data folder]"
Data = Annotated[Path | None, typer.Option(help=DATA, exists=True, file_okay=False)]
DatasetName = Annotated[str, typer.Argument(help="Data set.", show_default=False, autocompletion=datasets)]
File = Annotated[Path, typer.Argument(help="Database of a comparison.", show_default=False, autocompletion=databases)]
FileOrSuite = Annotated[
    Path,
    typer.Argument(
        help="Database of a comparison, or the folder of a suite.", show_default=False, autocompletion=databases
    ),
]
ExecutorName = Annotated[
    str,
    typer.Option("--executor", help="Where to train: processes, ray, or inline in this one.", autocompletion=executors),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Worker processes. [default: one per core]")]
DEVICES = "What to train on: cpu, GPUs such as cuda:0,cuda:1, or auto for all GPUs. [default: cpu]"
Devices = Annotated[str | None, typer.Option(help=DEVICES)]
PerDevice = Annotated[int | None, typer.Option(min=1, help="Workers on each GPU. [default: 1]")]
Address = Annotated[
    str | None, typer.Option(help="Address of a Ray cluster, or auto. [default: Ray on this machine alone]")
]

Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Import modules beside the database, beside its study file and in this folder, if it names any."
    ),
]


ChangedCode = Annotated[
    bool, typer.Option("--changed-code", help="Go on although your own code has changed since the database was run.")
]


class Width(StrEnum):
    """Widths of figures on paper."""

    page = "page"
    column = "column"


def _finite(values: list[float] | None) -> list[float] | None:
    if values and not all(map(math.isfinite, values)):
        raise typer.BadParameter("a target is a finite number")
    return values


Style = Annotated[Path | None, typer.Option("--style", help="A matplotlib style file, on top of ours.", dir_okay=False)]
Wide = Annotated[Width, typer.Option("--width", help="How wide the figures are: as a page or as a column.")]
Targets = Annotated[
    list[float] | None,
    typer.Option("--target", callback=_finite, help="Objective to count trials to, beside quantiles; may be repeated."),
]


def use_data(folder: Path | None) -> None:
    """Look for data sets in this folder, here and in the workers."""
    if folder is not None:
        os.environ["HPSEARCH_DATA"] = str(folder.resolve())
