"""Commands that train: run a comparison, confirm what it chose."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.completion import studies
from hpsearch.cli.on_end import comparison_summary, suite_summary, told_at_end
from hpsearch.cli.options import (
    Address,
    ChangedCode,
    Data,
    Devices,
    ExecutorName,
    FileOrSuite,
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
    from hpsearch.study.suite import PlannedSuite


def run(
    study: Annotated[
        str,
        typer.Argument(
            help="Study or suite file, or the name of a shipped one.", show_default=False, autocompletion=studies
        ),
    ],
    database: Annotated[
        Path | None,
        typer.Option(help="Database to create or resume; of a suite, its folder. [default: NAME.db; of a suite, NAME]"),
    ] = None,
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
    """Run a comparison, or a suite of them. The same command resumes it after any interruption."""
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
    from hpsearch.study.suite import find_suite
    from hpsearch.system.output import hushed

    where = Where(executor, workers, devices, per_device, address)
    if (suite := find_suite(study)) is not None:
        if dry_run or until_decided or only is not None:
            raise typer.BadParameter(
                "--dry-run, --until-decided and --only-repeats take a study, and this is a suite: leave them out"
            )
        _run_suite(suite, database, where, changed_code, quiet)
        return
    path = find_study(study)
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
            with told_at_end(display, lambda: comparison_summary(plan, file)):
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


def _run_suite(path: Path, to: Path | None, where: Where, changed_code: bool, quiet: bool) -> None:
    """Run every setting of a suite; if somebody stops it, say how to go on."""
    from hpsearch.driver.display import Display
    from hpsearch.study.suite import read_suite
    from hpsearch.system.output import hushed

    with Display(quiet=quiet) as display:
        display.phase(f"reading {path.name}")
        with hushed(quiet):
            suite = read_suite(path)
        folder = to or Path(suite.name)
        outlive_terminal()
        with told_at_end(display, lambda: suite_summary(suite, folder)):
            _run_suite_or_stop(suite, folder, where, display, changed_code)
        display.say(f"finished: {folder}{display.lost()}; see it with: hpsearch report {folder}", whole=True)


def _run_suite_or_stop(suite: PlannedSuite, folder: Path, where: Where, display: Display, changed_code: bool) -> None:
    """Run every setting to its end; what stops or fails ends the command with its exit code."""
    from hpsearch.driver.running import run_suite_shown

    try:
        failed = run_suite_shown(suite, folder, where, display, changed_code=changed_code)
    except Stopped as stop:
        display.stop()
        display.always(f"stopped; everything finished is in {folder}; the same command goes on", whole=True)
        raise SystemExit(stop.code) from None
    if failed:
        display.stop()
        for label, error in failed.items():
            display.always(f"{label}: {error}")
        whole = len(suite.settings) - len(failed)
        display.always(f"{whole} of {len(suite.settings)} settings are finished in {folder}", whole=True)
        raise SystemExit(max(error.exit_code for error in failed.values()))


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
    file: FileOrSuite,
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
    """Train what each study chose again, with fresh seeds, and report test metrics. The same command resumes it.

    Of a suite all databases are confirmed, each into a file beside it, for the suite's report.
    """
    pin_threads()
    ask_for_even_rounding()
    use_data(data)
    from hpsearch.driver.display import Display
    from hpsearch.driver.running import Where
    from hpsearch.report import check_folder, write_report
    from hpsearch.store.chosen import method_of
    from hpsearch.store.suite import suite_in

    if along is not None and overall:
        raise typer.BadParameter("--along follows every study and --overall takes one: give one of them")
    is_suite = file.is_dir()
    if is_suite and (database is not None or to is not None):
        raise typer.BadParameter("the files of a suite lie beside its databases: leave --database and --to out")
    if is_suite and overall:
        raise typer.BadParameter("the report of a suite needs every study's choice: leave --overall out")
    kind = "-overall" if overall else "-along" if along else ""
    where = Where(executor, workers, devices, per_device, address)
    chosen = [setting.file for setting in suite_in(file).begun] if is_suite else [file]
    for each in chosen:
        out = database or each.with_name(f"{each.stem}-confirm{kind}.db")
        folder = to or out.with_name(f"{out.stem}-report")
        if not is_suite:
            check_folder(folder)  # before hours of training
        with Display(quiet=quiet, group=method_of) as display:
            _confirm(each, out, seeds, overall, setting or [], along, where, display, changed_code, trust)
        if not is_suite:  # whose own report has them
            for path in write_report(out, folder):
                tell(path, sys.stdout)


def _confirm(
    file: Path,
    out: Path,
    seeds: int,
    overall: bool,
    words: list[str],
    along: str | None,
    where: Where,
    display: Display,
    changed_code: bool,
    trust: bool,
) -> None:
    """Train what the studies of one database chose again, into `out`."""
    from hpsearch.driver.confirm import confirmation
    from hpsearch.store.tables import load_tables
    from hpsearch.study.registry import Registry
    from hpsearch.system.output import hushed

    tables = load_tables(file)
    study = tables.comparison.study_file
    display.phase(f"importing {tables.comparison.spec.task.name}")
    with hushed(display.quiet):
        plan = confirmation(
            tables,
            Registry.of_database(file, study, trust),
            seeds,
            overall,
            _settings(words),
            moments=_moments(along, tables.comparison.trials),
            changed_code=changed_code,
        )
    with told_at_end(display, lambda: comparison_summary(plan, out)):
        run_or_stop(plan, study, out, where, display, changed_code)


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
