"""Where the modules of version 0.1 have gone, so that code written for it is told what to write today."""

from __future__ import annotations

MOVED = {
    "hpsearch.task": "write `from hpsearch import FunctionTask, Objective, Result` (Task, Method and TaskError too); "
    "`finished` is in hpsearch.contracts.objective, `derived_seed` in hpsearch.contracts.seeds, and what a method of "
    "binary networks derives from in binarynet.method",
    "hpsearch.space": "write `from hpsearch import Float, Int, Choice, Space`",
    "hpsearch.dataset": "write `from hpsearch import DataSet`",
    "hpsearch.spec": "it is now hpsearch.study",
    "hpsearch.tables": "it is now hpsearch.store.tables",
    "hpsearch.progress": "it is now hpsearch.contracts.progress",
    "hpsearch.database": "it is now hpsearch.store.database",
    "hpsearch.only_one": "it is now hpsearch.system.only_one",
    "hpsearch.children": "it is now hpsearch.system.children",
    "hpsearch.devices": "it is now hpsearch.system.devices",
    "hpsearch.lock": "it is now hpsearch.system.lock",
}


def advice(module: str) -> str:
    """What to write in place of a module of hpsearch that is not there."""
    elsewhere = "it is not in this version; what others use is in hpsearch itself and in hpsearch.contracts"
    return MOVED.get(module, elsewhere)
