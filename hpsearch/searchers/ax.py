"""Bayesian optimisation by Ax, the reference: its default model and acquisition, a fresh client for each proposal.

Ax is used as a replayable proposer: a new client with the study's seed, fed the whole history at full
precision, continues bit for bit where the old one stopped. Its initial design is ours (Sobol from the
study's seed), because Ax would begin every study at the centre of the space.

Ax sees positions in the unit cube, as `Space` encodes them: it refuses narrow ranges, whatever their scale, and
enumerates integers.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hpsearch.contracts.searcher import History, Searcher, StandIn
from hpsearch.contracts.space import Choice, Int, Searched, Space, Value
from hpsearch.searchers.alone import alone
from hpsearch.searchers.botorch import standardised
from hpsearch.searchers.sobol import sobol_configuration

MOST_VALUES = 1000
"""How many discrete values Ax takes at most. It sees a range of more integers as a range of real numbers."""


@dataclass(frozen=True)
class Ax(Searcher):
    """Ax `Client`, method "fast": SingleTaskGP with noisy log expected improvement.

    Attributes:
        initial: trials of the Sobol sequence before the model takes over; 5 is Ax's own default.
    """

    initial: int = 5
    version: ClassVar[int] = 2  # 1 gave Ax the values themselves
    multiplies: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.initial < 1:
            raise ValueError(f"initial must be at least 1, got {self.initial}")

    def check(self, spaces: Mapping[str, Space]) -> None:
        """Raise ValueError if a choice has more values than Ax takes."""
        for label, space in spaces.items():
            for parameter in space.searched:
                if isinstance(parameter, Choice) and len(parameter.values) > MOST_VALUES:
                    raise ValueError(
                        f"methods.{label}.space.{parameter.name}: the searcher ax takes at most {MOST_VALUES:,} values "
                        f"of a choice, got {len(parameter.values):,}; give fewer, or another searcher"
                    )

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """Propose for one study after the other; each takes about 0.4 s in two dimensions and 1.2 s in six."""
        return [
            sobol_configuration(space, seed, history.proposed)
            if history.proposed < self.initial or not space.searched or not len(history)
            else _proposal_or_sobol(space, history, seed, study)
            for study, (history, seed) in enumerate(zip(histories, seeds, strict=True))
        ]


class NothingNewError(Exception):
    """Ax proposed a configuration that was tried already."""


def _proposal_or_sobol(space: Space, history: History, seed: int, study: int) -> dict[str, Value]:
    """Ax's proposal, or Sobol's next point if Ax has none (it proposes what was tried already, or a fit fails).

    Otherwise the study could never be finished, since the same history would fail again at every resume.
    """
    try:
        return _proposal(space, history, seed)
    except Exception as error:  # Ax, BoTorch and GPyTorch have no common ancestor for theirs
        said = str(error) if isinstance(error, NothingNewError) else f"{type(error).__name__}: {error}".splitlines()[0]
        warnings.warn(StandIn(study, f"Ax had no proposal ({said[:200]}), so a Sobol point stands in"), stacklevel=2)
        return sobol_configuration(space, seed, history.proposed)


def _proposal(space: Space, history: History, seed: int) -> dict[str, Value]:
    import torch  # noqa: F401 whose settings are kept

    with alone():
        client = _client(space, seed)
        for configuration, objective in zip(history.configurations, _seen(history.objectives), strict=True):
            point = dict(zip(_names(space), space.encode(configuration), strict=True))
            client.complete_trial(client.attach_trial(point), raw_data={"objective": objective})
        for configuration in history.pending:
            client.attach_trial(dict(zip(_names(space), space.encode(configuration), strict=True)))
        ((index, proposed),) = client.get_next_trials(max_trials=1).items()
        generator = client._experiment.trials[index].generation_method_str
    configuration = space.decode([proposed[name] for name in _names(space)])
    # Ax itself replaces what was tried already by a Sobol point; it does not see that positions are the same integer.
    if "Sobol" in generator or configuration in (*history.configurations, *history.pending):
        raise NothingNewError("what its model thinks best was tried already")
    return configuration


def _seen(objectives: Sequence[float]) -> Sequence[float]:
    """Objectives that Ax tells apart: it takes a deviation below 1e-8 for none."""
    with np.errstate(over="ignore"):
        deviation = float(np.std(objectives, ddof=1)) if len(objectives) > 1 else 0.0
    if 1e-8 <= deviation < np.inf or min(objectives) == max(objectives):
        return objectives
    return [float(value) for value in standardised(objectives)]


def _client(space: Space, seed: int) -> Any:
    from ax.api.client import Client

    client = Client(random_seed=seed % 2**32)
    parameters = [_parameter(name, p) for name, p in zip(_names(space), space.searched, strict=True)]
    client.configure_experiment(parameters=parameters, name="study")
    client.configure_optimization(objective="objective")
    client.configure_generation_strategy(method="fast", initialization_budget=0, initialize_with_center=False)
    return client


def _names(space: Space) -> list[str]:
    """Names that Ax takes, whatever the names of the hyperparameters are."""
    return [f"x{i}" for i in range(len(space.searched))]


def _parameter(name: str, parameter: Searched) -> Any:
    """A parameter in Ax's form: a range is the part of [0, 1] that it takes, and discrete values are their positions.

    So Ax knows which values there are, proposes none of a finite space twice, and has an order only where there is one.
    """
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    if isinstance(parameter, Choice):
        values: Sequence[Value] = parameter.values
        ordered = parameter.ordered or len(values) == 2
    elif isinstance(parameter, Int) and parameter.high - parameter.low < MOST_VALUES:
        values, ordered = range(int(parameter.low), int(parameter.high) + 1), True
    else:
        bounds = parameter.encode(parameter.low), parameter.encode(parameter.high)
        return RangeParameterConfig(name=name, bounds=bounds, parameter_type="float")
    positions = [parameter.encode(value) for value in values]
    return ChoiceParameterConfig(name=name, values=positions, parameter_type="float", is_ordered=ordered)


SEARCHER = Ax()
