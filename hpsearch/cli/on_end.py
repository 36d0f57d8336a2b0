"""The user's own command that is run when a run ends, with what came of it as JSON on its standard input.

It stands in the user's own configuration alone: a study file or a database, which may come from anybody, never sets it.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.contracts.errors import HpsearchError, UsageError
from hpsearch.contracts.json import Json

if TYPE_CHECKING:
    from hpsearch.driver.display import Display
    from hpsearch.study.plan import Plan
    from hpsearch.study.suite import PlannedSuite

LONGEST = 60.0
"""Seconds that the command may take: a run that has ended must not wait for it forever."""


def configuration_file() -> Path | None:
    """The user's configuration, whether it exists or not; None for a user without a home."""
    from platformdirs import user_config_path

    try:
        return user_config_path("hpsearch", appauthor=False) / "config.toml"
    except RuntimeError:
        return None


def on_end() -> str | None:
    """The command that the user's configuration names; None if there is none. Raises UsageError if that is wrong."""
    file = configuration_file()
    if file is None or not file.is_file():
        return None
    import tomllib

    from hpsearch.study.faults import shown, unknown

    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from error
    if strange := [key for key in read if key != "on_end"]:
        raise UsageError(f"{file}: {unknown(strange[0], strange[0], ['on_end'])}")
    command = read.get("on_end")
    if command is not None and not (isinstance(command, str) and command.strip()):
        raise UsageError(f"{file}: on_end: expected a command of the shell, got {shown(command)}")
    return command


@contextmanager
def told_at_end(display: Display, summary: Callable[[], Json]) -> Iterator[None]:
    """Within this something runs; at its end, whatever ended it, the user's command is told, with a summary of it."""
    command = on_end()  # before hours of training
    if command is None:
        yield
        return
    began, state, said = time.monotonic(), "finished", ""
    try:
        yield
    except SystemExit:
        state = "stopped"
        raise
    except BaseException as error:
        state, said = "failed", str(error) or type(error).__name__
        raise
    finally:
        display.stop()
        ended = {"state": state, "error": said, "seconds": round(time.monotonic() - began, 3)}
        if fault := _run(command, {**ended, **summary()}):
            display.always(f"warning: on_end in {configuration_file()}: {command!r} {fault}")


def suite_summary(suite: PlannedSuite, folder: Path) -> Json:
    """How far each setting of a suite is, as plain values."""
    settings = {s.label: comparison_summary(s.plan, folder / f"{s.stem}.db") for s in suite.settings}
    return {"name": suite.name, "folder": str(folder.resolve()), "host": platform.node(), "settings": settings}


def comparison_summary(plan: Plan, file: Path) -> Json:
    """How far the comparison in a database is, as plain values."""
    from hpsearch.store.database import Database

    objective = plan.task.objective
    summary: Json = {
        "name": plan.spec.name,
        "database": str(file.resolve()),
        "host": platform.node(),
        "objective": objective.name,
        "direction": objective.direction,
        "planned": None if plan.spec.budget else len(plan.methods) * plan.spec.repeats * plan.spec.trials,
        "trials": 0,
        "methods": {},
    }
    with suppress(HpsearchError, OSError), Database(file) as database:
        best = database.best_objectives()
        for label, states in database.counts().items():
            done = {state: states.get(state, 0) for state in ("complete", "diverged", "failed")}
            summary["methods"][label] = {**done, "best": best.get(label)}
            summary["trials"] += sum(done.values())
    return summary


def _run(command: str, summary: Json) -> str:
    """Run the command in a shell; returns what went wrong, in words, or nothing."""
    # What it prints goes to standard error, and Ctrl-C is for the run: it has a group of its own.
    try:
        process = subprocess.Popen(
            command, shell=True, stdin=subprocess.PIPE, stdout=2, text=True, encoding="utf-8", start_new_session=True
        )
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    try:
        process.communicate(json.dumps(summary) + "\n", timeout=LONGEST)
    except subprocess.TimeoutExpired:
        _kill(process)
        return f"took more than {LONGEST:g} s and was ended"
    except BaseException:
        _kill(process)
        raise
    return f"ended with {process.returncode}" if process.returncode else ""


def _kill(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
