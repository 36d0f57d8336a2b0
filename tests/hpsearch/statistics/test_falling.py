"""Curves that may fall: what incumbents are truly worth, with errors that all studies share."""

import numpy as np
import pytest

from hpsearch.statistics.bootstrap import Interval, bootstrap_mean, widened
from hpsearch.statistics.extra_trials import extra_trials
from hpsearch.statistics.first_reach import mean_curve, normal_draws, resampled_curves
from hpsearch.statistics.incumbents import chosen_trials, incumbent_trials, incumbents
from hpsearch.statistics.trials_to_level import trials_to_final_level


def test_the_incumbent_is_the_first_of_the_best_so_far():
    objectives = np.array([[1.0, 3.0, 2.0, 3.0, 4.0], [-np.inf, -np.inf, 0.5, 0.5, 0.1]])
    assert incumbent_trials(objectives).tolist() == [[0, 1, 1, 1, 4], [0, 0, 2, 2, 2]]


def test_incumbent_trials_are_where_incumbents_and_choices_are():
    objectives = np.random.default_rng(0).integers(0, 5, (30, 12)).astype(float)
    found = incumbent_trials(objectives)
    assert np.take_along_axis(objectives, found, axis=1).tolist() == incumbents(objectives).tolist()
    assert found[:, -1].tolist() == chosen_trials(objectives).tolist()


def test_a_level_that_is_left_again_is_not_reached():
    falling, level = np.array([[0.5, 0.9, 0.6, 0.7]]).repeat(6, axis=0), np.full((6, 4), 0.7)
    assert trials_to_final_level(falling, level).estimate == 4
    assert trials_to_final_level(falling, np.full((6, 4), 0.8)).estimate == 5  # more than 4
    assert trials_to_final_level(falling, np.full((6, 4), 0.6)).estimate == 2


def test_a_curve_that_never_falls_is_as_it_was():
    rising = incumbents(np.random.default_rng(1).random((8, 15)))
    curve = mean_curve(rising)
    assert curve.low[0] == pytest.approx(rising.mean(axis=0))
    assert curve.high[0] == pytest.approx(rising.mean(axis=0))


def test_a_method_needs_no_trials_more_than_itself_also_where_it_falls():
    values = np.random.default_rng(2).random((7, 9))
    assert (extra_trials(values, values).estimate == 0).all()


def test_trials_that_were_known_alone_are_counted_by_their_numbers():
    known, numbers = np.array([[0.5, 0.6, 0.8]]).repeat(6, axis=0), np.array([1, 5, 25])
    assert trials_to_final_level(known, np.full((6, 1), 0.6)).at(numbers).estimate == 5
    beyond = trials_to_final_level(known, np.full((6, 1), 0.9)).at(numbers)
    assert (beyond.estimate, beyond.trials) == (26, 25)
    assert str(beyond).startswith("more than 25")


def test_a_shared_error_widens_what_equal_studies_would_hide():
    """All studies agree, and their common model may still be off by 0.1."""
    a, b = np.full((8, 3), 0.5), np.full((8, 3), 0.55)
    error = np.full((3, 3), 0.1**2)
    sure = trials_to_final_level(b, a)
    assert (sure.low, sure.high) == (1, 1)
    unsure = trials_to_final_level(b, a, errors=(error, error))
    assert (unsure.estimate, unsure.low, unsure.high) == (1, 1, 4)


def test_draws_have_the_covariance_that_was_asked_for():
    covariance = np.array([[2.0, 1.0, 1.0], [1.0, 1.0, 0.5], [1.0, 0.5, 0.5]])  # singular: the last is half the first
    draws = normal_draws(covariance, 200_000, 0)
    assert np.cov(draws.T) == pytest.approx(covariance, abs=0.02)
    assert draws[:, 2] == pytest.approx(draws[:, 0] / 2, abs=1e-6)


def test_the_error_of_a_mean_curve_is_drawn_once_a_sample():
    curves = resampled_curves(np.full((5, 4), 1.0), 2_000, 0, np.full((4, 4), 0.25))
    assert curves.high[:, 0].std() == pytest.approx(0.5, rel=0.05)
    assert curves.high == pytest.approx(curves.high[:, :1].repeat(4, axis=1))


def test_independent_errors_are_added_in_squares():
    found = Interval(np.array(1.0), np.array(0.7), np.array(1.4))
    wide = widened(found, np.array((0.4 / 1.959963984540054) ** 2))
    assert (float(wide.low), float(wide.high)) == pytest.approx((0.5, 1 + np.hypot(0.4, 0.4)))


def test_an_interval_with_a_shared_error_holds_the_truth():
    random, held = np.random.default_rng(3), 0
    for _ in range(400):
        values = random.normal(0.0, 0.3, 20) + random.normal(0.0, 0.1)
        found = widened(bootstrap_mean(values, resamples=400), np.array(0.1**2))
        held += float(found.low) <= 0 <= float(found.high)
    assert 0.93 < held / 400 < 0.985
