"""Samplers of Optuna, each a searcher: a fresh study in memory for each proposal, which is told the history.

A sampler that knows nothing but the study's trials (TPE, GP, random) is handed them as they are, and draws with a seed
of this proposal. One that keeps notes of its own is led through the study from its beginning: CMA-ES leaves its
optimiser in the trials that it was asked for, and QMC counts how often it was asked. Optuna then asks it for each
recorded trial again, and the recorded configuration takes the place of the answer.

Optuna is called by its public functions only, and sees hyperparameters on their own scales, so that this is the tuner
that others use.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from hpsearch.contracts.searcher import History, Searcher, StandIn
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Choice, Configuration, Fixed, Float, Int, Searched, Space, Value
from hpsearch.searchers.alone import alone
from hpsearch.searchers.botorch import standardised
from hpsearch.searchers.sobol import sobol_configuration

Option = bool | int | str
TRIES = 10
"""How often a sampler is asked for a configuration that is not in training already."""
MOST_INTEGERS = 1_000_000
"""Optuna sees a range of more integers as one of real numbers: its Gaussian process enumerates integers."""
SEEDS = 2**32
"""NumPy's older generators, which Optuna uses, take seeds below this."""


@dataclass(frozen=True)
class _Sampler:
    """What is known of a sampler of Optuna.

    Attributes:
        options: its settings that a study file may give, each with the values it takes: any truth value (bool), whole
            numbers from a least one, or one of several texts.
        given: settings that differ from Optuna's defaults.
        replayed: whether it has to be led through a study from the beginning.
        numbers_only: whether it draws choices at random, whatever came of them.
        needs: packages that it imports beside Optuna's own.
    """

    options: Mapping[str, type[bool] | int | tuple[str, ...]]
    given: Mapping[str, Option] = field(default_factory=dict)
    replayed: bool = False
    numbers_only: bool = False
    needs: tuple[str, ...] = ()


SAMPLERS = {
    "TPESampler": _Sampler(
        {"n_startup_trials": 1, "n_ei_candidates": 1, "multivariate": bool, "group": bool, "constant_liar": bool},
        given={"constant_liar": True},
    ),
    "GPSampler": _Sampler({"n_startup_trials": 1, "deterministic_objective": bool}, needs=("torch", "scipy")),
    "CmaEsSampler": _Sampler(
        {"n_startup_trials": 1, "popsize": 4, "use_separable_cma": bool, "with_margin": bool, "lr_adapt": bool},
        replayed=True,
        numbers_only=True,
        needs=("cmaes",),
    ),
    # Without scrambling all studies would walk the same sequence.
    "QMCSampler": _Sampler(
        {"qmc_type": ("sobol", "halton"), "scramble": bool}, given={"scramble": True}, replayed=True, needs=("scipy",)
    ),
    "RandomSampler": _Sampler({}),
}


