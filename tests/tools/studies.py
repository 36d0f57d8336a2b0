"""A small study with a task of its own, and running a study to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.executor import Executor
from hpsearch.contracts.progress import silent
from hpsearch.contracts.searcher import Searcher
from hpsearch.contracts.seeds import TRIAL_SEED_BITS
from hpsearch.driver.layout import prepare
from hpsearch.driver.loop import Recorded, SetAside, run
from hpsearch.driver.running import Where
from hpsearch.executors.inline import Inline
from hpsearch.store.database import Database
from hpsearch.study.plan import read_plan
from hpsearch.study.registry import Registry
from hpsearch.study.searching import Searchers

OWN_TASK = """
from hpsearch import FunctionTask, Objective, Result


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


@contextmanager
def going_on(
    study: Path,
    name: str = "run.db",
    executor: Executor | None = None,
    searcher: Searcher | None = None,
    seed_bits: int = TRIAL_SEED_BITS,
) -> Iterator[Iterator[Recorded | SetAside]]:
    """Begin or resume a study file's comparison in a database beside it, as far as its records are asked for."""
    plan, executor = read_plan(study), executor or Inline()
    plan = replace(plan, searchers=Searchers(searcher) if searcher else plan.searchers, seed_bits=seed_bits)
    with Database(study.parent / name, write=True) as database:
        prepare(database, plan, str(study), silent)
        with closing(run(database, plan, executor, {"executor": type(executor).__name__.lower()})) as records:
            yield records


def run_to_end(
    study: Path,
    name: str = "run.db",
    executor: str = "inline",
    workers: int | None = None,
    searcher: Searcher | None = None,
    seed_bits: int = TRIAL_SEED_BITS,
) -> Path:
    """Run a study file's comparison; returns its database, which lies beside it."""
    running = started(executor, workers=workers)
    try:
        with going_on(study, name, running, searcher, seed_bits) as records:
            for _ in records:
                pass
    finally:
        running.close()
    return study.parent / name


def started(executor: str, time_limit: float | None = None, **places: Any) -> Executor:
    """An executor of that name, as the command line starts it."""
    return Where(executor, **places).start(Registry(), time_limit)


def recorded(file: Path, state: str = "complete") -> int:
    """How many trials of a state a database has; none where there is none yet."""
    try:
        with Database(file) as database:
            return sum(states.get(state, 0) for states in database.counts().values())
    except DatabaseError:
        return 0


class Kept(NamedTuple):
    """All of a trial that must not depend on how a comparison was run."""

    method: str
    repeat: int
    trial: int
    seed: int
    configuration: dict[str, Any]
    objective: float | None
    metrics: dict[str, float | None]
    curves: dict[str, list[float | None]]
    state: str


def table(file: Path) -> list[Kept]:
    """A database's trials, with all that must not depend on how the comparison was run."""
    with Database(file) as database:
        rows = database.all_trials()
    return [Kept(*(getattr(row, name) for name in Kept._fields)) for row in rows]
