import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from hpsearch.statistics.bootstrap import bootstrap_mean, resampled_means
from hpsearch.statistics.first_reach import MeanCurves, first_reach, mean_curve, own_reach
from hpsearch.statistics.incumbents import chosen_trials, incumbents
from hpsearch.statistics.ties import Mean, compare, largest
from hpsearch.statistics.trials_to_level import trials_to_final_level

OBJECTIVES = np.array([[0.2, 0.5, 0.4, 0.5], [0.6, 0.1, 0.7, 0.3]])


def test_incumbents_by_hand():
    assert incumbents(OBJECTIVES).tolist() == [[0.2, 0.5, 0.5, 0.5], [0.6, 0.6, 0.7, 0.7]]
    assert incumbents(OBJECTIVES, maximise=False).tolist() == [[0.2, 0.2, 0.2, 0.2], [0.6, 0.1, 0.1, 0.1]]


def test_the_first_of_equal_trials_is_chosen():
    assert chosen_trials(OBJECTIVES).tolist() == [1, 2]
    assert chosen_trials(OBJECTIVES, maximise=False).tolist() == [0, 1]


def test_maximising_is_minimising_the_negative():
    assert np.array_equal(incumbents(OBJECTIVES), -incumbents(-OBJECTIVES, maximise=False))


def test_the_mean_has_the_outer_of_the_studentised_bootstrap_and_the_t_interval():
    values = np.random.default_rng(3).gamma(0.5, size=20)
    found = bootstrap_mean(values, resamples=2000, seed=7)
    # The same draws, one after another: (mean of the draw - mean) / standard error of the draw, which is never less
    # than 0.3 of the sample's.
    ratios = []
    for drawn in np.random.default_rng(7).integers(20, size=(2000, 20)):
        error = max(values[drawn].std(), 0.3 * values.std()) / np.sqrt(20)
        ratios.append((values[drawn].mean() - values.mean()) / error)
    below, above = np.quantile(ratios, [0.025, 0.975])
    error = values.std() / np.sqrt(20)
    t = stats.ttest_1samp(values, 0).confidence_interval()
    assert found.low == pytest.approx(min(values.mean() - above * error, t.low))
    assert found.high == pytest.approx(max(values.mean() - below * error, t.high))
    assert found.low == pytest.approx(t.low)  # to the left of a right skew t reaches further,
    assert found.high > t.high + 0.1 * (t.high - t.low)  # and to its right not far enough


def test_two_studies_have_the_t_interval():
    # Mean 1/2, standard error 1/2, and t with one degree of freedom has its 97.5% quantile at 12.706.
    found = bootstrap_mean(np.array([0.0, 1.0]))
    assert found.low == pytest.approx(0.5 - 12.706 / 2, abs=1e-3)
    assert found.high == pytest.approx(0.5 + 12.706 / 2, abs=1e-3)


def test_ties_do_not_explode_the_interval_of_the_mean():
    # 9 of their 27 resamples have next to no spread; t alone reaches from -1.1 to 1.8.
    for values in ([0.0, 0.0, 1.0], [0.0, 1e-9, 1.0]):
        found = bootstrap_mean(np.array(values))
        assert -2 < found.low < 0
        assert 1 < found.high < 2
    rare = bootstrap_mean(np.array([0.0] * 19 + [1.0]))
    assert rare.high - rare.low < 0.5


def test_equal_values_have_an_interval_without_width():
    found = bootstrap_mean(np.full((20, 3), 0.1))
    assert found.low.tolist() == found.high.tolist() == found.estimate.tolist()


@given(
    arrays(float, st.integers(2, 12), elements=st.floats(-1, 1)),
    st.floats(0.1, 10),
    st.floats(-5, 5),
)
@settings(max_examples=50, deadline=None)
def test_the_interval_of_the_mean_follows_units_and_direction(values, scale, shift):
    found = bootstrap_mean(values, resamples=200)
    moved = bootstrap_mean(shift + scale * values, resamples=200)
    mirrored = bootstrap_mean(-values, resamples=200)
    assert found.low <= found.estimate <= found.high
    assert [mirrored.high, mirrored.low] == pytest.approx([-found.low, -found.high])
    assert [moved.low, moved.high] == pytest.approx([shift + scale * found.low, shift + scale * found.high], abs=1e-9)


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


