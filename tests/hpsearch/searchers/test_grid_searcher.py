import math
from itertools import product

import pytest

from hpsearch.contracts.searcher import History
from hpsearch.contracts.space import Choice, Fixed, Float, Int, Space
from hpsearch.searchers.grid import Grid
from hpsearch.store.tables import load_tables
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end

MIXED = Space(
    (Float("rate", 1e-4, 1.0, log=True), Fixed("held", 3), Int("depth", 1, 3), Choice("kind", ("a", "b")))
)  # fmt: skip


def points(searcher, space, n):
    """The first n proposals of one study."""
    histories = [History(({},) * i, (0.0,) * i) for i in range(n)]
    return searcher.propose(space, histories, [7] * n)


def test_every_combination_comes_once_before_the_first_comes_again():
    found = points(Grid(points=5), MIXED, 31)
    values = [(c["rate"], c["depth"], c["kind"]) for c in found]
    expected = list(product([1e-4, 1e-3, 1e-2, 1e-1, 1.0], [1, 2, 3], ["a", "b"]))
    assert len(set(values[:30])) == 30
    for (rate, *others), (wanted, *rest) in zip(values[:30], expected, strict=True):
        assert math.isclose(rate, wanted, rel_tol=1e-12)
        assert others == rest
    assert values[30] == values[0]
    assert list(found[0]) == ["rate", "held", "depth", "kind"]
    assert {c["held"] for c in found} == {3}
    assert (found[0]["rate"], found[29]["rate"]) == (1e-4, 1.0)  # the ends exactly


def test_integers_are_spread_over_a_range_that_has_more_of_them():
    depths = [c["depth"] for c in points(Grid(points=3), Space((Int("depth", 1, 101),)), 3)]
    assert depths == [1, 51, 101]


def test_points_that_are_the_same_integer_are_one_value():
    # Evenly spaced in the logarithm: 1, 1.6, 2.4, 3.9 and 6, or nearly, for each integer has a share of its own.
    depths = [c["depth"] for c in points(Grid(points=5), Space((Int("depth", 1, 6, log=True),)), 5)]
    assert depths == [1, 2, 4, 6, 1]


def test_all_studies_walk_the_same_way_and_an_empty_space_has_one_point():
    space = Space((Float("x", 0.0, 1.0),))
    assert Grid(points=3).propose(space, [History()] * 3, [1, 2, 3]) == [{"x": 0.0}] * 3
    assert points(Grid(), Space((Fixed("a", 1.5),)), 2) == [{"a": 1.5}] * 2


def test_one_point_is_no_grid():
    with pytest.raises(ValueError, match="points must be at least 2"):
        Grid(points=1)


def test_in_a_study_repeats_differ_in_their_seeds_alone(own_study):
    study = own_study(study=edited(OWN_STUDY, 'searcher = "sobol"', 'searcher = {{ name = "grid", points = 3 }}'))
    trials = load_tables(run_to_end(study)).trials
    wide = trials[trials["method"] == "wide"]
    assert wide["x"].tolist() == [0.0, 5.0, 10.0] * 6  # 3 repeats of 6 trials
    assert wide["seed"].nunique() == 18
