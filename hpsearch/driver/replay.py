"""Train a recorded trial again, and compare every number of its record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hpsearch.contracts.errors import DeviceError, OtherDataError, ReplayError
from hpsearch.contracts.json import Json
from hpsearch.contracts.objective import Result
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.seeds import trial_seeds
from hpsearch.driver.averaged import averaged
from hpsearch.driver.pack import PackError, train_pack
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, SeedRow, Stored, Trial, find_trial, stored
from hpsearch.study.plan import Plan, resolve
from hpsearch.study.registry import Registry
from hpsearch.system.devices import CPU, named, use_here
from hpsearch.system.provenance import changed_modules, differences, provenance
from hpsearch.system.rounding import VARIABLE, ask_for_even_rounding


@dataclass(frozen=True)
class Replay:
    """What came of training a trial again.

    Attributes:
        numbers: how many values were compared: state, reason, objective, metrics, and every epoch of every curve.
        differing: values that are not the same to the last bit, as "NAME: OLD recorded, NEW now".
        incomparable: why even an honest replay need not agree: another processor, other versions or settings.
        changed_code: the two commits if they differ; most changes of code leave all numbers the same.
        seconds: how long the training took.
    """

    numbers: int
    differing: tuple[str, ...]
    incomparable: tuple[str, ...]
    changed_code: str
    seconds: float


def replay(file: Path, method: str, repeat: int, trial: int, progress: Progress, *, trust: bool = False) -> Replay:
    """Train a trial again, alone, from its recorded configuration and seed.

    With `trust` its task may be imported from a folder of the database's, and not only if it is installed.

    Raises:
        DatabaseError: if the file cannot be read.
        SpecError: if its task is not here, or not trusted.
        ReplayError: if it holds no such trial.
        OtherDataError: if other data lies here than it was run on.
    """
    with Database(file) as database:
        comparison, runs, row = database.existing(), database.runs(), _row(database, file, method, repeat, trial)
        seeds = [seed for seed in database.seeds() if (seed.method, seed.repeat, seed.trial) == row[:3]]
    place = next((run.provenance for run in runs if run.id == row.run_id), {})
    if place.get("executor") == "inline" and (mode := place.get(VARIABLE.lower())):
        ask_for_even_rounding(mode)  # it was trained in a driver
    plan = resolve(comparison.spec, Registry.of_database(file, comparison.study_file, trust))
    data = plan.prepare(progress)
    if other := [name for name, value in comparison.data.items() if data.get(name) != value]:
        raise OtherDataError(
            f"{file}: was run on other data than lies here ({', '.join(other)} differ); "
            "give the folder that has its data with --data"
        )
    if (row.device or CPU).startswith(("cuda", "GPU")):
        use_here(_first_gpu(file, str(row.device)))
    started = time.monotonic()
    result, of_seeds = _train(plan, comparison, row)
    here = provenance()
    old, new = _numbers(row), _numbers(stored(result))
    for seed in seeds:
        name = f"seed {seed.number}: "
        old |= {f"{name}{key}": value for key, value in _numbers(seed).items()}
        if seed.number <= len(of_seeds):
            again = _numbers(stored(of_seeds[seed.number - 1]))
            new |= {f"{name}{key}": value for key, value in again.items()}
    then, now = place.get("commit"), here["commit"]
    code = changed_modules(place, {"code": plan.code}, ["training"])
    changes = ([] if then == now else [f"{then} then, {now} now"]) + ([", ".join(code)] if code else [])
    return Replay(
        numbers=len(old),
        differing=tuple(_differing(old, new)),
        incomparable=(*differences(place, here), *_other_defaults(comparison.resolved, plan.settings(), method)),
        changed_code="; ".join(changes),
        seconds=time.monotonic() - started,
    )


def _row(database: Database, file: Path, method: str, repeat: int, trial: int) -> Trial:
    rows = [row for row in database.all_trials() if row.state != "proposed"]
    try:
        return find_trial(rows, method, repeat, trial, "finished trial")
    except LookupError as error:
        raise ReplayError(f"{file}: {error}") from None


def _first_gpu(file: Path, recorded: str) -> str:
    """The first GPU of this machine; it does not matter which one trains."""
    first = named("auto")[0]
    if first == CPU:
        raise ReplayError(f"{file}: this trial was trained on {recorded}, and torch finds no GPU here")
    return first


def _train(plan: Plan, comparison: Comparison, row: Trial) -> tuple[Result, list[Result]]:
    """The trial's result, and those of its seeds if it has several."""
    numbers = range(1, plan.spec.seeds + 1)
    label = comparison.spec.seed_label(row.method)
    _, *more = trial_seeds(comparison.seed, label, row.repeat, row.trial, comparison.seed_bits, plan.spec.seeds)
    places = [(row.repeat, row.trial, number) for number in numbers]
    try:
        configurations = [row.configuration for _ in numbers]
        trained = train_pack(plan.by_name, row.method, configurations, [row.seed, *more], places)
    except (PackError, DeviceError) as error:
        return Result(None, outcome="failed", reason=str(error)), []
    return averaged(trained.results, plan.task.objective), trained.results if len(numbers) > 1 else []


def _numbers(of: Trial | SeedRow | Stored) -> dict[str, float | str | None]:
    numbers: dict[str, float | str | None] = {"state": of.state, "reason": of.reason, "objective": of.objective}
    numbers |= of.metrics
    for name, values in of.curves.items():
        numbers |= {f"{name} in epoch {epoch}": value for epoch, value in enumerate(values, 1)}
    return numbers


def _differing(old: Mapping[str, float | str | None], new: Mapping[str, float | str | None]) -> Iterator[str]:
    for name, was in old.items():  # a curve that did not exist then has nothing to differ from
        now = new.get(name)
        if was != now:
            yield f"{name}: {was} recorded, {now} now"


def _other_defaults(old: Json, new: Json, method: str) -> Iterator[str]:
    """Settings whose value has changed since; a setting that is new does not count."""
    for part in ("task", "schedules"):
        before, now = (r["task"] if part == "task" else r["methods"][method]["schedules"] for r in (old, new))
        for name, value in before.items():
            if now.get(name) != value:
                yield f"{part}.{name}: {value!r} before, {now.get(name)!r} now"
