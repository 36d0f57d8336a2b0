"""No search: each study tries given configurations, in order. For published settings and for one's own final choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.searchers import History
from hpsearch.space import Choice, Fixed, Space, Value


@dataclass(frozen=True)
class FixedConfigurations:
    """Trial i of a study tries the i-th configuration of its method; after the last one the first comes again.

    Attributes:
        configurations: of all methods. One belongs to every method whose open hyperparameters it names, no more and
            no fewer; a method whose space leaves nothing open needs none. A value may lie outside its range.
    """

    configurations: tuple[dict[str, bool | int | float | str], ...] = ()

    def check(self, space: Space) -> None:
        """ValueError unless there is a configuration for this space, with values of the right kind."""
        searched = {parameter.name for parameter in space.searched}
        given = self._of(space)
        if not given:
            raise ValueError(
                f"the searcher fixed has no configuration that gives just {', '.join(sorted(searched))}; give one in "
                "searcher.configurations, or values instead of ranges in the space"
            )
        for parameter in space.searched:
            for value in (configuration[parameter.name] for configuration in given):
                wanted = list(parameter.values) if isinstance(parameter, Choice) else "a number"
                if (isinstance(wanted, list) and value not in wanted) or (
                    wanted == "a number" and isinstance(value, bool | str)
                ):
                    raise ValueError(f"searcher.configurations: {parameter.name} is {value!r}, expected {wanted}")

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:  # noqa: ARG002
        """The configuration whose turn it is, whatever the objectives were."""
        given = self._of(space)
        return [
            {p.name: p.value if isinstance(p, Fixed) else given[len(history) % len(given)][p.name] for p in space}
            for history in histories
        ]

    def _of(self, space: Space) -> Sequence[Mapping[str, Value]]:
        searched = {parameter.name for parameter in space.searched}
        return [c for c in self.configurations if set(c) == searched] if searched else [{}]


SEARCHER = FixedConfigurations()
