"""No search: each study tries given configurations in order, such as published settings or one's own final choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.space import Fixed, Space, Value


@dataclass(frozen=True)
class FixedConfigurations(Searcher):
    """Trial i of a study tries the i-th configuration of its method; after the last one the first comes again.

    Attributes:
        configurations: configurations of all methods. Each belongs to every method whose open hyperparameters are
            exactly those that it names; a method whose space leaves nothing open needs none.
    """

    configurations: tuple[dict[str, bool | int | float | str], ...] = ()
    searches: ClassVar[bool] = False

    def check(self, spaces: Mapping[str, Space]) -> None:
        """Raise ValueError unless each method has a configuration in its space, and each configuration a method."""
        for label, space in spaces.items():
            given = self._of(space)
            if not given:
                searched = ", ".join(parameter.name for parameter in space.searched)
                raise ValueError(
                    f"methods.{label}: the searcher fixed has no configuration of exactly {searched}; give one in "
                    "searcher.configurations, or values instead of ranges in the space"
                )
            for parameter in space.searched:
                for value in (c[parameter.name] for c in given if parameter.name in c):
                    if not parameter.contains(value):
                        raise ValueError(
                            f"searcher.configurations: {parameter.name} = {value!r} is not in the space of "
                            f"methods.{label}; widen that, or give another value"
                        )
        known = [configuration for space in spaces.values() for configuration in self._of(space)]
        if strange := [configuration for configuration in self.configurations if configuration not in known]:
            raise ValueError(
                f"searcher.configurations: {dict(strange[0])} has exactly the open hyperparameters of no method"
            )

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:  # noqa: ARG002
        """Propose the next configuration in turn, whatever the objectives were."""
        given = self._of(space)
        return [_whole(space, given[history.proposed % len(given)]) for history in histories]

    def _of(self, space: Space) -> Sequence[Mapping[str, Value]]:
        if not space.searched:
            return [{}]
        return [c for c in self.configurations if c and set(c) == _open(space, c)]


def _whole(space: Space, given: Mapping[str, Value]) -> dict[str, Value]:
    """The configuration that has these values of the open hyperparameters."""
    held = {p.name: p.value for p in space if isinstance(p, Fixed)}
    return space.without_inactive({**held, **given})


def _open(space: Space, given: Mapping[str, Value]) -> set[str]:
    """Names of the open hyperparameters that are active with these values."""
    held = {p.name: p.value for p in space if isinstance(p, Fixed)}
    return {p.name for p in space.active({**held, **given}) if p.name not in held}


SEARCHER = FixedConfigurations()
