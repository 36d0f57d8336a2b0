"""Bayesian optimisation by Ax, the reference: its default model and acquisition, a fresh client for each proposal.

Ax is used as a replayable proposer: a new client with the study's seed, fed the whole history at full
precision, continues bit for bit where the old one stopped. Its initial design is ours (Sobol from the
study's seed), because Ax would begin every study at the centre of the space.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.space import Choice, Configuration, Float, Int, Searched, Space, Value
from hpsearch.searchers.sobol import sobol_configuration


@dataclass(frozen=True)
class Ax(Searcher):
    """Ax `Client`, method "fast": SingleTaskGP with noisy log expected improvement.

    Attributes:
        initial: trials of the Sobol sequence before the model takes over; 5 is Ax's own default.
    """

    initial: int = 5

    def __post_init__(self) -> None:
        if self.initial < 1:
            raise ValueError(f"initial must be at least 1, got {self.initial}")

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """Propose for one study after the other; each takes about 0.4 s in two dimensions and 1.2 s in six."""
        return [
            sobol_configuration(space, seed, len(history))
            if len(history) < self.initial or not space.searched
            else _proposal_or_sobol(space, history, seed)
            for history, seed in zip(histories, seeds, strict=True)
        ]


def _proposal_or_sobol(space: Space, history: History, seed: int) -> dict[str, Value]:
    """Ax's proposal, or Sobol's next point if Ax has none (all points of a finite space are tried, or a fit fails).

    Otherwise the study could never be finished, since the same history would fail again at every resume.
    """
    try:
        return _proposal(space, history, seed)
    except Exception as error:  # Ax, BoTorch and GPyTorch have no common ancestor for theirs
        warnings.warn(f"Ax proposed nothing ({type(error).__name__}: {error}); a Sobol point stands in", stacklevel=2)
        return sobol_configuration(space, seed, len(history))


def _proposal(space: Space, history: History, seed: int) -> dict[str, Value]:
    with _alone():
        client = _client(space, seed)
        for configuration, objective in zip(history.configurations, history.objectives, strict=True):
            index = client.attach_trial({p.name: _for_ax(p, configuration[p.name]) for p in space.searched})
            client.complete_trial(index, raw_data={"objective": objective})
        (proposed,) = client.get_next_trials(max_trials=1).values()
    return _configuration(space, proposed)


def _client(space: Space, seed: int) -> Any:
    from ax.api.client import Client

    client = Client(random_seed=seed % 2**32)
    client.configure_experiment(parameters=[ax_parameter(p) for p in space.searched], name="study")
    client.configure_optimization(objective="objective")
    client.configure_generation_strategy(method="fast", initialization_budget=0, initialize_with_center=False)
    return client


def ax_parameter(parameter: Searched) -> Any:
    """A parameter in Ax's form; a choice is given by the indices of its values, unless they are false and true."""
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    if isinstance(parameter, Float | Int):
        return RangeParameterConfig(
            name=parameter.name,
            bounds=(parameter.low, parameter.high),
            parameter_type="float" if isinstance(parameter, Float) else "int",
            scaling="log" if parameter.log else "linear",
        )
    # Indices, because Ax wants the values of a choice to have one type, and a study file need not know that.
    if _is_boolean(parameter):
        return ChoiceParameterConfig(name=parameter.name, values=[False, True], parameter_type="bool", is_ordered=True)
    return ChoiceParameterConfig(
        name=parameter.name,
        values=list(range(len(parameter.values))),
        parameter_type="int",
        is_ordered=parameter.ordered,
    )


def _is_boolean(parameter: Choice) -> bool:
    return len(parameter.values) == 2 and all(isinstance(value, bool) for value in parameter.values)


def _for_ax(parameter: Searched, value: Value) -> Value:
    if isinstance(parameter, Choice) and not _is_boolean(parameter):
        return parameter.values.index(value)
    return value


def _configuration(space: Space, proposed: Configuration) -> dict[str, Value]:
    values: dict[str, Value] = space.decode([0.5] * len(space.searched))
    for parameter in space.searched:
        value = proposed[parameter.name]
        if isinstance(parameter, Choice):
            values[parameter.name] = bool(value) if _is_boolean(parameter) else parameter.values[int(value)]
        elif isinstance(parameter, Int):
            values[parameter.name] = min(max(round(float(value)), parameter.low), parameter.high)
        else:  # Ax's logarithm and back may leave the bounds by a rounding
            values[parameter.name] = min(max(float(value), parameter.low), parameter.high)
    return values


@contextmanager
def _alone() -> Iterator[None]:
    """Ax as a pure function: one thread (two round differently), global generators put back, no logging."""
    import torch

    threads, numpy_state, python_state = torch.get_num_threads(), np.random.get_state(), random.getstate()
    level = logging.root.manager.disable
    try:
        torch.set_num_threads(1)
        logging.disable(logging.WARNING)
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        logging.disable(level)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        torch.set_num_threads(threads)


SEARCHER = Ax()
