"""One thread a process, a feature cache of the tests' own, small studies to run, a method that tells what it does."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hpsearch.executors.processes import pin_threads

pin_threads()  # before torch is loaded

from hpsearch import comparison
from hpsearch.cli import main
from hpsearch.database import Database, DatabaseError
from hpsearch.space import Space
from hpsearch.spec import load_executor, read_spec

# Seconds. No test is about speed, for CI's machine may be busy: a wait ends only what hangs. Benchmarks measure.
PATIENCE = 300.0

OWN_TASK = """
from hpsearch.task import FunctionTask, Objective, Result


def objective(configuration, seed):
    value = (configuration["x"] - 0.3) ** 2 + 1e-3 * (seed % 97) / 97
    return Result(value, metrics={"test_loss": 2 * value}, curves={"loss": [1.0, value]})


TASK = FunctionTask(objective, Objective("loss", chance=1.0, direction="minimise"))
"""

OWN_STUDY = """
name = "own"
trials = 6
repeats = 3
seed = 7
task = "{module}"
searcher = "sobol"

[methods.wide]
space.x = [0.0, 10.0]

[methods.narrow]
space = {{ x = [0.0, 1.0], depth = 3 }}
"""


def run_to_end(study: Path, name: str = "run.db", executor: str = "inline", workers: int | None = None) -> Path:
    """Run a study file's comparison; returns its database, which lies beside it."""
    spec, file = read_spec(study), study.parent / name
    running = load_executor(executor, workers)
    try:
        with Database(file, write=True) as database:
            comparison.prepare(database, spec, str(study), lambda *_: None)
            for _ in comparison.run(database, spec, running, {"executor": executor}):
                pass
    finally:
        running.close()
    return file


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def cli(*words: object, cwd: Path | None = None, **environment: str) -> Done:
    """A command as it is typed, but in this process: a new one spends seconds on its imports."""
    out, errors = io.StringIO(), io.StringIO()
    path, handlers = (
        list(sys.path),
        {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)},
    )
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["hpsearch", *map(str, words)])
        for name, value in {"COLUMNS": "200", **environment}.items():
            patch.setenv(name, value)
        patch.setenv("HPSEARCH_DATA", os.environ.get("HPSEARCH_DATA", ""))  # --data sets it
        patch.chdir(cwd or Path.cwd())
        try:
            main()
            code: object = 0
        except SystemExit as stop:
            code = stop.code
        except Exception:  # as the interpreter ends a process
            traceback.print_exc()
            code = 1
        finally:
            sys.path[:] = path
            gc.enable()  # `report` does without
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return Done(int(code or 0) if code is None or isinstance(code, int) else 1, out.getvalue(), errors.getvalue())


def recorded(file: Path, state: str = "complete") -> int:
    """How many trials of a state a database has; none where there is none yet."""
    try:
        with Database(file) as database:
            return sum(states.get(state, 0) for states in database.counts().values())
    except DatabaseError:
        return 0


class Gate:
    """A task of one's own that waits within a training after so many: what hits it then hits it there."""

    def __init__(self, folder: Path) -> None:
        self._begun, self._allowed = folder / "begun", folder / "allowed"  # a byte each
        self._begun.touch()
        self._allowed.touch()

    @property
    def task(self) -> str:
        wait = f"""
    import os, time
    with open({str(self._begun)!r}, "ab", 0) as begun:
        begun.write(b"x")
        number = begun.tell()
    while number > os.stat({str(self._allowed)!r}).st_size:
        time.sleep(0.005)
"""
        return OWN_TASK.replace("configuration, seed):", f"configuration, seed):{wait}")

    def allow(self, more: int) -> None:
        """Let so many more begin; those that wait within do now."""
        os.truncate(self._allowed, self.begun + more)

    @property
    def begun(self) -> int:
        """Trainings that have begun since the gate is there."""
        return self._begun.stat().st_size

    def reached(self) -> bool:
        """Whether one waits within."""
        return self.begun > self._allowed.stat().st_size


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for a condition, and fail if it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def hears_ctrl_c() -> None:
    """For Popen's preexec_fn: a shell lets what it starts in the background ignore Ctrl-C, and their children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["HPSEARCH_CACHE"] = str(tmp_path_factory.getbasetemp().parent / "hpsearch-cache")


@pytest.fixture
def own_study(tmp_path: Path):
    """Write a task of one's own and a study file beside it; returns the study file."""

    def write(task: str = OWN_TASK, study: str = OWN_STUDY, module: str = "own_task") -> Path:
        # Each test's module has a name of its own: Python would keep the first one it imported.
        module = f"{module}_{abs(hash(str(tmp_path))) % 10**9}"
        (tmp_path / f"{module}.py").write_text(task)
        path = tmp_path / "own.toml"
        path.write_text(study.format(module=module))
        return path

    yield write
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


@dataclass(frozen=True)
class Recording:
    """Another method, noting the gradients it gets and the binary weights it leaves at every step."""

    method: Any
    gradients: list = field(default_factory=list)
    binary: list = field(default_factory=list)

    @property
    def space(self) -> Space:
        return self.method.space

    @property
    def schedules(self):
        return self.method.schedules

    def start(self, noise, h):
        state = self.method.start(noise, h)
        self.binary.append(state["binary"].clone())
        return state

    def weights(self, state, h, training):
        return self.method.weights(state, h, training)

    def gradient(self, state, gradient, h):
        return self.method.gradient(state, gradient, h)

    def update(self, state, gradient, h):
        self.gradients.append(gradient.clone())
        self.method.update(state, gradient, h)
        self.binary.append(state["binary"].clone())


@pytest.fixture
def recording():
    return Recording
