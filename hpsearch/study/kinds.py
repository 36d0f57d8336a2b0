"""The kinds of plug-in: where each is declared, what a module calls it, and what it must be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from hpsearch.contracts.dataset import DataSet
from hpsearch.contracts.executor import Executor
from hpsearch.contracts.export import Format
from hpsearch.contracts.method import FunctionMethod, Method
from hpsearch.contracts.searcher import Searcher
from hpsearch.contracts.space import Space
from hpsearch.contracts.task import Task
from hpsearch.study.task_faults import faults_of_function, faults_of_task

T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of plug-in.

    Attributes:
        key: its name in messages and in the study file.
        attribute: the name under which a module holds one.
        group: its group of entry points.
        fault: says why an object does not fulfil the contract, and what to do; empty if it does.
    """

    key: str
    attribute: str
    group: str
    fault: Callable[[object], str]


_NAMES: dict[type, str] = {Format: "export", DataSet: "data set"}


def fault_of_task(found: object) -> str:
    """Say what can be seen to be wrong with a task before it trains; empty if nothing is."""
    if not isinstance(found, Task):
        advice = "derive its class from hpsearch.Task, or wrap a function in hpsearch.FunctionTask or hpsearch.DataTask"
        return f"{_no_instance(found, Task)}: {advice}"
    return "; ".join(faults_of_task(found))


def _fault_of_method(found: object) -> str:
    if not isinstance(found, Method):
        advice = (
            "wrap a function in hpsearch.FunctionMethod, or make it a frozen dataclass derived from hpsearch.Method or "
            "binarynet.method.BinaryMethod"
        )
        return f"{_no_instance(found, Method)}: {advice}"
    try:
        whole = isinstance(found.space, Space) and isinstance(found.schedules, Mapping)
    except AttributeError:  # its own __init__ did not set them
        whole = False
    if not whole:
        return "has no space or no schedules: give it a `space` of the class hpsearch.Space, and schedules by name"
    return "; ".join(faults_of_function(found)) if isinstance(found, FunctionMethod) else ""


def _fault_of_executor(found: object) -> str:
    if not isinstance(found, type) or not issubclass(found, Executor):
        return "is no executor: give the class itself, derived from hpsearch.Executor"
    if inspect.isabstract(found):
        return f"is not whole: it lacks {', '.join(sorted(found.__abstractmethods__))} of hpsearch.Executor"
    return ""


def _instance(contract: type, advice: str) -> Callable[[object], str]:
    def fault(found: object) -> str:
        said = _no_instance(found, contract)
        return f"{said}: {advice}" if said else ""

    return fault


def _no_instance(found: object, contract: type) -> str:
    if isinstance(found, type) and issubclass(found, contract):
        return f"is a class: give an instance, such as {found.__name__}()"
    return "" if isinstance(found, contract) else f"is no {_NAMES.get(contract, contract.__name__.lower())}"


TASK: Kind[Task] = Kind("task", "TASK", "hpsearch.tasks", fault_of_task)
METHOD: Kind[Method] = Kind("method", "METHOD", "hpsearch.methods", _fault_of_method)
SEARCHER: Kind[Searcher] = Kind(
    "searcher", "SEARCHER", "hpsearch.searchers",
    _instance(Searcher, "make it a frozen dataclass derived from hpsearch.Searcher"),
)  # fmt: skip
EXECUTOR: Kind[type[Executor]] = Kind("executor", "EXECUTOR", "hpsearch.executors", _fault_of_executor)
EXPORT: Kind[Format] = Kind(
    "export", "EXPORT", "hpsearch.exports", _instance(Format, "make it an instance of hpsearch.Format")
)
DATASET: Kind[DataSet] = Kind(
    "data set", "DATASET", "hpsearch.data", _instance(DataSet, "make it an instance of hpsearch.DataSet")
)
KINDS = (TASK, METHOD, SEARCHER, EXECUTOR, EXPORT, DATASET)
