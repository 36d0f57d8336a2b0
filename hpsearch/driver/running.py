"""Run a comparison from its plan to its end, and show it: what the command line and `hpsearch.run` share."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

from hpsearch.contracts.errors import HpsearchError, SpecError, UsageError
from hpsearch.contracts.executor import Executor
from hpsearch.driver import deciding, layout, loop
from hpsearch.driver.display import Display
from hpsearch.store.database import Database
from hpsearch.store.rows import stand_ins_said
from hpsearch.store.suite import Setting, Suite, write_list
from hpsearch.study import kinds
from hpsearch.study.plan import Plan
from hpsearch.study.registry import Registry
from hpsearch.study.spaces import described
from hpsearch.study.suite import PlannedSuite
from hpsearch.system.output import hushed


@dataclass(frozen=True)
class Where:
    """Where to train, as the user says it; the executor decides about what is None.

    Attributes:
        executor: the executor's name.
        workers: how many workers.
        devices: "cpu", "auto", or GPUs such as "cuda:0,cuda:1".
        per_device: workers on each GPU.
        address: the address of a cluster.
    """

    executor: str = "processes"
    workers: int | None = None
    devices: str | None = None
    per_device: int | None = None
    address: str | None = None

    def start(self, found_in: Registry, time_limit: float | None = None) -> Executor:
        """The started executor. Raises SpecError if there is none of this name, or it does not take a setting."""
        make = found_in.find(kinds.EXECUTOR, self.executor)
        asked = {**asdict(self), "time_limit": time_limit}
        given = {key: value for key, value in asked.items() if key != "executor" and value is not None}
        if unknown := [key for key in given if key not in inspect.signature(make).parameters]:
            raise SpecError(f"executor: {self.executor} takes no {unknown[0]}")
        try:
            return make(**given)
        except ValueError as error:
            raise SpecError(f"executor: {error}") from error


def run_shown(
    plan: Plan,
    study_file: str,
    file: Path,
    where: Where,
    display: Display,
    *,
    changed_code: bool = False,
    until: deciding.Until | None = None,
    only: range | None = None,
) -> None:
    """Run or resume a comparison in a database; whatever stops it leaves all that is finished there.

    Args:
        plan: what is compared.
        study_file: what the database remembers about where the study file was.
        file: database to create or resume.
        where: where to train.
        display: shows preparation and trials.
        changed_code: whether to extend a comparison although the user's own code has changed since its last run.
        until: how long to add repeats; None to run those of the plan.
        only: the repeats to run of those of the plan; None for all. The database is laid out for all of them.

    Raises:
        UsageError: if `only` has repeats that the plan does not have.
    """
    if only is not None:
        check_repeats(plan, only)
    if until is not None:
        deciding.check(plan, until)
    executor = where.start(plan.found_in, plan.spec.time_limit)
    try:
        with Database(file, write=True, say=display.say) as database:
            lines = described(plan.spaces)
            plans: Iterable[Plan] = [plan]
            if until is not None:
                plans = deciding.rounds(database, plan, until, display.say)
            for each in plans:
                display.phase("preparing the data")
                with hushed(display.quiet):
                    layout.prepare(
                        database, each, study_file, display.preparing, display.say, changed_code=changed_code
                    )
                for line in lines:
                    display.say(line)
                lines = []
                _run(database, each, executor, where.executor, display, only)
            for line in stand_ins_said(database.stand_ins()):
                display.say(f"warning: {line}")
    finally:
        executor.close()


def run_suite_shown(
    suite: PlannedSuite, folder: Path, where: Where, display: Display, *, changed_code: bool = False
) -> dict[str, HpsearchError]:
    """Run or resume every setting of a suite, each in its own database of a folder, all with the same workers.

    Args:
        suite: what is compared, and under which settings.
        folder: where the databases are, or will be.
        where: where to train.
        display: shows preparation and trials.
        changed_code: whether to extend a comparison although the user's own code has changed since its last run.

    Returns:
        The settings that could not be run to their end, with the reason; the others have been.
    """
    files = {setting.label: folder / f"{setting.stem}.db" for setting in suite.settings}
    listed = (Setting(setting.label, files[setting.label], setting.at) for setting in suite.settings)
    folder.mkdir(parents=True, exist_ok=True)
    write_list(Suite(suite.name, suite.description, tuple(listed)), folder)
    failed: dict[str, HpsearchError] = {}
    of_file = {file: label for label, file in files.items()}
    executor = where.start(suite.settings[0].plan.found_in, suite.time_limit)
    known = len(executor.lost)
    try:
        with ExitStack() as opened:

            def begun() -> Iterator[tuple[Database, Plan]]:
                """Each setting's comparison, opened and prepared when it is its turn."""
                for setting in suite.settings:
                    label, plan = setting.label, setting.plan
                    display.phase(f"preparing {label}")
                    try:
                        database = opened.enter_context(Database(files[label], write=True, say=display.say))
                        with hushed(display.quiet):
                            layout.prepare(
                                database, plan, suite.study_file, display.preparing, display.say,
                                changed_code=changed_code,
                            )  # fmt: skip
                    except HpsearchError as error:
                        failed[label] = error
                        display.say(f"{label}: cannot be run: {error}")
                        continue
                    display.begin(database, _planned(plan), setting=label)
                    for difference in loop.differs_from_last_run(database, plan):
                        display.say(f"warning: {label}: {difference}")
                    yield database, plan

            facts: dict[str, str | int] = {"executor": where.executor, "threads": 1}
            with closing(loop.run_all(begun(), executor, facts, display.phase)) as records:
                for database, told in records:
                    label = of_file[database.path]
                    if isinstance(told, loop.SetAside):
                        display.set_aside(told, label)
                    elif isinstance(told, loop.Recorded):
                        display.recorded(told, label)
                    else:
                        if told.error is not None:
                            failed[label] = told.error
                            display.say(f"{label}: did not come to its end: {told.error}")
                        for line in stand_ins_said(database.stand_ins()):
                            display.say(f"warning: {label}: {line}")
                        database.close()
                    for line in executor.lost[known:]:
                        display.say(f"warning: {line}")
                        known += 1
    finally:
        executor.close()
    return failed


