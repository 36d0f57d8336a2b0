"""A command for planning: how many more repeats would tell the methods apart."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from hpsearch.cli.options import File
from hpsearch.system.threads import pin_threads


def power(
    file: File,
    target: Annotated[
        float | None,
        typer.Option(help="Objective to count trials to. [default: as good as 90% of all results]", show_default=False),
    ] = None,
) -> None:
    """Say how surely the methods are told apart by their repeats, and how many more would do it."""
    if target is not None and not math.isfinite(target):
        raise typer.BadParameter("a target is a finite number", param_hint="--target")
    pin_threads()
    from hpsearch.cli.tables import broken, printable, table_lines, terminal_width
    from hpsearch.driver.display import Display
    from hpsearch.report.power import powers
    from hpsearch.store.tables import load_tables

    with Display() as display:
        found = powers(load_tables(file), target, display.preparing)
    rows = []
    for each in found:
        more = f"more than {each.most}" if each.more is None else str(each.more)
        p = "-" if each.p is None else f"{each.p:.2g}"
        studies = ", ".join(map(str, dict.fromkeys(each.studies)))
        rows.append([printable(f"{each.a}, {each.b}"), each.what, studies, p, f"{each.power:.2f}", more])
    head = ["methods", "tested", "studies", "p", "power", "more repeats"]
    for line in table_lines(head, rows, 2, terminal_width()):
        print(line)
    print(
        broken(
            "Power: how likely p is below 0.05 in a new comparison of as many studies. More repeats: with so many more "
            "of each method, p is below 0.05 with probability 0.8. Both take the difference to be what it looks like "
            "now (400 bootstrap draws); repeats that are added because of p make p too small: --until-decided allows "
            "for that."
        )
    )
