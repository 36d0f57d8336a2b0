"""Expected running times, their ratio, and shares of targets that are reached."""

import math

import numpy as np
import pytest

from hpsearch.statistics.running_time import attained, expected_running_time, running_time_ratio
from hpsearch.statistics.time_to_target import Times


def times(*costs, spent=25):
    """Studies that reached the target at these costs; None for one that spent everything."""
    return Times(np.array([spent if c is None else c for c in costs], float), np.array([c is not None for c in costs]))


def test_misses_are_paid_for():
    assert expected_running_time(times(5, 10)) == 7.5
    assert expected_running_time(times(5, 10, None)) == 20.0
    assert expected_running_time(times(None, None)) == math.inf


def test_it_is_the_mean_cost_of_trying_until_one_succeeds():
    found, random = times(3, 8, 20, None, None), np.random.default_rng(0)
    costs = []
    for _ in range(20_000):
        cost, reached = 0.0, False
        while not reached:
            study = random.integers(5)
            cost, reached = cost + found.times[study], bool(found.reached[study])
        costs.append(cost)
    assert np.mean(costs) == pytest.approx(expected_running_time(found), rel=0.02)


def test_equal_methods_take_equally_long():
    a = times(*range(1, 21))
    ratio = running_time_ratio(a, a)
    assert ratio.estimate == 1
    assert ratio.low < 1 < ratio.high


def test_the_ratio_turns_over_with_the_methods():
    a, b = times(2, 3, 4, 5, 6, 7), times(20, 22, None, 24, 23, 19)
    one, other = running_time_ratio(a, b), running_time_ratio(b, a)
    assert one.estimate == pytest.approx(1 / other.estimate)
    assert one.high < 1 < other.low


def test_who_never_gets_there_takes_for_ever():
    never, soon = times(*[None] * 6), times(1, 2, 3, 4, 5, 6)
    assert running_time_ratio(never, soon) == running_time_ratio(never, soon)
    found = running_time_ratio(never, soon)
    assert (found.estimate, found.low, found.high) == (math.inf, math.inf, math.inf)
    assert running_time_ratio(soon, never).high == 0
    assert math.isnan(running_time_ratio(never, never).estimate)


def test_few_studies_have_no_interval():
    found = running_time_ratio(times(1, 2, 3, 4), times(2, 3, 4, 5))
    assert found.estimate == pytest.approx(10 / 14)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_the_interval_of_a_ratio_holds_the_truth():
    """Geometric times: the expected running time is 1 / p whatever the budget."""
    random, held = np.random.default_rng(1), 0
    for _ in range(300):
        drawn = [np.minimum(random.geometric(p, 20), 26) for p in (0.1, 0.2)]
        a, b = (Times(np.minimum(d, 25).astype(float), d <= 25) for d in drawn)
        ratio = running_time_ratio(a, b, resamples=500)
        held += ratio.low <= 2.0 <= ratio.high
    assert 0.92 < held / 300 < 0.99


def test_shares_of_targets_by_hand():
    found = [times(1, 4, None), times(2, None, None)]
    assert attained(found, np.array([0.5, 1, 2, 4, 25])).tolist() == [0, 1 / 6, 2 / 6, 3 / 6, 3 / 6]
