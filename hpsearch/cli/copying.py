"""Commands that make a database from others, which stay as they are: merge parts of a comparison, copy one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.completion import databases
from hpsearch.cli.options import ChangedCode, File


def merge(
    files: Annotated[
        list[Path],
        typer.Argument(help="Databases that hold repeats of one comparison.", autocompletion=databases),
    ],
    into: Annotated[Path, typer.Option("--into", help="Database to make.", show_default=False)],
    changed_code: ChangedCode = False,
) -> None:
    """Make one database of repeats that were run on several machines with `hpsearch run STUDY --only-repeats`."""
    if len(files) < 2:
        raise typer.BadParameter("give two databases or more; one is copied with hpsearch copy")
    from hpsearch.driver.display import Display
    from hpsearch.driver.merging import merge as merge_files

    with Display() as display:
        made = merge_files(files, into, lambda said: display.always(f"warning: {said}"), changed_code=changed_code)
    print(f"{into}: {made.trials} trials; {made.begun} of {made.studies} studies are begun, as in a single run")


def copy(
    file: File,
    into: Annotated[Path, typer.Argument(help="Database to make.", show_default=False)],
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", metavar="OLD=NEW", help="Give a method another label; may be repeated."),
    ] = None,
    drop: Annotated[list[str] | None, typer.Option("--drop", help="Leave a method out; may be repeated.")] = None,
) -> None:
    """Copy a database, with other labels or without some methods. Seeds and trials stay what they are."""
    labels = {}
    for words in rename or ():
        old, equals, new = words.partition("=")
        if not equals or old in labels:
            raise typer.BadParameter(f"--rename {words}: expected OLD=NEW, once for each method")
        labels[old] = new
    from hpsearch.cli.tables import printable
    from hpsearch.driver.copying import copy as copy_file

    kept = copy_file(file, into, labels, drop or ())
    print(f"{into}: {printable(', '.join(kept))}")
