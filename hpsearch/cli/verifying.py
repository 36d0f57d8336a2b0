"""Commands that verify a database: train one trial again, or propose all trials again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.options import Data, File, FileOrSuite, Trust, use_data
from hpsearch.system.rounding import ask_for_even_rounding
from hpsearch.system.threads import pin_threads

if TYPE_CHECKING:
    from hpsearch.driver.display import Display


def replay(
    file: File,
    method: Annotated[str, typer.Argument(help="Label of the method.", show_default=False)],
    repeat: Annotated[int, typer.Argument(help="Number of the study, from 1.", show_default=False)],
    trial: Annotated[int, typer.Argument(help="Number of the trial in it, from 1.", show_default=False)],
    data: Data = None,
    trust: Trust = False,
) -> None:
    """Train a recorded trial again and say whether every bit agrees. Exit code 5 if not."""
    pin_threads()  # before torch is loaded: results depend on the number of threads
    use_data(data)
    from hpsearch.driver.display import Display
    from hpsearch.driver.replay import replay as replay_trial

    with Display() as display:
        found = replay_trial(file, method, repeat, trial, display.preparing, trust=trust)
    name = f"{method}, study {repeat}, trial {trial}"
    if not found.differing:
        print(f"{name}: every bit agrees: objective, metrics and curves, {found.numbers} values")
    else:
        print(f"{name}: {len(found.differing)} of {found.numbers} values differ: {'; '.join(found.differing[:3])}")
    for reason in found.incomparable:
        print(f"not comparable: {reason}")
    if found.differing and found.changed_code:
        print(f"the code has changed too: {found.changed_code}")
    if found.differing:
        raise typer.Exit(5)


def check(
    file: FileOrSuite,
    quick: Annotated[bool, typer.Option("--quick", help="Do not propose the trials again.")] = False,
    trust: Trust = False,
) -> None:
    """Verify a database, or each of a suite: the file, its seeds, and that the searcher proposes the same again."""
    from hpsearch.driver.display import Display
    from hpsearch.store.suite import suite_in

    pin_threads()  # proposals depend on the number of threads
    ask_for_even_rounding()
    with Display() as display:
        files = [setting.file for setting in suite_in(file).begun] if file.is_dir() else [file]
        sound = [_check(each, quick, trust, display) for each in files]
    if not all(sound):
        raise typer.Exit(5)


def _check(file: Path, quick: bool, trust: bool, display: Display) -> bool:
    """Verify a database and say what was found; returns whether nothing is wrong."""
    from hpsearch.driver.check import check as check_file

    found = check_file(file, proposals=not quick, progress=display.preparing, trust=trust)
    for fault in found.faults:
        print(f"wrong: {fault}")
    for change in found.changed_code:
        print(f"changed: {change}")
    for reason in found.incomparable if found.proposals else ():
        print(f"not comparable: {reason}")
    if found.faults:
        return False
    again = "not proposed again"
    if found.proposals:
        same = found.proposals - found.differing
        again = f"{same} proposals are what the searcher proposes again"
        again += f", {found.differing} are not, on another machine or with other versions" if found.differing else ""
    print(f"{file}: nothing is wrong with {found.trials} trials; {again}")
    return True
