"""Comma-separated tables: trials, training, seeds, curves, studies, hyperparameters; floats to the last bit."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hpsearch.contracts.export import Format
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.space import Value, space_as_json
from hpsearch.store.database import Database
from hpsearch.store.rows import SeedRow, Trial

Cell = Value | None
Table = dict[str, list[Cell]]
"""Column -> values, all of one type or None."""

KEY = ("method", "repeat", "trial")
RESULT = (*KEY, "objective", "state", "reason", "seconds", "seed")
TRAINING = ("proposed", "started", "ended", "trained_together", "attempts", "host", "device", "precision", "epochs")


def tables(file: Path) -> dict[str, Table]:
    """A comparison as tables that name each other's rows by method, repeat and trial.

    Returns:
        trials: one row per trial, also if it is only proposed: its objective (None unless it is complete),
            hyperparameters (None if its method does not have one), metrics, state, reason, seconds and seed.
        training: when (ISO 8601, UTC), where and how each trial was trained.
        seeds: one row per seed of a trial, if trials were trained with several, numbered from 1.
        curves: one row per epoch, counted from 1.
        studies: one row per study, with its seed and what the comparison measures.
        hyperparameters: one row per hyperparameter of a method; `values`, `value` and `when`, the condition under which
            it is active, are JSON.
    """
    with Database(file) as database:
        comparison, methods, studies = database.existing(), database.methods(), database.studies()
        trials, seeds = database.all_trials(), database.seeds()
    objective = comparison.objective
    measured: dict[str, Cell] = {
        "comparison": comparison.name,
        "objective": objective.name,
        "unit": objective.unit,
        "direction": objective.direction,
        "chance": objective.chance,
    }
    names = [name for method in methods.values() for name in method.space.names]
    metrics = [name for trial in trials for name in trial.metrics]
    curves = [name for trial in trials for name in trial.curves]
    return {
        "trials": _table(
            [
                {**_recorded(trial, RESULT), "objective": trial.result, **trial.metrics, **trial.configuration}
                for trial in trials
            ],
            (*KEY, "objective", *names, *metrics, *RESULT[4:]),
        ),
        "training": _table(
            [{**_recorded(trial, (*KEY, *TRAINING)), "run": trial.run_id} for trial in trials],
            (*KEY, *TRAINING, "run"),
        ),
        **({"seeds": _seeds(seeds)} if seeds else {}),
        "curves": _table(
            (
                {**_recorded(trial, KEY), "epoch": epoch, **dict(zip(trial.curves, values, strict=True))}
                for trial in trials
                for epoch, values in enumerate(zip(*trial.curves.values(), strict=True), 1)
            ),
            (*KEY, "epoch", *curves),
        ),
        "studies": _table(
            [{**measured, "method": s.method, "repeat": s.repeat, "seed": s.seed, "pack": s.pack} for s in studies],
            (*measured, "method", "repeat", "seed", "pack"),
        ),
        "hyperparameters": _table(
            [
                {"method": label, **parameter, "schedule": method.schedules.get(parameter["name"], "constant")}
                | {key: json.dumps(parameter[key]) for key in ("values", "value", "when") if key in parameter}
                for label, method in methods.items()
                for parameter in space_as_json(method.space)
            ],
            ("method", "name", "kind", "low", "high", "log", "values", "ordered", "value", "when", "schedule"),
        ),
    }


def _seeds(rows: Sequence[SeedRow]) -> Table:
    metrics = [name for row in rows for name in row.metrics]
    return _table(
        [
            {
                **{name: value for name, value in row._asdict().items() if name not in ("metrics", "curves")},
                "objective": row.result,
                **row.metrics,
            }
            for row in rows
        ],
        (*KEY, "number", "objective", *metrics, "state", "reason", "seed"),
    )


def _recorded(trial: Trial, names: Sequence[str]) -> dict[str, Cell]:
    fields = {**trial._asdict(), "epochs": trial.epochs_trained}
    return {name: fields[name] for name in names}


def _table(rows: Iterable[Mapping[str, Cell]], columns: Sequence[str]) -> Table:
    kept = list(rows)
    return {column: _of_one_type([row.get(column) for row in kept]) for column in dict.fromkeys(columns)}


def _of_one_type(values: list[Cell]) -> list[Cell]:
    """The values of a column in one type: whole numbers among floats as floats, any other mixture as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2:
        return values
    kind = float if kinds == {int, float} else str
    return [None if value is None else kind(value) for value in values]


def _write(file: Path, out: Path, progress: Progress) -> None:
    written = tables(file)
    out.mkdir()
    for done, (name, table) in enumerate(written.items(), 1):
        with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
        progress("writing tables", done, len(written))


EXPORT = Format("-csv", _write)
