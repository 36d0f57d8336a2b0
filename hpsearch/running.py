"""A comparison from its study file to its end, shown as it goes: what the command line and `hpsearch.run` share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from hpsearch import comparison
from hpsearch.database import Database
from hpsearch.progress import Display
from hpsearch.spec import Spec, load_executor, recorded_name


def run_shown(
    spec: Spec, study: Path, file: Path, executor_name: str, places: Mapping[str, Any], display: Display
) -> None:
    """Run or resume a comparison in a database; whatever stops it leaves all that is finished there.

    Args:
        spec: what is in the study file.
        study: the study file.
        file: database to create or resume.
        executor_name: where to train.
        places: what the executor is made of: workers, devices, per_device and so on; None where it is to choose.
        display: shows preparation and trials.
    """
    executor = load_executor(executor_name, **places, time_limit=spec.time_limit)
    try:
        with Database(file, write=True, say=display.say) as database:
            comparison.prepare(database, spec, recorded_name(study), display.preparing)
            display.begin(database, spec.trials * spec.repeats)
            facts = {"executor": executor_name, "threads": 1}
            for difference in comparison.differs_from_last_run(database):
                display.say(f"warning: results may not repeat to the last bit: {difference}")
            with closing(comparison.run(database, spec, executor, facts)) as records:
                known = 0
                for recorded in records:
                    display.recorded(recorded)
                    for line in executor.lost[known:]:
                        display.say(f"warning: {line}")
                        known += 1
    finally:
        executor.close()
