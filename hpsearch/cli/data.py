"""Commands for data sets: fetch one, say where it lies, check it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.completion import datasets
from hpsearch.cli.options import DATA, Data, DatasetName, use_data
from hpsearch.system.stopping import Stopped

if TYPE_CHECKING:
    from hpsearch.contracts.dataset import DataSet


def fetch(
    name: DatasetName,
    source: Annotated[
        str | None, typer.Option("--from", help="An address or an archive of yours, in place of the publisher's.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help=DATA, file_okay=False)] = None,
) -> None:
    """Download and unpack a data set, and check what arrived. The same command resumes it."""
    from hpsearch.contracts.dataset import data_folder
    from hpsearch.data import fetch as fetching
    from hpsearch.driver.display import Display

    use_data(data)
    dataset = _dataset(name)
    with Display() as display:
        display.say(f"{dataset.title}, licence {dataset.licence}, from {source or dataset.archive}")
        try:
            folder, found = fetching.fetch(dataset, data_folder(), source, display.preparing)
        except Stopped as stop:
            display.stop()
            print("stopped; the same command goes on", file=sys.stderr)
            raise SystemExit(stop.code) from None
    print(f"{folder}: {found}")


def where(
    name: Annotated[
        str | None,
        typer.Argument(help="Data set. [default: all]", show_default=False, autocompletion=datasets),
    ] = None,
    data: Data = None,
) -> None:
    """Print the folder of a data set, or without a name the folders of all data sets."""
    from hpsearch.contracts.errors import TaskError
    from hpsearch.study import kinds, registry

    use_data(data)
    if name is not None:
        print(_dataset(name).find())
        return
    found, passed_over = registry.Registry.here().everything(kinds.DATASET)
    for reason in passed_over:
        print(f"passed over: {reason}", file=sys.stderr)
    for known, dataset in found.items():
        try:
            print(f"{known}: {dataset.find()}")
        except TaskError as error:
            print(f"{known}: {error}")


def check(name: DatasetName, data: Data = None) -> None:
    """Read all of a data set and say whether it is whole."""
    from hpsearch.driver.display import Display

    use_data(data)
    dataset = _dataset(name)
    folder = dataset.find()
    with Display() as display:
        found = dataset.check(folder, display.preparing)
    print(f"{folder}: {found}")


def _dataset(name: str) -> DataSet:
    from hpsearch.study import kinds, registry

    return registry.Registry.here().find(kinds.DATASET, name)
