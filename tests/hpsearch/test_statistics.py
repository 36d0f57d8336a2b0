import numpy as np
import pytest
from scipy import stats

from hpsearch.statistics.bootstrap import bootstrap_mean, resampled_means
from hpsearch.statistics.incumbents import chosen_trials, incumbents
from hpsearch.statistics.trials_to_level import first_reach, trials_to_final_level

OBJECTIVES = np.array([[0.2, 0.5, 0.4, 0.5], [0.6, 0.1, 0.7, 0.3]])


def test_incumbents_by_hand():
    assert incumbents(OBJECTIVES).tolist() == [[0.2, 0.5, 0.5, 0.5], [0.6, 0.6, 0.7, 0.7]]
    assert incumbents(OBJECTIVES, maximise=False).tolist() == [[0.2, 0.2, 0.2, 0.2], [0.6, 0.1, 0.1, 0.1]]


def test_the_first_of_equal_trials_is_chosen():
    assert chosen_trials(OBJECTIVES).tolist() == [1, 2]
    assert chosen_trials(OBJECTIVES, maximise=False).tolist() == [0, 1]


def test_maximising_is_minimising_the_negative():
    assert np.array_equal(incumbents(OBJECTIVES), -incumbents(-OBJECTIVES, maximise=False))


def test_the_bootstrap_interval_agrees_with_scipy():
    values = np.random.default_rng(3).gamma(2.0, size=20)
    ours = bootstrap_mean(values)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=1).confidence_interval
    assert ours.estimate == pytest.approx(values.mean())
    spread = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.05 * spread)
    assert ours.high == pytest.approx(theirs.high, abs=0.05 * spread)


def test_resampled_means_are_means_of_the_studies_drawn():
    values = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    means = resampled_means(values, 2000, seed=1)
    assert means[:, 1] == pytest.approx(10 * means[:, 0])  # a study is drawn whole
    possible = {(a + b + c) / 3 for a in (1, 2, 4) for b in (1, 2, 4) for c in (1, 2, 4)}
    assert all(min(abs(mean - p) for p in possible) < 1e-12 for mean in means[:, 0])
    assert means[:, 0].mean() == pytest.approx(7 / 3, abs=0.05)


def test_seeds_are_respected_and_the_global_generator_is_left_alone():
    values = np.arange(10.0)
    state = np.random.get_state()[1].tolist()
    assert np.array_equal(resampled_means(values, 50, 1), resampled_means(values, 50, 1))
    assert not np.array_equal(resampled_means(values, 50, 1), resampled_means(values, 50, 2))
    assert np.random.get_state()[1].tolist() == state


def test_the_interval_of_normal_means_covers_as_often_as_the_t_theory_says():
    # The percentile interval at n = 20 is a z interval with the plug-in deviation: 93.2% in theory.
    random = np.random.default_rng(11)
    samples = random.normal(size=(20, 2000))
    interval = bootstrap_mean(samples, resamples=1000)
    covered = ((interval.low <= 0) & (interval.high >= 0)).mean()
    factor = stats.norm.ppf(0.975) * np.sqrt(19 / 20)
    assert covered == pytest.approx(1 - 2 * stats.t.sf(factor, 19), abs=0.02)


def test_one_study_has_no_interval():
    interval = bootstrap_mean(np.array([[0.5, 0.6]]))
    assert interval.estimate.tolist() == [0.5, 0.6]
    assert np.isnan(interval.low).all()


def test_first_reach_by_hand():
    curves = np.array([[0.1, 0.4, 0.9], [0.1, 0.4, 0.9], [0.1, 0.4, 0.9]])
    assert first_reach(curves, np.array([0.05, 0.4, 1.0])).tolist() == [1, 2, 4]


def test_trials_to_the_final_level_by_hand():
    fast = np.array([[0.5, 0.9, 0.9, 0.9]] * 4)
    slow = np.array([[0.1, 0.3, 0.5, 0.8]] * 4)
    assert str(trials_to_final_level(fast, slow)) == "2 (2 to 2)"
    assert str(trials_to_final_level(slow, fast)) == "more than 4 (more than 4 to more than 4)"
    assert str(trials_to_final_level(slow, slow)) == "4 (4 to 4)"


def test_a_level_that_some_draws_never_reach_widens_the_interval_to_more_than_all_trials():
    mixed = np.array([[0.5, 0.6, 0.7, 1.0]] * 3 + [[0.1, 0.2, 0.2, 0.2]] * 3)
    level = np.array([[0.0, 0.0, 0.0, 0.6]] * 6)
    found = trials_to_final_level(mixed, level)
    assert (found.estimate, found.high) == (4, 5)
    assert found.low <= 4
