"""Commands that train: run a comparison, confirm what it chose."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.completion import studies
from hpsearch.cli.on_end import told_at_end
from hpsearch.cli.options import (
    Address,
    ChangedCode,
    Data,
    Devices,
    ExecutorName,
    File,
    PerDevice,
    Trust,
    Workers,
    use_data,
)  # fmt: skip
from hpsearch.system.rounding import ask_for_even_rounding
from hpsearch.system.stopping import Stopped, outlive_terminal, tell
from hpsearch.system.threads import pin_threads

if TYPE_CHECKING:
    from hpsearch.contracts.space import Value
    from hpsearch.driver.deciding import Until
    from hpsearch.driver.display import Display
    from hpsearch.driver.running import Where
    from hpsearch.study.plan import Plan


def run(
    study: Annotated[
        str,
        typer.Argument(help="Study file, or the name of a shipped study.", show_default=False, autocompletion=studies),
    ],
    database: Annotated[Path | None, typer.Option(help="Database to create or resume. [default: NAME.db]")] = None,
    data: Data = None,
    executor: ExecutorName = "processes",
    workers: Workers = None,
    devices: Devices = None,
    per_device: PerDevice = None,
    address: Address = None,
    changed_code: ChangedCode = False,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add repeats in rounds of 5 until two methods are told apart.")
    ] = False,
    most_repeats: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="With --until-decided: the most repeats to add up to.")
    ] = None,
    only_repeats: Annotated[
        str | None,
        typer.Option(
            "--only-repeats",
            metavar="FIRST-LAST",
            help="Run only these repeats, as 11-20 or 3, and others elsewhere: hpsearch merge brings them together.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many trials, how long, how much disk.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a comparison. The same command resumes it after any interruption."""
    pin_threads()  # before torch is loaded, here and in the workers
    ask_for_even_rounding()
    use_data(data)
    if until_decided != (most_repeats is not None):
        raise typer.BadParameter("give --until-decided and --most-repeats together, or neither")
    if until_decided and only_repeats is not None:
        raise typer.BadParameter("--until-decided looks at all repeats: run it without --only-repeats")
    only = None if only_repeats is None else _repeats(only_repeats)
    from hpsearch.driver.deciding import Until
    from hpsearch.driver.display import Display
    from hpsearch.driver.running import Where, check_repeats
    from hpsearch.study.plan import read_plan
    from hpsearch.study.shipped import find_study, recorded_name
    from hpsearch.system.output import hushed

    path = find_study(study)
    where = Where(executor, workers, devices, per_device, address)
    with Display(quiet=quiet) as display:
        with hushed(quiet):
            plan = read_plan(path, display.phase)
        file = database or Path(f"{plan.spec.name}.db")
        if dry_run:
            if executor == "ray":
                raise typer.BadParameter("--dry-run measures this machine: try it without --executor ray")
            if most_repeats is not None:  # what it costs at most
                plan = replace(plan, spec=plan.spec.model_copy(update={"repeats": most_repeats}))
            if only is not None:
                check_repeats(plan, only)
                spec = plan.spec.model_copy(update={"repeats": len(only)})
                plan = replace(plan, spec=spec, pack_size=min(plan.pack_size, len(only)))
            _dry_run(plan, file, where, display)
        else:
            until = None if most_repeats is None else Until(most_repeats)
            with told_at_end(plan, file, display):
                run_or_stop(plan, recorded_name(path), file, where, display, changed_code, until, only)


def run_or_stop(
    plan: Plan,
    study_file: str,
    file: Path,
    where: Where,
    display: Display,
    changed_code: bool,
    until: Until | None = None,
    only: range | None = None,
) -> None:
    """Run a comparison to its end; if somebody stops it, say how to go on."""
    from hpsearch.driver.running import repeats_text, run_shown

    outlive_terminal()
    try:
        run_shown(plan, study_file, file, where, display, changed_code=changed_code, until=until, only=only)
    except Stopped as stop:
        display.stop()
        kept = f"everything finished is in {file}" if file.exists() else "before the first trial"
        display.always(f"stopped; {kept}; the same command goes on", whole=True)
        raise SystemExit(stop.code) from None
    lost = display.lost()
    if only is None or len(only) == plan.spec.repeats:
        display.say(f"finished: {file}{lost}; see it with: hpsearch report {file}", whole=True)
    else:
        said = f"finished: repeats {repeats_text(only)} of {plan.spec.repeats} in {file}{lost}"
        display.say(f"{said}; bring it together with the others: hpsearch merge {file} ... --into ALL.db", whole=True)


