"""MLflow: an SQLite store with a run for each study and, below it, one for each trial; `mlflow ui` shows it.

    hpsearch export losses.db --to mlflow
    mlflow ui --backend-store-uri sqlite:///losses-mlflow.db

A trial's run has its hyperparameters, `objective`, its metrics, and its curves as `curves/NAME`, an epoch a step. A
study's run has the objectives of its complete trials, a trial a step.
"""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hpsearch.contracts.errors import ExportError
from hpsearch.contracts.export import Format
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.progress import Progress
from hpsearch.export.studies import Study, file_name, optional, quiet, read_studies
from hpsearch.store.rows import Trial

ARTIFACTS = "mlflow-artifacts:/"
"""Where a server would keep files of runs; an export has none, and no folder of this machine belongs in it."""
MOST = 1000
"""MLflow takes no more numbers than this at once."""
NO_TELEMETRY = "MLFLOW_DISABLE_TELEMETRY"
"""Where this variable is not set, MLflow tells its makers which of its functions are used."""


def _write(file: Path, out: Path, progress: Progress) -> None:
    objective, studies = read_studies(file)
    done, total = 0, sum(len(study.trials) for study in studies)
    progress("writing trials", done, total)  # before what takes seconds to import
    # Written under a plain name first: MLflow takes addresses, where some characters of a path mean something else.
    with quiet(), _without_telemetry(), _unsynchronised(), TemporaryDirectory(prefix="hpsearch-mlflow-") as folder:
        entities, refused = optional("mlflow.entities"), optional("mlflow.exceptions").MlflowException
        written = Path(folder) / "mlflow.db"
        store = optional("mlflow.store.tracking.sqlalchemy_store").SqlAlchemyStore(f"sqlite:///{written}", ARTIFACTS)
        try:
            runs = _Runs(store, entities, studies[0].comparison, objective)
            for study in studies:
                parent = runs.add_study(study)
                for trial in study.trials:
                    runs.add_trial(study, trial, parent)
                    done += 1
                    progress("writing trials", done, total)
        except refused as error:
            raise ExportError(f"{file}: MLflow refuses what it holds: {error}") from error
        finally:
            store.engine.dispose()
        shutil.move(written, out)


class _Runs:
    """The runs of one experiment in a store of MLflow's."""

    def __init__(self, store: Any, entities: Any, comparison: str, objective: Objective) -> None:
        facts = {"objective": objective.name, "unit": objective.unit, "direction": objective.direction}
        tags = [
            entities.ExperimentTag(key, str(value)) for key, value in (facts | {"chance": objective.chance}).items()
        ]
        self._store, self._entities = store, entities
        self._experiment = store.create_experiment(comparison, f"{ARTIFACTS}{file_name(comparison)}", tags)

    def add_study(self, study: Study) -> str:
        """Add a run for a study; returns its id."""
        points = [
            ("objective", trial.trial, trial.objective, _milliseconds(trial.ended))
            for trial in study.trials
            if trial.state == "complete"
        ]
        times = [_milliseconds(time) for trial in study.trials for time in (trial.started, trial.ended) if time]
        tags = {"method": study.method, "repeat": study.repeat, "seed": study.seed}
        span = (min(times, default=0), max(times, default=0))
        return self._add(f"{study.method}/{study.repeat}", span, "FINISHED", tags, {}, points)

    def add_trial(self, study: Study, trial: Trial, parent: str) -> None:
        """Add a trial's run below its study's."""
        started, ended = _milliseconds(trial.started or trial.ended), _milliseconds(trial.ended)
        last = {"objective": trial.result} if trial.state == "complete" else {}
        points = [(name, 0, value, ended) for name, value in {**last, **trial.metrics}.items()]
        points += [
            (f"curves/{name}", epoch, value, ended)
            for name, values in trial.curves.items()
            for epoch, value in enumerate(values, 1)
        ]
        tags = {"mlflow.parentRunId": parent, "method": study.method, "repeat": study.repeat, "trial": trial.trial}
        tags |= {"seed": trial.seed, "state": trial.state, "reason": trial.reason}
        name = f"{study.method}/{study.repeat}/{trial.trial}"
        status = "FINISHED" if trial.state == "complete" else "FAILED"
        self._add(name, (started, ended), status, tags, trial.configuration, points)

    def _add(
        self,
        name: str,
        span: tuple[int, int],
        status: str,
        tags: Mapping[str, object],
        configuration: Mapping[str, object],
        points: Sequence[tuple[str, int, float | None, int]],
    ) -> str:
        entities, (started, ended) = self._entities, span
        labels = [entities.RunTag(key, str(value)) for key, value in tags.items()]
        run = self._store.create_run(self._experiment, "", started, labels, name).info.run_id
        params = [entities.Param(key, str(value)) for key, value in configuration.items()]
        metrics = [
            entities.Metric(key, math.nan if value is None else value, time, step) for key, step, value, time in points
        ]
        self._store.log_batch(run, metrics[:MOST], params, [])
        for begin in range(MOST, len(metrics), MOST):
            self._store.log_batch(run, metrics[begin : begin + MOST], [], [])
        self._store.update_run_info(run, entities.RunStatus.from_string(status), ended, name)
        return str(run)


def _milliseconds(time: str | None) -> int:
    """A time of the database in milliseconds since 1970; 0 if an older version kept none."""
    return 0 if time is None else round(1000 * datetime.fromisoformat(time).timestamp())


@contextmanager
def _without_telemetry() -> Iterator[None]:
    """A context in which importing MLflow sends nothing; afterwards the variable is as it was."""
    before = os.environ.get(NO_TELEMETRY)
    os.environ[NO_TELEMETRY] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[NO_TELEMETRY]
        else:
            os.environ[NO_TELEMETRY] = before


@contextmanager
def _unsynchronised() -> Iterator[None]:
    """A context in which SQLite waits for no disk: nobody sees the file before it is whole."""
    sqlalchemy = optional("sqlalchemy")

    def hasten(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", hasten)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", hasten)


EXPORT = Format("-mlflow.db", _write)
