"""How expensive is this training method to tune?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpsearch.tables import Tables

__version__ = "0.1.0"


def run(
    study: str | Path,
    database: str | Path | None = None,
    *,
    executor: str = "processes",
    workers: int | None = None,
    devices: str = "cpu",
    per_device: int = 1,
    address: str | None = None,
    quiet: bool = False,
) -> Tables:
    """Run a comparison to its end, or resume it, as the command `hpsearch run` does; returns its tables.

    Args:
        study: study file, or the name of a shipped study.
        database: file to create or resume; NAME.db in the current folder if None.
        executor: "processes", "ray", or "inline" to train in this very process. Processes import the main module anew
            (those that compute features, too), so a script calls this below `if __name__ == "__main__":`; a
            notebook need not care.
        workers: worker processes; one a core if None.
        devices: "cpu", "auto" for every GPU, or GPUs such as "cuda:0,cuda:1".
        per_device: workers on each GPU.
        address: of a Ray cluster, for the executor "ray"; None starts Ray on this machine.
        quiet: whether to show no progress.

    Raises:
        SpecError, DatabaseError, TaskError: one sentence on what is wrong, where, and what to do.
    """
    from hpsearch.children import importing_main

    if importing_main():
        raise RuntimeError("a script must call hpsearch.run below `if __name__ == '__main__':`")

    from hpsearch.executors.processes import pin_threads

    pin_threads()
    from hpsearch.progress import Display
    from hpsearch.running import run_shown
    from hpsearch.spec import find_study, read_spec
    from hpsearch.tables import load_tables

    path = find_study(str(study))
    spec = read_spec(path)
    file = Path(database or f"{spec.name}.db")
    with Display(quiet=quiet) as display:
        places = {"workers": workers, "devices": devices, "per_device": per_device, "address": address}
        run_shown(spec, path, file, executor, places, display)
    return load_tables(file)


def load(file: str | Path) -> Tables:
    """The tables of a comparison's database as pandas DataFrames; also while a run is writing it."""
    from hpsearch.tables import load_tables

    return load_tables(Path(file))


def write_report(file: str | Path, to: str | Path) -> list[Path]:
    """Write figures, tables and pages of a comparison into a folder, as `hpsearch report` does; returns the files."""
    from hpsearch import report

    return report.write_report(Path(file), Path(to))