def _repeats(words: str) -> range:
    """Repeats from words like "11-20" or "3"."""
    first, _, last = words.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found or found.start < 1:
        raise typer.BadParameter(f"--only-repeats {words}: expected FIRST-LAST, as 11-20, or one number from 1")
    return found


def _dry_run(plan: Plan, file: Path, where: Where, display: Display) -> None:
    from hpsearch.driver.estimate import estimate
    from hpsearch.study.spaces import described
    from hpsearch.system.cores import available_cores
    from hpsearch.system.devices import CPU, named, use_here

    names = named(where.devices or CPU)
    use_here(names[0])
    at_once = where.workers or (available_cores() if names == (CPU,) else len(names) * (where.per_device or 1))
    for line in described(plan.spaces):
        display.say(line)
    display.phase("training one pack of each method and proposing once for each, to measure them")
    expected = estimate(plan, file, at_once, display.preparing)
    display.stop()
    print(expected)


def confirm(
    file: File,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds for each chosen configuration.")] = 5,
    overall: Annotated[bool, typer.Option("--overall", help="Only the best study's choice of each method.")] = False,
    along: Annotated[
        str | None,
        typer.Option(
            "--along",
            metavar="TRIALS",
            help="Also what led after these trials, as in 1,5,10,25; 'all' for all that led.",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the task, such as epochs=100; may be repeated.")
    ] = None,
    database: Annotated[
        Path | None,
        typer.Option(help="File to create or resume. [default: FILE's name + '-confirm.db', or '-confirm-along.db']"),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder of the report. [default: beside the database]")] = None,
    workers: Workers = None,
    executor: ExecutorName = "processes",
    devices: Devices = None,
    per_device: PerDevice = None,
    address: Address = None,
    data: Data = None,
    changed_code: ChangedCode = False,
    trust: Trust = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but errors and the report's files.")
    ] = False,
) -> None:
    """Train what each study chose again, with fresh seeds, and report test metrics. The same command resumes it."""
    pin_threads()
    ask_for_even_rounding()
    use_data(data)
    from hpsearch.driver.confirm import confirmation
    from hpsearch.driver.display import Display
    from hpsearch.driver.running import Where
    from hpsearch.report import check_folder, write_report
    from hpsearch.store.chosen import method_of
    from hpsearch.store.tables import load_tables
    from hpsearch.study.registry import Registry
    from hpsearch.system.output import hushed

    if along is not None and overall:
        raise typer.BadParameter("--along follows every study and --overall takes one: give one of them")
    kind = "-overall" if overall else "-along" if along else ""
    out = database or file.with_name(f"{file.stem}-confirm{kind}.db")
    folder = to or out.with_name(f"{out.stem}-report")
    check_folder(folder)  # before hours of training
    tables = load_tables(file)
    study = tables.comparison.study_file
    found_in = Registry.of_database(file, study, trust)
    with Display(quiet=quiet, group=method_of) as display:
        display.phase(f"importing {tables.comparison.spec.task.name}")
        with hushed(quiet):
            plan = confirmation(
                tables,
                found_in,
                seeds,
                overall,
                _settings(setting or []),
                moments=_moments(along, tables.comparison.trials),
                changed_code=changed_code,
            )
        where = Where(executor, workers, devices, per_device, address)
        with told_at_end(plan, out, display):
            run_or_stop(plan, study, out, where, display, changed_code)
    for path in write_report(out, folder):
        tell(path, sys.stdout)


def _moments(words: str | None, trials: int) -> list[int] | None:
    """Numbers of trials from words like "1,5,25"; none without words, None for "all"."""
    if words is None or words == "all":
        return None if words else []
    try:
        found = [int(word) for word in words.split(",")]
    except ValueError:
        found = [0]
    if not all(1 <= moment <= trials for moment in found):
        raise typer.BadParameter(f"--along {words}: expected all, or numbers of trials from 1 to {trials} with commas")
    return found


def _settings(words: list[str]) -> dict[str, Value]:
    """Settings from words of the form `name=value`; a value is a TOML value, or a bare word."""
    import tomllib

    found: dict[str, Value] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"--set {word}: expected name=value")
        try:
            found[name.strip()] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[name.strip()] = text
    return found
