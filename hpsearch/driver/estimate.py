"""How long a comparison will take, measured by training one pack of each method and proposing once for each."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.objective import Result
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.searcher import History
from hpsearch.contracts.space import Configuration
from hpsearch.driver.pack import PackError, train_pack
from hpsearch.driver.proposing import propose
from hpsearch.searchers.random import SEARCHER as RANDOM
from hpsearch.store.database import Database
from hpsearch.store.rows import epochs_of
from hpsearch.study.plan import Plan
from hpsearch.study.schema import Spec
from hpsearch.system import clock

TRIALS_BEFORE = 10
"""How many trials a study has, at most, when its next proposal is timed."""
ROW_BYTES = 600
"""Bytes that a trial's row takes in the database beside its texts; measured on Figure 8."""


@dataclass(frozen=True)
class Estimate:
    """What a comparison costs from here on."""

    trials: int
    recorded: int
    training_seconds: float
    proposing_seconds: float
    workers: int
    database_bytes: int
    lost: Sequence[str]
    """One sentence per kind of loss: how many trials of a method failed or diverged."""

    @property
    def seconds(self) -> float:
        """Wall time: the driver proposes while the workers train, and they share the cores."""
        together = (self.training_seconds + self.proposing_seconds) / self.workers
        return max(together, self.proposing_seconds)

    def __str__(self) -> str:
        return "\n".join(
            (
                f"{self.trials} trials, of which {self.recorded} are recorded",
                f"about {clock.duration(self.seconds)} with {self.workers} workers ("
                f"{clock.duration(self.training_seconds)} of training, "
                f"{clock.duration(self.proposing_seconds)} of proposals)",
                f"about {self.database_bytes / 1e6:.1f} MB of database",
                *self.lost,
            )
        )


def estimate(plan: Plan, file: Path, workers: int, progress: Progress) -> Estimate:
    """Measure on this machine, with the same steps as a run. Nothing is recorded, but the task fills its cache.

    Args:
        plan: what is compared.
        file: its database, which may exist already.
        workers: how many will train at once.
        progress: told about the task's preparation and each method.

    Raises:
        TaskError: if a method's pack cannot be trained, with what the task raised.
    """
    spec, size = plan.spec, plan.pack_size
    plan.prepare(progress)
    recorded = _recorded(file)
    # Of one study, since those that travel together have the same split of the data.
    places = [(1, number, 1) for number in range(1, size + 1)] if plan.splits else None
    training = proposing = texts = 0.0
    left, lost = 0, []
    for label, method in plan.methods.items():
        configurations = RANDOM.propose(method.space, [History()] * size, range(size))
        try:
            trained = train_pack(plan.by_name, label, configurations, list(range(size)), places)
        except PackError as error:
            raise TaskError(f"a pack of {label} cannot be trained: {error}\n{error.trace}".rstrip()) from error
        if trained.together < size:  # the first attempt found out how many fit; a run does so once per worker
            trained = train_pack(plan.by_name, label, configurations, list(range(size)), places)
        lost += _lost(label, trained.results)
        cost = spec.seeds * trained.seconds / size
        remaining = max(0, spec.repeats * _length(spec, cost, trained.results) - recorded.get(label, 0))
        left += remaining
        training += remaining * cost
        proposing += remaining * _proposal_seconds(plan, label, configurations, trained.results)
        texts += remaining * _kept(spec) * (_text_bytes(configurations, trained.results) + len(trained.output)) / size
    done = sum(recorded.values())
    return Estimate(left + done, done, training, proposing, workers, int(texts + left * ROW_BYTES), lost)


def _length(spec: Spec, seconds: float, results: Sequence[Result]) -> int:
    """How many trials a study will have, each of which takes so many seconds and trains as these results were."""
    budget, epochs = spec.budget, epochs_of(results)
    ends = [float(spec.trials)]
    if budget is not None and budget.seconds is not None:
        ends.append(budget.seconds / max(seconds, 1e-9))
    if budget is not None and budget.epochs is not None and epochs:
        ends.append(budget.epochs / (spec.seeds * epochs / len(results)))
    rounds = math.ceil(min(ends) / spec.parallel)
    return min(spec.trials, rounds * spec.parallel)


def _kept(spec: Spec) -> int:
    """How many results are kept of a trial: its own, and those of its seeds if it has several."""
    return 1 + spec.seeds if spec.seeds > 1 else 1


def _lost(label: str, results: Sequence[Result]) -> list[str]:
    """How many of a pack's trials failed or diverged, each kind with the reason of its first."""
    said = []
    for outcome in ("failed", "diverged"):
        if reasons := [result.reason for result in results if result.outcome == outcome]:
            said.append(f"{label}: {len(reasons)} of {len(results)} trials {outcome}, the first with: {reasons[0]}")
    return said


def _proposal_seconds(
    plan: Plan, label: str, configurations: Sequence[Configuration], results: Sequence[Result]
) -> float:
    """Seconds per proposal, measured on a whole pack whose studies have up to TRIALS_BEFORE trials each."""
    size, objective = plan.pack_size, plan.task.objective
    trials = min(plan.spec.trials - 1, TRIALS_BEFORE)
    counted = objective.counted([result.objective for result in results])
    tried = list(zip(configurations, map(objective.oriented, counted), strict=True))
    histories = []
    for study in range(size):
        history = [tried[(study + trial) % size] for trial in range(trials)]
        histories.append(History(tuple(c for c, _ in history), tuple(value for _, value in history)))
    propose(plan.searchers[label], plan.spaces[label], histories, range(size))  # the first call also imports
    started = time.perf_counter()
    propose(plan.searchers[label], plan.spaces[label], histories, range(size, 2 * size))
    return (time.perf_counter() - started) / size


def _recorded(file: Path) -> dict[str, int]:
    if not file.is_file():
        return {}
    with Database(file) as database:
        counts = database.counts()
    return {label: sum(n for s, n in states.items() if s != "proposed") for label, states in counts.items()}


def _text_bytes(configurations: Iterable[object], results: Iterable[Result]) -> int:
    texts = [*configurations, *((dict(r.metrics), dict(r.curves)) for r in results)]
    return sum(len(json.dumps(text)) for text in texts)
