"""A space as points, there and back, and the combinations of its discrete values."""

import numpy as np
import pytest

from hpsearch.contracts.space import Choice, Fixed, Float, Int, Space
from hpsearch.searchers.columns import combinations, decoded, encoded, rounded
from hpsearch.searchers.sobol import sobol_configuration
from tests.tools.spaces import CONDITIONAL

KINDS = Space(
    (
        Int("depth", 1, 9), Choice("kind", ("a", "b", "c")), Float("rate", 1e-4, 1.0, log=True),
        Choice("size", (1, 2, 4, 8), ordered=True), Choice("on", (False, True)), Fixed("held", 3),
    )
)  # fmt: skip
LAYERS = Space((Int("layers", 1, 3), Float("second", 0.0, 1.0, when={"layers": (2, 3)}), Choice("norm", ("no", "yes"))))


def drawn(space, limit=100, seed=0):
    return combinations(space, limit, np.random.default_rng(seed))


@pytest.mark.parametrize(("space", "columns"), [(KINDS, 1 + 3 + 1 + 1 + 1), (CONDITIONAL, 3 + 5), (LAYERS, 3)])
def test_every_configuration_comes_back_as_it_went_in(space, columns):
    for i in range(64):
        configuration = sobol_configuration(space, 1, i)
        point = np.array(encoded(space, configuration))
        assert point.shape == (columns,)
        assert ((point >= 0) & (point <= 1)).all()
        back = decoded(space, point)
        assert back == pytest.approx(configuration)
        assert [type(v) for v in back.values()] == [type(v) for v in configuration.values()]


def test_what_is_not_active_is_at_a_fixed_place():
    adam, wide = ({"optimizer": name, "rate": 0.1, "beta": 0.9} for name in ("adam", "adamw"))
    points = np.array([encoded(CONDITIONAL, c) for c in (adam, {**wide, "decoupled": True})])
    assert (points[:, 4:7] == 0.5).all()  # momentum, nesterov, warm
    several = Space((Choice("on", (False, True)), Choice("kind", ("a", "b", "c"), when={"on": True})))
    assert encoded(several, {"on": False}) == [0.0, 0.5, 0.5, 0.5]


def test_combinations_are_each_tried_once_or_so_many_are_drawn():
    assert len(drawn(KINDS, 24)) == 3 * 4 * 2
    assert len({tuple(c.point[~c.free]) for c in drawn(KINDS, 24)}) == 24
    few = drawn(KINDS, 10)
    assert len(few) == 10
    assert all(list(c.free) == [True, False, False, False, True, False, False] for c in few)
    assert not all(np.array_equal(a.point, b.point) for a, b in zip(few, drawn(KINDS, 10, seed=1), strict=True))


def test_combinations_do_not_differ_in_what_is_not_active():
    """Of sgd there are two, with nesterov and without; of adam and adamw one each."""
    found = drawn(CONDITIONAL)
    assert len(found) == 4
    configurations = [decoded(CONDITIONAL, c.point) for c in found]
    assert all(CONDITIONAL.contains(c) for c in configurations)
    assert {(c["optimizer"], c.get("nesterov")) for c in configurations} == {
        ("sgd", False), ("sgd", True), ("adam", None), ("adamw", None),
    }  # fmt: skip
    assert sorted(int(c.free.sum()) for c in found) == [2, 2, 2, 3]
    assert all(CONDITIONAL.contains(decoded(CONDITIONAL, c.point)) for c in drawn(CONDITIONAL, 3))


def test_an_integer_on_which_others_depend_is_tried_at_each_of_its_values():
    found = drawn(LAYERS)
    assert len(found) == 3 * 2
    assert [decoded(LAYERS, c.point)["layers"] for c in found] == [1, 1, 2, 2, 3, 3]
    assert [bool(c.free.any()) for c in found] == [False, False, True, True, True, True]


def test_of_more_combinations_those_of_given_configurations_come_first():
    configuration = {"depth": 3, "kind": "b", "rate": 0.1, "size": 4, "on": True, "held": 3}
    for _ in range(2):
        found = combinations(KINDS, 10, np.random.default_rng(0), [configuration, configuration])
        assert decoded(KINDS, found[0].point)["kind"] == "b"
        assert [decoded(KINDS, found[0].point)[name] for name in ("size", "on")] == [4, True]
        assert len({tuple(c.point[~c.free]) for c in found}) == len(found) == 10
    assert len(combinations(CONDITIONAL, 3, np.random.default_rng(0), [{"optimizer": "adam", "rate": 0.1}])) == 3


def test_rounded_points_are_those_of_their_configurations():
    random = np.random.default_rng(0)
    for space in (KINDS, LAYERS):
        for combination in drawn(space):
            points = np.where(combination.free, random.random((5, len(combination.free))), combination.point)
            for point in rounded(space, points, combination.free):
                assert point == pytest.approx(encoded(space, decoded(space, point)), abs=1e-12)


def test_more_combinations_than_memory_takes_are_drawn():
    vast = Space(tuple(Choice(f"c{i}", tuple(range(50))) for i in range(40)))
    assert len(drawn(vast, 16)) == 16
    deep = Space((Int("layers", 1, 10**9), Float("x", 0.0, 1.0, when={"layers": 7})))
    assert len(drawn(deep, 16)) == 16
