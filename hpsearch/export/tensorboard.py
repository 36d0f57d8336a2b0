"""TensorBoard: a folder of event files, a run for each trial, whose page HParams compares hyperparameters and metrics.

    hpsearch export losses.db --to tensorboard
    tensorboard --logdir losses-tensorboard

METHOD/REPEAT/TRIAL is a run with the trial's hyperparameters, its method, repeat and trial, its `objective` and
metrics, and its curves as `curves/NAME`, an epoch a step. `--logdir losses-tensorboard/METHOD` shows one method.
TensorBoard keeps numbers of curves and metrics in single precision, about seven digits.
"""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

from hpsearch.contracts.export import Format
from hpsearch.contracts.progress import Progress
from hpsearch.export.studies import Study, file_name, optional, quiet, read_studies
from hpsearch.store.rows import Trial

EVENTS = "events.out.tfevents.hpsearch"
"""TensorBoard reads every file with "tfevents" in its name."""


def _write(file: Path, out: Path, progress: Progress) -> None:
    _, studies = read_studies(file)
    done, total = 0, sum(len(study.trials) for study in studies)
    progress("writing trials", done, total)  # before what takes seconds to import
    out.mkdir()
    with quiet():
        writer = optional("tensorboard.summary.writer.record_writer").RecordWriter
        for study in studies:
            for trial in study.trials:
                run = out / file_name(study.method) / str(study.repeat) / str(trial.trial)
                run.mkdir(parents=True)
                with (run / EVENTS).open("wb") as stream:
                    records = writer(stream)
                    for event in _events(study, trial):
                        records.write(event.SerializeToString())
                done += 1
                progress("writing trials", done, total)


def _events(study: Study, trial: Trial) -> list[Any]:
    event = optional("tensorboard.compat.proto.event_pb2").Event
    scalar = optional("tensorboard.plugins.scalar.summary_v2").scalar_pb
    started, ended = _seconds(trial.started or trial.ended), _seconds(trial.ended)
    measured = {"objective": trial.result} if trial.state == "complete" else {}
    return [
        event(wall_time=started, file_version="brain.Event:2"),
        event(wall_time=started, summary=_start(study, trial, started)),
        *(
            event(wall_time=ended, step=epoch, summary=scalar(f"curves/{name}", math.nan if value is None else value))
            for name, values in trial.curves.items()
            for epoch, value in enumerate(values, 1)
        ),
        *(
            event(wall_time=ended, summary=scalar(name, math.nan if value is None else value))
            for name, value in {**measured, **trial.metrics}.items()
        ),
        event(wall_time=ended, summary=_end(trial, ended)),
    ]


def _start(study: Study, trial: Trial, started: float) -> Any:
    place = {"method": study.method, "repeat": study.repeat, "trial": trial.trial}
    name = f"{study.method}/{study.repeat}/{trial.trial}"
    return optional("tensorboard.plugins.hparams.summary_v2").hparams_pb(
        {**place, **trial.configuration}, name, started
    )


def _end(trial: Trial, ended: float) -> Any:
    """The end of a session, for which TensorBoard has a function only in a file that imports TensorFlow."""
    api, data, metadata, summary = (
        optional(f"tensorboard.{module}")
        for module in (
            "plugins.hparams.api_pb2",
            "plugins.hparams.plugin_data_pb2",
            "plugins.hparams.metadata",
            "compat.proto.summary_pb2",
        )
    )
    status = api.STATUS_SUCCESS if trial.state == "complete" else api.STATUS_FAILURE
    info = data.HParamsPluginData(session_end_info=data.SessionEndInfo(status=status, end_time_secs=ended))
    value = summary.Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(info),
        tensor=metadata.NULL_TENSOR,
    )
    return summary.Summary(value=[value])


def _seconds(time: str | None) -> float:
    """A time of the database in seconds since 1970; 0 if an older version kept none."""
    return 0.0 if time is None else datetime.fromisoformat(time).timestamp()


EXPORT = Format("-tensorboard", _write)
