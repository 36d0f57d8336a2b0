"""Grid search: every study tries the same evenly spaced values, to show how an objective depends on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.space import Choice, Int, Searched, Space, Value

MOST_POINTS = 10_000


@dataclass(frozen=True)
class Grid(Searcher):
    """Trial i of a study tries the i-th point; after the last one the first comes again, with other seeds.

    The last hyperparameter varies fastest. Studies differ in their seeds alone, so that repeats show the noise.

    Attributes:
        points: how many values of each range are tried, evenly spaced on its scale and with its ends. A choice, or a
            range of fewer integers, has all its values tried. Two points that are the same integer are one value.
    """

    points: int = 5
    searches: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.points < 2:
            raise ValueError(f"points must be at least 2, the ends of each range, got {self.points}")
        if self.points > MOST_POINTS:
            raise ValueError(f"points must be at most {MOST_POINTS:,} of each range, got {self.points}")

    def propose(self, space: Space, histories: Sequence[History], seeds: Sequence[int]) -> list[dict[str, Value]]:  # noqa: ARG002
        """Propose the next point in turn, whatever the objectives were."""
        axes = [self._values(parameter) for parameter in space.searched]
        return [self._point(space, axes, len(history)) for history in histories]

    def _values(self, parameter: Searched) -> list[Value]:
        if isinstance(parameter, Choice):
            return list(parameter.values)
        if isinstance(parameter, Int) and parameter.high - parameter.low < self.points:
            return list(range(int(parameter.low), int(parameter.high) + 1))
        low, high = parameter.encode(parameter.low), parameter.encode(parameter.high)
        inner = [low + i / (self.points - 1) * (high - low) for i in range(1, self.points - 1)]
        kind = int if isinstance(parameter, Int) else float
        # The ends are taken as they are written, because decoding rounds.
        values = [kind(parameter.low), *(parameter.decode(position) for position in inner), kind(parameter.high)]
        return list(dict.fromkeys(values))

    @staticmethod
    def _point(space: Space, axes: Sequence[Sequence[Value]], index: int) -> dict[str, Value]:
        chosen = []
        for values in reversed(axes):
            index, place = divmod(index, len(values))
            chosen.append(values[place])
        found = dict(zip((parameter.name for parameter in space.searched), reversed(chosen), strict=True))
        fixed = space.decode([0.5] * len(space.searched))
        return {name: found.get(name, fixed[name]) for name in space.names}


SEARCHER = Grid()
