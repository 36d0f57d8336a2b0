"""One study, step by step: ask for a configuration, train it in any way, and tell what came of it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from hpsearch.contracts.errors import SpecError, UsageError
from hpsearch.contracts.objective import Direction, number
from hpsearch.contracts.searcher import History, Searcher, StandIn
from hpsearch.contracts.seeds import SEED_BITS, TRIAL_SEED_BITS, derived_seed
from hpsearch.contracts.space import Configuration, Space
from hpsearch.driver.proposing import propose
from hpsearch.study import kinds
from hpsearch.study.faults import lower, shown
from hpsearch.study.registry import Registry
from hpsearch.study.settings import with_settings


@dataclass(frozen=True)
class Trial:
    """A trial of a study, in values that JSON has.

    Attributes:
        number: its place in the study, from 1.
        configuration: what to train.
        seed: what to train it with; it fits 32 bits.
        value: what it reached; None if it has not been told, or is lost.
        told: whether its result has been told.
    """

    number: int
    configuration: Configuration
    seed: int
    value: float | None = None
    told: bool = False


class Study:
    """Trials of one space by one searcher, from one seed.

    What is asked next depends on the space, the searcher, the seed and the trials, and on nothing else: a study that is
    made again with the same ones proposes the same.
    """

    def __init__(
        self,
        space: Space,
        searcher: Searcher | str | Mapping[str, object] = "botorch",
        *,
        seed: int = 1,
        direction: Direction = "maximise",
        trials: Iterable[Trial | Mapping[str, object]] = (),
    ) -> None:
        """Begin a study, or go on with one.

        Args:
            space: what is searched.
            searcher: a searcher, its name, or a table with its name and settings.
            seed: of all that is drawn at random, for proposals and for the trials' seeds.
            direction: whether to "maximise" or to "minimise" what is told.
            trials: those that the study has already, as its `trials` returned them, or as JSON kept these.

        Raises:
            SpecError: if there is no such searcher, or it cannot search the space.
            UsageError: if trials are not a study's of this space.
        """
        if direction not in ("maximise", "minimise"):
            raise UsageError(f"direction is 'maximise' or 'minimise', got {shown(direction)}")
        self.space, self.seed, self.direction = space, seed, direction
        self.searcher = _searcher(searcher, space)
        self._trials: list[Trial] = []
        for given in trials:
            self._trials.append(self._checked(given if isinstance(given, Trial) else _read(given)))

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials in the order of their numbers."""
        return tuple(self._trials)

    @property
    def best(self) -> Trial | None:
        """The first trial with the best value; None if there is no value yet."""
        reached = [(self._oriented(trial.value), trial) for trial in self._trials if trial.value is not None]
        return max(reached, key=lambda pair: pair[0], default=(0.0, None))[1]

    def ask(self) -> Trial:
        """The next trial. Trials that have been asked for and not told are taken into account as pending."""
        told = [trial for trial in self._trials if trial.told]
        values = [self._oriented(trial.value) for trial in told if trial.value is not None]
        lost = min(values, default=0.0)  # no level of guessing is known here: a lost trial is as bad as the worst
        history = History(
            tuple(trial.configuration for trial in told),
            tuple(lost if trial.value is None else self._oriented(trial.value) for trial in told),
            tuple(trial.configuration for trial in self._trials if not trial.told),
        )
        proposed = propose(self.searcher, self.space, [history], [self.seed])
        for why in proposed.stand_ins.values():
            warnings.warn(StandIn(0, why), stacklevel=2)
        return self._add(proposed.configurations[0])

    def tell(self, trial: Trial | int | Configuration, value: object) -> Trial:
        """Tell what a trial reached; returns the trial with its value.

        Args:
            trial: one that was asked for, or its number; or a configuration of one's own, which becomes a trial.
            value: a number of any library's type. None, or a number that is not finite, tells that the trial is lost:
                it counts as the worst of the others.

        Raises:
            UsageError: if there is no such trial, it has been told already, or the value is no number.
        """
        reached = _value(value)
        if isinstance(trial, Mapping):
            if not self.space.contains(trial):
                fault = self.space.misfit(trial) or "goes beyond its bounds"
                raise UsageError(f"tell: {dict(trial)!r} is no configuration of the space: it {fault}")
            trial = self._add(trial)
        place = (trial.number if isinstance(trial, Trial) else trial) - 1
        if not 0 <= place < len(self._trials):
            raise UsageError(f"tell: this study has no trial {place + 1}; it has {len(self._trials)}")
        old = self._trials[place]
        if isinstance(trial, Trial) and (trial.configuration, trial.seed) != (old.configuration, old.seed):
            raise UsageError(f"tell: trial {trial.number} of this study is another one than {trial}")
        if old.told:
            raise UsageError(f"tell: trial {old.number} has been told already, and what a study knows stays")
        self._trials[place] = replace(old, value=reached, told=True)
        return self._trials[place]

    def _add(self, configuration: Configuration) -> Trial:
        number = len(self._trials) + 1
        seed = derived_seed(self.seed, number) >> (SEED_BITS - TRIAL_SEED_BITS)
        self._trials.append(Trial(number, dict(configuration), seed))
        return self._trials[-1]

    def _checked(self, trial: Trial) -> Trial:
        if trial.number != len(self._trials) + 1:
            raise UsageError(f"trials: expected number {len(self._trials) + 1}, got {trial}")
        if fault := self.space.misfit(trial.configuration):
            raise UsageError(f"trials: the configuration of trial {trial.number} {fault}")
        return replace(trial, value=_value(trial.value))

    def _oriented(self, value: float) -> float:
        return value if self.direction == "maximise" else -value


def _read(saved: Mapping[str, object]) -> Trial:
    try:
        return TypeAdapter(Trial).validate_python(saved)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise UsageError(f"trials: {shown(saved)} is no trial: {where}: {lower(fault['msg'])}") from None


def _value(told: object) -> float | None:
    try:
        value = math.nan if told is None else number(told)
    except (TypeError, OverflowError) as error:
        raise UsageError(f"tell: a value is a number, or None for a lost trial, got {error}") from None
    return value if math.isfinite(value) else None


def _searcher(given: Searcher | str | Mapping[str, object], space: Space) -> Searcher:
    table = given if isinstance(given, Mapping) else {"name": given}
    settings = {key: value for key, value in table.items() if key != "name"}
    found = table.get("name")
    if isinstance(found, str):
        found = Registry.here().find(kinds.SEARCHER, found)
    if not isinstance(found, Searcher):
        raise SpecError(f"searcher: {shown(found)} {kinds.SEARCHER.fault(found)}")
    made = with_settings(found, settings, "searcher")
    try:
        made.check({"study": space})
    except ValueError as error:
        raise SpecError(str(error)) from error
    return made
