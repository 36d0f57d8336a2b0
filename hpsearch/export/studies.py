"""What several formats need: the studies of a comparison, names of files, packages that may be missing, and quiet."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hpsearch.contracts.errors import ExportError
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Space
from hpsearch.store.database import Database
from hpsearch.store.rows import Trial

LONGEST = 200
"""Letters of a label in a file's name, of which file systems allow 255."""


@dataclass(frozen=True)
class Study:
    """One study as exports need it.

    Attributes:
        comparison: the comparison's name.
        method: the method's label.
        repeat: number of the study, from 1.
        seed: seed of all randomness in the study.
        space: the space that was searched.
        trials: finished trials, in order.
    """

    comparison: str
    method: str
    repeat: int
    seed: int
    space: Space
    trials: Sequence[Trial]

    @property
    def name(self) -> str:
        """Comparison, method and repeat, with slashes between them."""
        return f"{self.comparison}/{self.method}/{self.repeat}"


def read_studies(file: Path) -> tuple[Objective, list[Study]]:
    """What a comparison measures and all its studies, by method and repeat.

    Raises DatabaseError, or ExportError for what no other tool would take.
    """
    with Database(file) as database:
        comparison, methods, studies = database.existing(), database.methods(), database.studies()
        trials: dict[tuple[str, int], list[Trial]] = {(study.method, study.repeat): [] for study in studies}
        for trial in database.all_trials():
            if trial.state == "proposed":
                continue
            if not methods[trial.method].space.contains(trial.configuration):
                raise ExportError(
                    f"{file}: the configuration of {trial.method}, study {trial.repeat}, trial {trial.trial} lies "
                    "outside of the method's space, which only csv and parquet can tell"
                )
            trials[trial.method, trial.repeat].append(trial)
    return comparison.objective, [
        Study(
            comparison.name,
            study.method,
            study.repeat,
            study.seed,
            methods[study.method].space,
            trials[study.method, study.repeat],
        )
        for study in studies
    ]


def file_name(label: str) -> str:
    """A label as a file's name; a long one's end is a number that tells it from others with the same beginning."""
    quoted = quote(label, safe="")
    return quoted if len(quoted) <= LONGEST else f"{quoted[:LONGEST]}-{derived_seed(0, label):x}"


def optional(package: str) -> Any:
    """Import a module that only exports need. Raises ExportError if it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        raise ExportError(f"this export needs {name}: pip install 'hpsearch[export]'") from error


@contextmanager
def quiet() -> Iterator[None]:
    """A context without warnings and without log lines below errors; afterwards everything is as it was."""
    level = logging.root.manager.disable
    try:
        logging.disable(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
