"""Grid search: every study tries the same evenly spaced values, to show how an objective depends on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import ClassVar

from hpsearch.contracts.searcher import History, Searcher
from hpsearch.contracts.space import Choice, Fixed, Int, Searched, Space, Value

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
        values = {parameter.name: self._values(parameter) for parameter in space.searched}
        places = sorted({history.proposed for history in histories})
        found = dict(zip(places, _at(places, lambda: _points(space, values, {})), strict=True))
        return [dict(found[history.proposed]) for history in histories]

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


def _points(
    space: Space, values: Mapping[str, Sequence[Value]], begun: dict[str, Value], place: int = 0
) -> Iterator[dict[str, Value]]:
    """All points of the grid that begin with these values; a parameter that is not active in one has no value there."""
    if place == len(space.parameters):
        yield begun
        return
    parameter = space.parameters[place]
    if parameter not in space.active(begun):
        yield from _points(space, values, begun, place + 1)
        return
    for value in (parameter.value,) if isinstance(parameter, Fixed) else values[parameter.name]:
        yield from _points(space, values, {**begun, parameter.name: value}, place + 1)


def _at(places: Sequence[int], points: Callable[[], Iterator[dict[str, Value]]]) -> Iterator[dict[str, Value]]:
    """The points at these places, in ascending order, of a grid that begins again after its last one."""
    endless, now = chain.from_iterable(points() for _ in repeat(None)), 0
    for place in places:
        yield next(islice(endless, place - now, None))
        now = place + 1


SEARCHER = Grid()
