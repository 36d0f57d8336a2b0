"""Ax proposes whatever the ranges are, and what stands in for a proposal says so."""

import warnings

import numpy as np
import pytest

from hpsearch.contracts.searcher import History, StandIn
from hpsearch.contracts.space import Choice, Float, Int, Space
from hpsearch.searchers import ax
from hpsearch.searchers.sobol import sobol_configuration


def proposed(space, histories):
    """What Ax proposes, and place of a study -> why another configuration stands in."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = ax.SEARCHER.propose(space, histories, range(len(histories)))
    return found, {w.message.study: str(w.message) for w in caught if isinstance(w.message, StandIn)}


def peaked(space, at, n=8):
    """A history whose objective is highest at one point of the unit cube."""
    points = np.random.default_rng(0).random((n, len(space.searched)))
    configurations = tuple(space.decode(point.tolist()) for point in points)
    return History(configurations, tuple(float(-((np.array(space.encode(c)) - at) ** 2).sum()) for c in configurations))


@pytest.mark.parametrize(
    "parameter",
    [
        Float("x", 1e-7, 1e-5, log=True),
        Float("x", 0.0, 1e-9),
        Float("x", 1e-300, 2e-300),
        Float("x", 5e-324, 1.0, log=True),
        Int("x", 1, 10**9, log=True),
        Int("x", 0, 2**53),
        Int("x", 1, 300, log=True),
    ],
    ids=repr,
)
def test_a_range_of_any_width_and_scale_is_searched_where_it_promises(parameter):
    space = Space((parameter,))
    history = peaked(space, 0.6)
    (found,), stand_ins = proposed(space, [history])
    assert stand_ins == {}
    assert found != sobol_configuration(space, 0, len(history))
    assert parameter.contains(found["x"])
    assert abs(parameter.encode(found["x"]) - 0.6) < 0.1


def test_ax_is_told_which_values_there_are_unless_they_are_too_many_to_enumerate():
    few = ax._parameter("x0", Int("n", 1, 3))
    assert (few.values, few.is_ordered) == ([1 / 6, 3 / 6, 5 / 6], True)
    assert ax._parameter("x0", Choice("k", ("a", "b", "c"))).is_ordered is False
    assert ax._parameter("x0", Choice("k", ("a", "b"))).is_ordered is True
    many = Int("n", 1, 10**9, log=True)
    assert ax._parameter("x0", many).bounds == (many.encode(1), many.encode(10**9))


def test_a_choice_of_more_values_than_ax_takes_is_refused():
    space = Space((Choice("k", tuple(range(1001))),))
    with pytest.raises(ValueError, match=r"methods\.one\.space\.k: .* at most 1,000 values of a choice, got 1,001"):
        ax.SEARCHER.check({"one": space})


def test_where_everything_was_tried_a_point_of_the_studys_own_sobol_sequence_stands_in_and_says_so():
    space = Space((Choice("on", (False, True)),))
    tried = History(({"on": False}, {"on": True}) * 3, (0.0, 1.0) * 3)
    found, stand_ins = proposed(space, [History(), tried])  # the first one is not Ax's turn yet
    assert list(stand_ins) == [1]
    assert "SearchSpaceExhausted" in stand_ins[1]
    assert found[1] == sobol_configuration(space, 1, 6)


@pytest.mark.parametrize("parameter", [Float("x", 0.0, 1.0), Int("x", 1, 10**6, log=True)], ids=repr)
def test_what_was_tried_already_is_no_proposal(parameter):
    space = Space((parameter,))
    values = [parameter.decode(u) for u in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]  # the best lies at the bound, and is known
    history = History(tuple({"x": value} for value in values), tuple(parameter.encode(value) for value in values))
    (found,), stand_ins = proposed(space, [history])
    assert "was tried already" in stand_ins[0]
    assert found == sobol_configuration(space, 0, 6)
