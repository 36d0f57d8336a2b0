"""How expensive is this training method to tune?"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpsearch.contracts.correctness import Correctness
    from hpsearch.contracts.dataset import DataSet
    from hpsearch.contracts.errors import HpsearchError, TaskError
    from hpsearch.contracts.executor import Executor
    from hpsearch.contracts.export import Format
    from hpsearch.contracts.method import FunctionMethod, Method
    from hpsearch.contracts.objective import Objective, Result
    from hpsearch.contracts.searcher import History, Searcher
    from hpsearch.contracts.space import Choice, Float, Int, Space
    from hpsearch.contracts.task import Context, DataTask, FunctionTask, Task
    from hpsearch.driver.ask_tell import Study, Trial
    from hpsearch.store.tables import Tables
    from hpsearch.study.comparison import Comparison

__version__ = "0.2.0"

_HOMES = {
    "contracts.correctness": ("Correctness",),
    "contracts.dataset": ("DataSet",),
    "contracts.errors": ("HpsearchError", "TaskError"),
    "contracts.executor": ("Executor",),
    "contracts.export": ("Format",),
    "contracts.method": ("FunctionMethod", "Method"),
    "contracts.objective": ("Objective", "Result"),
    "contracts.searcher": ("History", "Searcher"),
    "contracts.space": ("Choice", "Float", "Int", "Space"),
    "contracts.task": ("Context", "DataTask", "FunctionTask", "Task"),
    "driver.ask_tell": ("Study", "Trial"),
    "study.comparison": ("Comparison",),
}
__all__ = [
    "Choice", "Comparison", "Context", "Correctness", "DataSet", "DataTask", "Executor", "Float", "Format",
    "FunctionMethod", "FunctionTask", "History", "HpsearchError", "Int", "Method", "Objective", "Result", "Searcher",
    "Space", "Study", "Task", "TaskError", "Trial", "load", "run", "write_report",
]  # fmt: skip


def __getattr__(name: str) -> object:
    """Import a class when it is first asked for: a command that prints help needs none of them."""
    for module, names in _HOMES.items():
        if name in names:
            return vars(import_module(f"hpsearch.{module}"))[name]
    from hpsearch.contracts.moved import MOVED

    if (moved := MOVED.get(f"hpsearch.{name}")) is not None:
        raise AttributeError(f"hpsearch.{name}: {moved}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def run(
    study: str | Path | Comparison,
    database: str | Path | None = None,
    *,
    executor: str = "processes",
    workers: int | None = None,
    devices: str | None = None,
    per_device: int | None = None,
    address: str | None = None,
    changed_code: bool = False,
    quiet: bool = False,
) -> Tables:
    """Run a comparison to its end, or resume it, as the command `hpsearch run` does; returns its tables.

    Args:
        study: study file, or the name of a shipped study, or a comparison that is described in Python.
        database: file to create or resume; NAME.db in the current folder if None.
        executor: "processes", "ray", or "inline" to train in this very process. Processes import the main module anew
            (those that compute features too), so a script calls this below `if __name__ == "__main__":`; a
            notebook need not care.
        workers: worker processes; one per core if None.
        devices: "cpu", "auto" for every GPU, or GPUs such as "cuda:0,cuda:1"; the CPU if None.
        per_device: workers on each GPU; one if None.
        address: address of a Ray cluster, for the executor "ray"; None starts Ray on this machine.
        changed_code: whether to add trials, repeats or methods although your own code has changed since the last run.
        quiet: whether to show no progress.

    Raises:
        HpsearchError: one sentence on what is wrong, where, and what to do.
    """
    from hpsearch.system.children import forget_piped_main, importing_main

    if importing_main():
        raise RuntimeError("a script must call hpsearch.run below `if __name__ == '__main__':`")
    forget_piped_main()

    from hpsearch.system.rounding import ask_for_even_rounding
    from hpsearch.system.threads import pin_threads

    pin_threads()
    ask_for_even_rounding()
    from hpsearch.driver.display import Display
    from hpsearch.driver.running import Where, run_shown
    from hpsearch.store.tables import load_tables
    from hpsearch.study.comparison import Comparison
    from hpsearch.study.plan import read_plan
    from hpsearch.study.shipped import find_study, recorded_name
    from hpsearch.system.output import hushed

    path = study.place if isinstance(study, Comparison) else find_study(str(study))
    with Display(quiet=quiet) as display:
        with hushed(quiet):
            plan = study.plan() if isinstance(study, Comparison) else read_plan(path, display.phase)
        file = Path(database or f"{plan.spec.name}.db")
        where = Where(executor, workers, devices, per_device, address)
        run_shown(plan, recorded_name(path), file, where, display, changed_code=changed_code)
    return load_tables(file)


def load(file: str | Path) -> Tables:
    """The tables of a comparison's database as pandas DataFrames, also while a run is writing it."""
    from hpsearch.store.tables import load_tables

    return load_tables(Path(file))


def write_report(file: str | Path, to: str | Path) -> list[Path]:
    """Write figures, tables and pages of a comparison into a folder, as `hpsearch report` does; returns the files."""
    from hpsearch import report

    return report.write_report(Path(file), Path(to))