@dataclass(frozen=True)
class Optuna(Searcher):
    """A sampler of Optuna (Akiba et al. 2019, "Optuna: a next-generation hyperparameter optimization framework").

    Attributes:
        sampler: TPESampler, GPSampler, CmaEsSampler, QMCSampler or RandomSampler.
        options: further settings of the sampler, by Optuna's names, such as `multivariate = true`.
    """

    sampler: str = "TPESampler"
    options: dict[str, Option] = field(default_factory=dict)
    packages: ClassVar[tuple[str, ...]] = ("optuna", "cmaes")
    multiplies: ClassVar[bool] = True  # GPSampler does, by torch

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler must be one of {', '.join(SAMPLERS)}, got {self.sampler!r}")
        known = self._kind.options
        for name, value in self.options.items():
            if name not in known:
                raise ValueError(
                    f"options: {self.sampler} has no setting {name!r} that a study file may give; there are: "
                    f"{', '.join(known) or 'none'}"
                )
            if fault := _fault(value, known[name]):
                raise ValueError(f"options.{name} must be {fault}, got {value!r}")

    def check(self, spaces: Mapping[str, Space]) -> None:
        """Raise ValueError if what the sampler needs is not installed, or it cannot take its options or a space."""
        if missing := [name for name in ("optuna", *self._kind.needs) if find_spec(name) is None]:
            raise ValueError(
                f"searcher.sampler: {self.sampler} needs {' and '.join(missing)}, not installed here; "
                "install it with: pip install 'hpsearch[optuna]'"
            )
        for label, space in spaces.items():
            if self._kind.numbers_only and space.searched and not any(map(_is_number, space.searched)):
                raise ValueError(
                    f"methods.{label}.space: the sampler {self.sampler} learns about numbers only and this space has "
                    "none; take TPESampler"
                )
        if self.options:
            try:
                self._made(0, 0)
            except ValueError as error:  # options that exclude each other
                raise ValueError(f"searcher.options: {' '.join(str(error).split())}") from error

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:
        """Propose for one study after the other; after 25 trials in six dimensions GP takes 80 ms, the others 20."""
        for name in ("optuna", *self._kind.needs):
            import_module(name)  # before global settings are kept: torch is among them
        return [
            self._proposal_or_sobol(space, history, seed, study) if space.searched else space.decode(())
            for study, (history, seed) in enumerate(zip(histories, seeds, strict=True))
        ]

    @property
    def _kind(self) -> _Sampler:
        return SAMPLERS[self.sampler]

    def _proposal_or_sobol(self, space: Space, history: History, seed: int, study: int) -> dict[str, Value]:
        """The sampler's proposal, or Sobol's next point if it has none.

        Otherwise the study could never be finished, since the same history would fail again at every resume.
        """
        try:
            with alone():
                proposed = self._proposal(space, history, seed)
            why = "" if proposed else f"what it proposed {TRIES} times is in training already"
        except Exception as error:  # Optuna's samplers raise what the libraries below them raise
            proposed, why = {}, f"{type(error).__name__}: {error}".splitlines()[0][:200]
        if why:
            said = f"{self.sampler} had no proposal ({why}), so a Sobol point stands in"
            warnings.warn(StandIn(study, said), stacklevel=3)
        return proposed or sobol_configuration(space, seed, history.proposed)

    def _proposal(self, space: Space, history: History, seed: int) -> dict[str, Value]:
        """The first configuration that is not pending among the sampler's next ones; empty if all of them are."""
        study = self._told(space, history, seed)
        for _ in range(TRIES):
            trial = study.ask()
            configuration = _suggested(space, trial, everything=self._kind.replayed)
            if configuration not in history.pending:
                return configuration
            study.tell(trial, state=_states().FAIL)  # the next one is drawn anew
        return {}

    def _told(self, space: Space, history: History, seed: int) -> Any:
        """A study in memory that holds the history."""
        import optuna

        study = optuna.create_study(direction="maximize", sampler=self._made(seed, history.proposed))
        tell = self._replay if self._kind.replayed else _add
        for configuration, objective in zip(history.configurations, self._seen(history.objectives), strict=True):
            tell(study, space, configuration, objective)
        for configuration in history.pending:
            tell(study, space, configuration, None)
        return study

    def _made(self, seed: int, proposed: int) -> Any:
        """The sampler, seeded for the study and for the number of trials that were proposed before."""
        from optuna import samplers

        now, ever = (derived_seed(seed, "optuna", *number) % SEEDS for number in ((proposed,), ()))
        settings: dict[str, Any] = {"seed": ever if self._kind.replayed else now, **self._kind.given, **self.options}
        if self._kind.replayed:  # it is not asked again for what it draws at random, so that needs a seed of each trial
            settings["independent_sampler"] = samplers.RandomSampler(seed=now)
        return vars(samplers)[self.sampler](**settings)

    def _seen(self, objectives: Sequence[float]) -> Sequence[float]:
        """Objectives as the sampler takes them; the squares of a Gaussian process must neither overflow nor vanish."""
        if self.sampler == "GPSampler" and objectives:
            return [float(value) for value in standardised(objectives)]
        return objectives

    def _replay(self, study: Any, space: Space, configuration: Configuration, objective: float | None) -> None:
        """Ask for a trial, answer with the recorded configuration, and tell what came of it unless it is pending.

        Hyperparameters that are not active have the values that the sampler gave them, since it knows of no conditions.
        """
        study.enqueue_trial({p.name: _known(p, configuration[p.name]) for p in _searched(space, configuration)})
        trial = study.ask()
        _ = trial.relative_params  # they are sampled when they are looked at, and that moves the sampler on
        _suggested(space, trial, everything=True)
        if objective is not None:
            study.tell(trial, objective)