def check_repeats(plan: Plan, only: range) -> None:
    """Raise UsageError if the plan does not have these repeats."""
    if only.stop - 1 > plan.spec.repeats:
        raise UsageError(
            f"--only-repeats {repeats_text(only)}: {plan.spec.name} has {plan.spec.repeats} repeats; let repeats in "
            "its study file be those of all machines together"
        )


def repeats_text(repeats: range) -> str:
    """Repeats as `--only-repeats` takes them: "11-20", or "3"."""
    first, last = repeats.start, repeats.stop - 1
    return str(first) if first == last else f"{first}-{last}"


def _planned(plan: Plan, only: range | None = None) -> int | None:
    """How many trials each method has, in these repeats; None where a budget decides."""
    studies = plan.spec.repeats if only is None else len(only)
    return plan.spec.trials * studies if plan.spec.budget is None else None


def _run(database: Database, plan: Plan, executor: Executor, name: str, display: Display, only: range | None) -> None:
    """Run a comparison that is laid out, or these repeats of it; `name` is the executor's."""
    display.begin(database, _planned(plan, only), only)
    for difference in loop.differs_from_last_run(database, plan):
        display.say(f"warning: {difference}")
    known = len(executor.lost)
    facts: dict[str, str | int] = {"executor": name, "threads": 1}
    if only is not None:
        facts["only_repeats"] = repeats_text(only)
    with closing(loop.run(database, plan, executor, facts, display.phase, only)) as records:
        for told in records:
            if isinstance(told, loop.SetAside):
                display.set_aside(told)
            else:
                display.recorded(told)
            for line in executor.lost[known:]:
                display.say(f"warning: {line}")
                known += 1