@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        (lambda random: random.normal(size=(20, 2000)), 0.0),
        (lambda random: random.exponential(size=(20, 2000)), 1.0),
        (lambda random: 1 - 0.1 * random.beta(0.5, 5, size=(20, 2000)), 1 - 0.05 / 5.5),
    ],
    ids=["normal", "exponential", "near the best possible"],
)
def test_nineteen_of_twenty_intervals_of_the_mean_hold_it(draw, mean):
    # A percentile interval holds 92.6, 90.8 and 90.1% of them (benchmarks/intervals.py has more, and why).
    interval = bootstrap_mean(draw(np.random.default_rng(11)), resamples=1000)
    covered = ((interval.low <= mean) & (interval.high >= mean)).mean()
    assert 0.935 < covered < 0.975


def test_one_study_has_no_interval():
    interval = bootstrap_mean(np.array([[0.5, 0.6]]))
    assert interval.estimate.tolist() == [0.5, 0.6]
    assert np.isnan(interval.low).all()


def test_first_reach_by_hand():
    curves = np.array([[0.1, 0.4, 0.9], [0.1, 0.4, 0.9], [0.1, 0.4, 0.9]])
    assert first_reach(curves, np.array([0.05, 0.4, 1.0])).tolist() == [1, 2, 4]
    assert first_reach(curves[:1], np.array([[0.05, 0.4, 0.5, 1.0]])).tolist() == [[1, 2, 3, 4]]


def test_equal_means_are_equal_whatever_their_rounding():
    # (0.1 + 0.2) / 2 is 0.15000000000000002, and (0.3 + 0) / 2 is 0.15.
    higher, lower = mean_curve(np.array([[0.1], [0.2]])), mean_curve(np.array([[0.3], [0.0]]))
    assert lower.high >= higher.low
    assert mean_curve(np.array([[0.3], [1e-14]])).low > higher.high
    # A difference of one part in 1e13 is no rounding, however large or small the numbers are.
    for unit in (1e-300, 1e-12, 1.0, 1e12, 1e300):
        a, b = (mean_curve(unit * np.array([[0.5], [value]])) for value in (0.5, 0.5 + 1e-13))
        assert a.high < b.low


def test_the_larger_of_two_means_is_larger_by_more_than_their_roundings():
    a, b = Mean.of(np.array([0.1, 0.2])), Mean.of(np.array([0.3, 0.0]))
    assert a.value > b.value
    assert compare(a, b) == compare(b, a) == 0
    assert largest({"b": b, "a": a, "less": Mean.of(np.array([0.1, 0.1]))}) == ["b", "a"]
    for unit in (1e-300, 1.0, -1.0, 1e299):  # one part in 1e13 is no rounding
        low, high = sorted((Mean.of(unit * np.array([0.5, 0.5])), Mean.of(unit * np.array([0.5, 0.5 + 1e-12]))))
        assert (compare(low, high), compare(high, low)) == (-1, 1)
        assert largest({"low": low, "high": high}) == ["high"]


@given(arrays(float, st.integers(1, 40), elements=st.floats(-1e6, 1e6)), st.randoms(use_true_random=False))
def test_the_order_of_the_values_makes_no_mean_larger(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert compare(Mean.of(values), Mean.of(shuffled)) == 0


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 8)), elements=st.integers(-3, 3).map(float)))
@settings(max_examples=60, deadline=None)
def test_a_curve_reaches_its_own_levels_where_it_rose_to_them(values):
    values = np.maximum.accumulate(values / 3, axis=1)
    curves = MeanCurves.of(values, np.abs(values), 1)
    assert own_reach(curves).tolist() == first_reach(curves.high, curves.low).tolist()


def test_a_curve_that_creeps_up_reaches_its_own_levels_too():
    steps = 1.0 + np.finfo(float).eps * np.arange(40)[None]  # each by less than a rounding of (8 + 2) epsilon
    curves = MeanCurves.of(steps, steps, 8)
    own = own_reach(curves)
    assert own[0, 0] == 1
    assert own[0, -1] > 1
    assert own.tolist() == first_reach(curves.high, curves.low).tolist()


def test_trials_to_the_final_level_by_hand():
    fast = np.array([[0.5, 0.9, 0.9, 0.9]] * 5)
    slow = np.array([[0.1, 0.3, 0.5, 0.8]] * 5)
    assert str(trials_to_final_level(fast, slow)) == "2 (2 to 2)"
    assert str(trials_to_final_level(slow, fast)) == "more than 4 (more than 4 to more than 4)"
    assert str(trials_to_final_level(slow, slow)) == "4 (4 to 4)"


def test_a_level_that_some_draws_never_reach_widens_the_interval_to_more_than_all_trials():
    mixed = np.array([[0.5, 0.6, 0.7, 1.0]] * 3 + [[0.1, 0.2, 0.2, 0.2]] * 3)
    level = np.array([[0.0, 0.0, 0.0, 0.6]] * 6)
    found = trials_to_final_level(mixed, level)
    assert (found.estimate, found.high) == (4, 5)
    assert found.low <= 4
