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
                for value in (configuration[parameter.name] for configuration in given):
                    if not parameter.contains(value):
                        raise ValueError(
                            f"searcher.configurations: {parameter.name} = {value!r} is not in the space of "
                            f"methods.{label}; widen that, or give another value"
                        )
        known = [{parameter.name for parameter in space.searched} for space in spaces.values()]
        if strange := [configuration for configuration in self.configurations if set(configuration) not in known]:
            raise ValueError(
                f"searcher.configurations: {dict(strange[0])} has exactly the open hyperparameters of no method"
            )

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:  # noqa: ARG002
        """Propose the next configuration in turn, whatever the objectives were."""
        given = self._of(space)
        return [
            {p.name: p.value if isinstance(p, Fixed) else given[len(history) % len(given)][p.name] for p in space}
            for history in histories
        ]

    def _of(self, space: Space) -> Sequence[Mapping[str, Value]]:
        searched = {parameter.name for parameter in space.searched}
        return [c for c in self.configurations if set(c) == searched] if searched else [{}]


SEARCHER = FixedConfigurations()
