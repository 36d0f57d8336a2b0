"""Optuna: an SQLite storage with one Optuna study per study, for `optuna.load_study` and optuna-dashboard."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from hpsearch.contracts.export import Format
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.space import Fixed, Float, Int, Searched
from hpsearch.export.studies import Study, optional, quiet, read_studies
from hpsearch.store.rows import Trial


def _write(file: Path, out: Path, progress: Progress) -> None:
    objective, studies = read_studies(file)
    done, total = 0, sum(len(study.trials) for study in studies)
    progress("writing trials", done, total)  # before what takes seconds to import

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(out)
        connection.execute("PRAGMA synchronous=OFF")  # nobody sees the file before it is whole
        return connection

    with quiet():
        optuna = optional("optuna")
        # A `creator`, because a URL would give some characters of a path a meaning of their own.
        storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect})
        try:
            for study in studies:
                target = _study(optuna, storage, study, objective)
                distributions = {p.name: _distribution(optuna.distributions, p) for p in study.space.searched}
                for trial in study.trials:
                    target.add_trial(_trial(optuna.trial, trial, study, distributions))
                    done += 1
                    progress("writing trials", done, total)
        finally:
            storage.engine.dispose()
    with closing(connect()) as connection, connection:
        _add_curves(connection, studies, objective)


def _study(optuna: Any, storage: Any, study: Study, objective: Objective) -> Any:
    direction = "maximize" if objective.direction == "maximise" else "minimize"
    target = optuna.create_study(storage=storage, study_name=study.name, direction=direction)
    target.set_metric_names([objective.name])
    facts = {"method": study.method, "repeat": study.repeat, "seed": study.seed}
    for key, value in {**facts, "unit": objective.unit, "chance": objective.chance}.items():
        target.set_user_attr(key, value)
    return target


def _distribution(distributions: Any, parameter: Searched) -> Any:
    if isinstance(parameter, Float):
        return distributions.FloatDistribution(parameter.low, parameter.high, log=parameter.log)
    if isinstance(parameter, Int):
        return distributions.IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
    return distributions.CategoricalDistribution(parameter.values)


def _trial(module: Any, trial: Trial, study: Study, distributions: Mapping[str, object]) -> Any:
    complete = trial.state == "complete"
    active = study.space.active(trial.configuration)
    fixed = {p.name: trial.configuration[p.name] for p in active if isinstance(p, Fixed)}
    searched = [p.name for p in active if not isinstance(p, Fixed)]
    outcome = {"seed": trial.seed, "state": trial.state, "reason": trial.reason, "seconds": trial.seconds}
    made = module.create_trial(
        state=module.TrialState.COMPLETE if complete else module.TrialState.FAIL,
        value=trial.objective if complete else None,
        params={name: trial.configuration[name] for name in searched},
        distributions={name: distributions[name] for name in searched},
        user_attrs={**fixed, **trial.metrics, **outcome},
    )
    made.datetime_start, made.datetime_complete = _local(trial.started), _local(trial.ended)
    return made


def _local(time: str | None) -> datetime | None:
    """A time of the database, in UTC, as Optuna wants it: local and without a time zone."""
    return None if time is None else datetime.fromisoformat(time).astimezone().replace(tzinfo=None)


def _add_curves(connection: sqlite3.Connection, studies: list[Study], objective: Objective) -> None:
    """Add the objective's curve as intermediate values, if the task records a curve under the objective's name.

    This uses SQL because Optuna's own functions take three queries per epoch, most of a minute for 1,000 trials.
    """
    curve = objective.name.replace(" ", "_")
    connection.executemany(
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
        "SELECT trial_id, ?, ?, ? FROM trials JOIN studies USING (study_id) WHERE study_name = ? AND number = ?",
        [
            (epoch, value, "NAN" if value is None else "FINITE", study.name, number)
            for study in studies
            for number, trial in enumerate(study.trials)
            for epoch, value in enumerate(trial.curves.get(curve, ()), 1)
        ],
    )


EXPORT = Format("-optuna.db", _write)