def _fault(value: Option, takes: type[bool] | int | tuple[str, ...]) -> str:
    """What a setting must be; empty if it is that."""
    if isinstance(takes, tuple):
        return "" if value in takes else f"one of {', '.join(takes)}"
    if isinstance(takes, int):
        good = isinstance(value, int) and not isinstance(value, bool) and value >= takes
        return "" if good else f"a whole number from {takes}"
    return "" if isinstance(value, bool) else "true or false"


def _add(study: Any, space: Space, configuration: Configuration, objective: float | None) -> None:
    """Add a trial that is complete, or running if it has no objective yet."""
    from optuna.trial import create_trial

    active = _searched(space, configuration)
    study.add_trial(
        create_trial(
            params={p.name: _known(p, configuration[p.name]) for p in active},
            distributions={p.name: _distribution(p) for p in active},
            value=objective,
            state=_states().RUNNING if objective is None else _states().COMPLETE,
        )
    )


def _states() -> Any:
    from optuna.trial import TrialState

    return TrialState


def _searched(space: Space, configuration: Configuration) -> list[Searched]:
    return [p for p in space.active(configuration) if not isinstance(p, Fixed)]


def _suggested(space: Space, trial: Any, *, everything: bool) -> dict[str, Value]:
    """The configuration that a trial of Optuna suggests, one active hyperparameter after the other.

    With `everything` those are suggested too that are not active.
    """
    found: dict[str, Value] = {}
    for parameter in space:
        if isinstance(parameter, Fixed):
            found[parameter.name] = parameter.value
        elif everything or parameter in space.active(found):
            found[parameter.name] = _suggestion(trial, parameter)
    return space.without_inactive(found)


def _suggestion(trial: Any, parameter: Searched) -> Value:
    if isinstance(parameter, Choice) and not parameter.ordered:
        chosen: Value = trial.suggest_categorical(parameter.name, parameter.values)
        return chosen
    low, high, log = _ends(parameter)
    suggest = trial.suggest_float if _is_real(parameter) else trial.suggest_int
    number = min(max(suggest(parameter.name, low, high, log=log), low), high)  # a logarithm's inverse may leave them
    if isinstance(parameter, Choice):
        return parameter.values[int(number)]
    return float(number) if isinstance(parameter, Float) else round(number)


def _known(parameter: Searched, value: Value) -> Value:
    """A recorded value as Optuna knows it: the place of an ordered choice's, else the value of the space."""
    if not isinstance(parameter, Choice):
        return value
    place = parameter.values.index(value)
    return place if parameter.ordered else parameter.values[place]


def _distribution(parameter: Searched) -> Any:
    from optuna import distributions

    if isinstance(parameter, Choice) and not parameter.ordered:
        return distributions.CategoricalDistribution(parameter.values)
    low, high, log = _ends(parameter)
    if _is_real(parameter):
        return distributions.FloatDistribution(low, high, log=log)
    return distributions.IntDistribution(int(low), int(high), log=log)


def _ends(parameter: Searched) -> tuple[float, float, bool]:
    """Low end, high end and whether the scale is logarithmic; those of an ordered choice are of its values' places."""
    if isinstance(parameter, Choice):
        return 0, len(parameter.values) - 1, False
    number = float if _is_real(parameter) else int
    return number(parameter.low), number(parameter.high), parameter.log


def _is_real(parameter: Searched) -> bool:
    """Whether Optuna takes it for a range of real numbers."""
    return isinstance(parameter, Float) or (
        isinstance(parameter, Int) and parameter.high - parameter.low > MOST_INTEGERS
    )


def _is_number(parameter: Searched) -> bool:
    return not isinstance(parameter, Choice) or parameter.ordered


SEARCHER = Optuna()
