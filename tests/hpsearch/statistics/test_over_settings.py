"""What holds over settings: known answers, and coverage against known truth."""

import numpy as np
import pytest

from hpsearch.statistics.over_settings import (
    mean_over_settings,
    mean_ranks_over_settings,
    performance_ratios,
    profile,
    share_of_settings,
)


def drawn(generator, settings, between, studies=20):
    """Final values of a method that is better by 1 on average, by more or less from setting to setting."""
    shifts = 1 + between * generator.normal(size=settings)
    a = [shift + generator.normal(size=studies) for shift in shifts]
    return a, [generator.normal(size=studies) for _ in shifts]


def test_the_mean_difference_is_that_of_the_settings_means():
    found = mean_over_settings([np.array([1.0, 3.0]), np.array([5.0])], [np.zeros(2), np.ones(3)], joint=False)
    assert found.these.estimate == pytest.approx((2 + 4) / 2)
    assert found.such is None  # of two settings


def test_equal_values_leave_no_interval_and_other_settings_a_wide_one():
    a, b = [np.full(4, float(n)) for n in range(6)], [np.zeros(4)] * 6
    found = mean_over_settings(a, b, joint=True)
    assert (found.these.low, found.these.high) == pytest.approx((2.5, 2.5))
    assert found.such.low < 1.5 < 3.5 < found.such.high


def test_settings_that_share_seeds_average_out_less():
    noise = np.random.default_rng(3).normal(size=20)
    a, b = [noise] * 8, [np.zeros(20)] * 8
    joint, apart = (mean_over_settings(a, b, joint=joint).these for joint in (True, False))
    assert (joint.high - joint.low) / (apart.high - apart.low) == pytest.approx(np.sqrt(8), rel=0.1)


@pytest.mark.parametrize("between", [0.0, 1.0])
def test_the_interval_for_settings_like_these_covers(between):
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        such = mean_over_settings(*drawn(generator, 8, between), joint=False, resamples=1000).such
        held += such.low <= 1 <= such.high
    assert held / 200 >= 0.93


def test_ranks_of_two_methods_and_of_ties():
    a, b, c = [np.array([2.0, 2.0])] * 2, [np.array([1.0, 1.0]), np.array([3.0, 3.0])], [np.array([1.0, 1.0])] * 2
    assert mean_ranks_over_settings([a, b], joint=True).these.estimate == pytest.approx([1.5, 1.5])
    assert mean_ranks_over_settings([a, b, c], joint=True).these.estimate == pytest.approx([1.5, 1.75, 2.75])


def test_the_share_of_settings_has_the_interval_of_clopper_and_pearson():
    found = share_of_settings(5, 5)
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025 ** (1 / 5))  # P(5 of 5) = p^5 = 2.5%


def test_performance_ratios_and_their_profile():
    ratios = performance_ratios(np.array([[10.0, 20.0], [30.0, np.inf], [np.inf, np.inf]]))
    np.testing.assert_array_equal(ratios, [[1, 2], [1, np.inf], [np.inf, np.inf]])
    np.testing.assert_allclose(profile(ratios[:, 0], np.array([1.0, 2.0])), [2 / 3, 2 / 3])
    np.testing.assert_allclose(profile(ratios[:, 1], np.array([1.0, 2.0])), [0, 1 / 3])
