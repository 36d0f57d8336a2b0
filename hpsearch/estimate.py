"""How long a comparison will take, measured: one pack of each method trained, one proposal of each made."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hpsearch.database import Database
from hpsearch.devices import torch_name
from hpsearch.searchers import History
from hpsearch.searchers.random import SEARCHER as RANDOM
from hpsearch.spec import Spec, load_method, load_searcher, load_task
from hpsearch.task import Progress, Result

ROW_BYTES = 600
"""What a trial's row takes in the database beside its texts; measured on Figure 8."""


@dataclass(frozen=True)
class Estimate:
    """What a comparison costs from here on."""

    trials: int
    recorded: int
    training_seconds: float
    proposing_seconds: float
    workers: int
    database_bytes: int

    @property
    def seconds(self) -> float:
        """Wall time: the driver proposes while the workers train, and they share the cores."""
        together = (self.training_seconds + self.proposing_seconds) / self.workers
        return max(together, self.proposing_seconds)

    def __str__(self) -> str:
        return (
            f"{self.trials} trials, of which {self.recorded} are recorded\n"
            f"about {_duration(self.seconds)} with {self.workers} workers "
            f"({_duration(self.training_seconds)} of training, {_duration(self.proposing_seconds)} of proposals)\n"
            f"about {self.database_bytes / 1e6:.1f} MB of database"
        )


def estimate(spec: Spec, file: Path, workers: int, progress: Progress) -> Estimate:
    """Measure on this machine. Nothing is recorded; features that a task caches are made."""
    task, searcher = load_task(spec.task), load_searcher(spec.searcher)
    task.prepare(progress)
    recorded = _recorded(file)
    training = proposing = texts = 0.0
    left = 0
    for label, method_spec in spec.methods.items():
        method = load_method(task, label, method_spec)
        remaining = spec.trials * spec.repeats - recorded.get(label, 0)
        left += remaining
        size = spec.pack_size
        configurations = RANDOM.propose(method.space, [History()] * size, range(size))
        started = time.perf_counter()
        results = task.train(method, configurations, list(range(size)), torch_name())
        training += remaining * (time.perf_counter() - started) / size
        history = History(tuple(configurations), tuple(task.objective.oriented(r.objective) for r in results))
        while len(history) < min(spec.trials - 1, 10):
            history = History(history.configurations * 2, history.objectives * 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a run counts them
            searcher.propose(method.space, [history], [0])  # the first call also imports
            started = time.perf_counter()
            searcher.propose(method.space, [history], [1])
        proposing += remaining * (time.perf_counter() - started)
        texts += remaining * _text_bytes(configurations, results) / size
    total = spec.trials * spec.repeats * len(spec.methods)
    return Estimate(total, total - left, training, proposing, workers, int(texts + left * ROW_BYTES))


def _recorded(file: Path) -> dict[str, int]:
    if not file.is_file():
        return {}
    with Database(file) as database:
        counts = database.counts()
    return {label: sum(n for s, n in states.items() if s != "proposed") for label, states in counts.items()}


def _text_bytes(configurations: Iterable[object], results: Iterable[Result]) -> int:
    texts = [*configurations, *((dict(r.metrics), dict(r.curves)) for r in results)]
    return sum(len(json.dumps(text)) for text in texts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
