"""Ax: a folder with one JSON file per study, from which `ax.api.client.Client.load_from_json_file` can go on.

Ax itself keeps ten decimals of a metric in such a file. A hyperparameter has its own name, scale and values there,
except for two kinds of range that Ax refuses or enumerates:

- A range narrower than 1.5e-5 is a parameter "position of NAME" in [0, 1] on the range's own scale, linear or
  logarithmic: low + position * (high - low), or low * (high / low) ** position.
- A range of more than 1,000 integers is one of real numbers: round what Ax proposes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from keyword import iskeyword
from pathlib import Path
from typing import Any

from hpsearch.contracts.export import Format
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.progress import Progress
from hpsearch.contracts.space import INACTIVE, Choice, Fixed, Float, Int, Parameter, Space, Value
from hpsearch.export.studies import Study, file_name, optional, quiet, read_studies
from hpsearch.searchers.ax import MOST_VALUES
from hpsearch.store.rows import Trial

NARROW = 1.5e-5
"""Ax refuses a range that is no wider than this."""


def _write(file: Path, out: Path, progress: Progress) -> None:
    objective, studies = read_studies(file)
    metric = _metric_name(objective, {name for study in studies for trial in study.trials for name in trial.metrics})
    done, total = 0, sum(len(study.trials) for study in studies)
    progress("writing trials", done, total)  # before what takes seconds to import
    out.mkdir()
    with quiet():
        for study in studies:
            client = _client(study, metric if objective.direction == "maximise" else f"-{metric}")
            for trial in study.trials:
                _attach(client, study.space, trial, metric)
                done += 1
                progress("writing trials", done, total)
            client.save_to_json_file(str(out / f"{file_name(study.method)}-{study.repeat}.json"))


def _client(study: Study, goal: str) -> Any:
    from ax.api.client import Client

    client = Client()
    client.configure_experiment(parameters=[_parameter(p) for p in study.space], name=study.name)
    client.configure_optimization(objective=goal)
    client.configure_generation_strategy(initialization_random_seed=study.seed % 2**32, initialize_with_center=False)
    return client


def _attach(client: Any, space: Space, trial: Trial, metric: str) -> None:
    # Ax wants a value of each: what is not active is in the middle of its range, where our searchers see it.
    middle = {p.name: p.value if isinstance(p, Fixed) else p.decode(INACTIVE) for p in space}
    index = client.attach_trial({_name(p): _value(p, {**middle, **trial.configuration}[p.name]) for p in space})
    if trial.state == "complete":
        measured = {name: value for name, value in trial.metrics.items() if value is not None}
        client.complete_trial(index, raw_data={**measured, metric: trial.objective})
    else:
        client.mark_trial_failed(index, failed_reason=f"{trial.state}: {trial.reason}")


def _metric_name(objective: Objective, metrics: Collection[str]) -> str:
    """The objective's name in letters that Ax can read in an expression, different from all other metrics' names."""
    name = re.sub(r"\W", "_", objective.name)
    taken = name in metrics or iskeyword(name) or hasattr(optional("sympy"), name)
    return f"objective_{name}" if taken or not name.isidentifier() else name


def _parameter(parameter: Parameter) -> Any:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    if isinstance(parameter, Float | Int):
        if _is_narrow(parameter):
            return RangeParameterConfig(name=_name(parameter), bounds=(0.0, 1.0), parameter_type="float")
        return RangeParameterConfig(
            name=parameter.name,
            bounds=(parameter.low, parameter.high),
            parameter_type="int" if _is_enumerated(parameter) else "float",
            scaling="log" if parameter.log else "linear",
        )
    # To Ax a choice of one value is a fixed parameter.
    choices = parameter.values if isinstance(parameter, Choice) else (parameter.value,)
    values = [_value(parameter, value) for value in choices]
    return ChoiceParameterConfig(
        name=parameter.name,
        values=values,
        parameter_type=type(values[0]).__name__,
        is_ordered=isinstance(parameter, Choice) and parameter.ordered,
    )


def _name(parameter: Parameter) -> str:
    return f"position of {parameter.name}" if _is_narrow(parameter) else parameter.name


def _value(parameter: Parameter, value: Value) -> Value:
    """The value for Ax, which wants one type per choice: in a mixture numbers become floats, and all else text."""
    if isinstance(parameter, Fixed):
        return value
    if isinstance(parameter, Choice):
        kinds = {type(choice) for choice in parameter.values}
        if len(kinds) < 2:
            return value
        return float(value) if kinds == {int, float} else repr(value)
    if _is_narrow(parameter):
        return parameter.encode(value)
    return int(value) if _is_enumerated(parameter) else float(value)


def _is_narrow(parameter: Parameter) -> bool:
    return isinstance(parameter, Float) and parameter.high - parameter.low <= NARROW


def _is_enumerated(parameter: Parameter) -> bool:
    return isinstance(parameter, Int) and parameter.high - parameter.low < MOST_VALUES


EXPORT = Format("-ax", _write)
