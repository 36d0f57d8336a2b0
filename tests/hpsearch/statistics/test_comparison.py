import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from hpsearch.statistics.bootstrap import outer_quantiles
from hpsearch.statistics.extra_trials import extra_trials
from hpsearch.statistics.holm import holm
from hpsearch.statistics.ranks import mean_ranks, win_matrix
from hpsearch.statistics.superiority import permutation_p, probability_of_superiority
from hpsearch.statistics.trials_to_level import trials_to_final_level

VALUES = arrays(float, st.integers(1, 12), elements=st.integers(0, 6).map(float))


def random_search(seed, studies=20, trials=25, shift=0.0):
    random = np.random.default_rng(seed)
    return np.maximum.accumulate(random.beta(5, 2, size=(studies, trials)) - shift, axis=1)


def test_extra_trials_by_hand():
    a = np.array([[0.1, 0.5, 0.6, 0.9]] * 5)
    b = np.array([[0.3, 0.4, 0.5, 0.6]] * 5)
    # B is at 0.1 after its first trial, at 0.5 after its third, at 0.6 after its fourth, and never at 0.9.
    found = extra_trials(a, b)
    assert found.estimate.tolist() == found.low.tolist() == found.high.tolist() == [0, 1, 1, math.inf]
    assert extra_trials(b, a).estimate.tolist() == [2 - 1, 2 - 2, 2 - 3, 3 - 4]
    assert found.trials == 4


def test_a_method_needs_no_extra_trials_to_match_itself():
    curves = np.cumsum(np.ones((5, 8)), axis=1) / 8 + np.arange(5)[:, None] / 3
    found = extra_trials(curves, curves)
    assert found.estimate.tolist() == [0] * 8
    assert (found.low <= 0).all()
    assert (found.high >= 0).all()


def test_trials_spent_on_a_plateau_are_no_lead_of_the_other():
    # A has all it ever has after 2 trials, B after 3: that is 1 more, however long A goes on.
    a = np.array([[0.2, 0.9, 0.9, 0.9, 0.9]] * 5)
    b = np.array([[0.2, 0.2, 0.9, 0.9, 0.9]] * 5)
    assert extra_trials(a, b).estimate.tolist() == extra_trials(a, b).high.tolist() == [0, 1, 1, 1, 1]
    assert extra_trials(b, a).estimate.tolist() == extra_trials(b, a).low.tolist() == [0, 0, -1, -1, -1]
    # Two methods that are equal and come to the best there is: neither is told to need fewer.
    random = np.random.default_rng(4)
    a, b = (np.minimum(0.8, np.maximum.accumulate(random.beta(5, 2, (20, 25)), axis=1)) for _ in range(2))
    for found in (extra_trials(a, b), extra_trials(b, a)):
        assert (found.low <= 0).all()
        assert (found.high >= 0).all()


def losses(seed, lost=0, studies=12, trials=15):
    """Negated best losses near 0.02; the first trials of some studies are lost, at 1e9."""
    drawn = 0.02 + 0.01 * np.random.default_rng(seed).beta(1, 3, (studies, trials)).round(3)
    for study in range(lost):
        drawn[study, : study + 1] = 1e9
    return -np.minimum.accumulate(drawn, axis=1)


@pytest.mark.parametrize("lost", [0, 1, 3])
@pytest.mark.parametrize(
    "changed",
    [lambda x: 1e-12 * x, lambda x: 1e12 * x, lambda x: x / 3, lambda x: 1e-200 * x, lambda x: x - 0.0137],
    ids=["tiny", "huge", "a third", "at 1e-200", "shifted"],
)
def test_no_count_depends_on_the_unit_or_the_zero_of_the_objective(changed, lost):
    a, b = losses(1, lost), losses(2)
    found, moved = (extra_trials(x, y, resamples=500) for x, y in ((a, b), (changed(a), changed(b))))
    for part in ("estimate", "low", "high"):
        assert getattr(found, part).tolist() == getattr(moved, part).tolist()
    assert (found.low <= found.estimate).all()
    assert (found.estimate <= found.high).all()
    assert trials_to_final_level(a, b, resamples=500) == trials_to_final_level(changed(a), changed(b), resamples=500)
    assert extra_trials(changed(a), changed(a), resamples=2).estimate.tolist() == [0] * 15


def test_small_rises_of_large_numbers_count():
    a = 1e12 + 0.1 * np.arange(25.0) + np.zeros((4, 1))  # doubles are 1e-4 apart here
    assert extra_trials(a, a).estimate.tolist() == [0] * 25
    assert extra_trials(a, a - 1.0).estimate.tolist() == [10] * 15 + [math.inf] * 10


@pytest.mark.parametrize("studies", [1, 2, 3, 4])
def test_of_fewer_than_five_studies_a_count_of_trials_has_no_interval(studies):
    a, b = random_search(0), random_search(1)
    for few, other in ((a[:studies], b), (a, b[:studies])):
        found, reach = extra_trials(few, other), trials_to_final_level(few, other)
        assert np.isfinite(found.estimate[0])
        assert np.isnan([found.low, found.high]).all()
        assert (reach.low, reach.high) == (None, None)
        assert "too few studies for an interval" in str(reach)
        assert reach.brief in (str(reach.estimate), ">25")
    five = trials_to_final_level(a[:5], b[:5])
    assert 1 <= five.low <= five.estimate <= five.high
    assert not np.isnan(extra_trials(a[:5], b[:5]).low).any()


def test_few_studies_have_a_wide_interval():
    # At 3 studies the tails are those of a t interval: all of the draws.
    draws = np.arange(1000.0)
    assert outer_quantiles(draws.copy(), 3, 0.95) == (0, 999)
    low, high = outer_quantiles(draws.copy(), 10_000, 0.95)
    assert (low, high) == (24, 975)


def test_the_last_extra_trials_are_those_to_the_final_level():
    a, b = random_search(0) + 1e-6 * np.arange(25), random_search(1, trials=30, shift=0.02)  # a rises at every trial
    found, last = extra_trials(a, b, seed=5), trials_to_final_level(b, a, seed=5)
    of_b = [math.inf if trials > 30 else trials for trials in (last.estimate, last.low, last.high)]
    assert [found.estimate[-1] + 25, found.low[-1] + 25, found.high[-1] + 25] == of_b
    assert found.trials == 30


def test_draws_that_never_get_there_are_kept():
    # Half of B's studies are as good as A at once, half never: about half of the draws fall short of A's mean.
    a = np.full((20, 3), 0.5)
    b = np.array([[1.0] * 3, [0.0] * 3] * 10)
    found = extra_trials(a, b)
    assert found.low.tolist() == [0, 0, 0]
    assert found.high.tolist() == [math.inf] * 3


@given(st.integers(0, 10_000), st.integers(5, 8), st.integers(1, 8))
@settings(max_examples=30, deadline=None)
def test_extra_trials_are_ordered_whole_and_more_for_a_worse_method(seed, studies, trials):
    a, b = random_search(seed, studies, trials), random_search(seed + 1, studies, trials)
    found, worse = extra_trials(a, b, resamples=200), extra_trials(a, b - 0.1, resamples=200)
    for part in ("estimate", "low", "high"):
        better = getattr(found, part)
        assert not np.isnan(better).any()
        assert (better <= getattr(worse, part)).all()
        finite = better[np.isfinite(better)]
        assert (finite == np.round(finite)).all()
    assert (found.low <= found.high).all()


def test_superiority_by_hand():
    # 1 beats none of 2, 2, 4; 2 ties twice; 3 wins twice: (0 + 1 + 2) / 9.
    found = probability_of_superiority(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 4.0]))
    assert found.estimate == pytest.approx(1 / 3)
    # Logit interval: mean placements of A are 0, 1/3, 2/3 with variance 1/9, of B 1/2, 1/2, 0 with 1/12; squared error
    # (1/9 + 1/12) / 3 = 7/108. 1/3 being within 2/3 of 0, the score interval may extend it.
    reach = 1.959963 * math.sqrt(7 / 108) / (2 / 9)
    logit = [1 / (1 + math.exp(-x)) for x in (math.log(1 / 2) - reach, math.log(1 / 2) + reach)]
    assert found.low <= logit[0]
    assert found.high >= logit[1]


def test_twenty_studies_have_the_logit_interval():
    random = np.random.default_rng(0)
    a, b = random.normal(0.5, size=20), random.normal(size=20)
    found = probability_of_superiority(a, b)
    below = np.array([(b < x).mean() for x in a])
    above = np.array([(a > y).mean() for y in b])
    p = below.mean()
    reach = 1.959964 * math.sqrt((below.var(ddof=1) + above.var(ddof=1)) / 20) / (p * (1 - p))
    assert math.log(found.low / (1 - found.low)) == pytest.approx(math.log(p / (1 - p)) - reach)
    assert math.log(found.high / (1 - found.high)) == pytest.approx(math.log(p / (1 - p)) + reach)


def test_a_method_that_always_wins_may_still_lose():
    # Newcombe's method 5 at 1 and 20 studies each, checked at its bound t = 0.89867: 1 + 19 ((1 - t) / (2 - t)
    # + t / (1 + t)) = 11.74, times t (1 - t) = 0.09106, over 400 = 0.002673; 1.96 times its root is 0.1013 = 1 - t.
    found = probability_of_superiority(np.arange(20.0) + 100, np.arange(20.0))
    assert (found.estimate, found.high) == (1, 1)
    assert found.low == pytest.approx(0.89867, abs=1e-5)
    # At 1/2 it is 1 + 19 x 2/3 = 13.667, times 1/4 over 400 = 0.0085417; 1/2 is 5.41 of its root away.
    assert found.p == pytest.approx(2 * stats.norm.sf(0.5 / math.sqrt(0.00854167)), rel=1e-5)
    assert found.at_floor
    assert not probability_of_superiority(np.arange(20.0) + 18, np.arange(20.0)).at_floor


def test_the_p_value_of_many_studies_is_near_that_of_brunner_and_munzel():
    random = np.random.default_rng(1)
    for shift in (0.0, 0.3, 0.8):
        a, b = random.normal(shift, size=300), 3 * random.normal(size=200)
        ours, theirs = probability_of_superiority(a, b).p, stats.brunnermunzel(a, b).pvalue
        assert stats.norm.isf(ours / 2) == pytest.approx(stats.norm.isf(theirs / 2), rel=0.05)


def test_the_p_value_of_few_studies_is_no_smaller_than_the_exact_one_of_scipy():
    random = np.random.default_rng(1)
    for _ in range(50):
        few, more = random.normal(0.8, size=6), random.normal(size=9)
        assert probability_of_superiority(few, more).p >= stats.mannwhitneyu(few, more, method="exact").pvalue - 1e-12
    # 5 that always win against 5 that always lose: 2 of the 252 ways to share them out.
    assert probability_of_superiority(np.arange(5.0) + 9, np.arange(5.0)).p == pytest.approx(2 / 252)
    # 3 that always win against 3 that always lose: 2 of the 20 ways to share them out, which proves nothing yet.
    found = probability_of_superiority(np.array([4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0]))
    assert (found.p, found.low, found.at_floor) == (pytest.approx(0.1), 0.5, True)


@given(
    arrays(float, st.integers(1, 14), elements=st.integers(0, 6).map(float)),
    arrays(float, st.integers(1, 14), elements=st.integers(0, 9).map(float)),
    st.sampled_from([0.8, 0.9, 0.95, 0.99]),
)
@settings(max_examples=300, deadline=None)
def test_the_interval_leaves_out_one_half_exactly_where_p_is_small(a, b, level):
    found = probability_of_superiority(a, b, level)
    # (A p that is the tail itself, but for its rounding, is on neither side.)
    if found.p is None or abs(found.p - (1 - level)) > 1e-9:
        assert (found.p is not None and found.p < 1 - level) == (not found.low <= 0.5 <= found.high)


def test_a_p_value_that_is_the_tail_itself_is_not_below_it():
    # 3 that always win against 3: 2 of 20 ways, and 1 - 0.9 is 0.09999999999999998.
    found = probability_of_superiority(np.array([4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0]), level=0.9)
    assert (found.p, found.low) == (0.1, 0.5)


@given(
    arrays(float, st.integers(1, 5), elements=st.integers(0, 3).map(float)),
    arrays(float, st.integers(1, 5), elements=st.integers(0, 3).map(float)),
)
@settings(max_examples=60, deadline=None)
def test_the_exact_p_value_counts_all_permutations_with_ties(a, b):
    pooled = np.concatenate([a, b])
    ranks = stats.rankdata(pooled)
    centre = len(a) * (len(pooled) + 1) / 2
    far = abs(ranks[: len(a)].sum() - centre)
    sums = [sum(ranks[i] for i in chosen) for chosen in itertools.combinations(range(len(pooled)), len(a))]
    assert permutation_p(a, b) == pytest.approx(np.mean([abs(s - centre) >= far - 1e-9 for s in sums]))


@given(VALUES, VALUES)
@settings(max_examples=100, deadline=None)
def test_superiority_is_ordered_and_mirrored_and_sees_ranks_only(a, b):
    found, mirrored = probability_of_superiority(a, b), probability_of_superiority(b, a)
    transformed = probability_of_superiority(np.exp(a), np.exp(b))
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert [found.estimate, found.low, found.high] == pytest.approx(
        [1 - mirrored.estimate, 1 - mirrored.high, 1 - mirrored.low]
    )
    assert transformed == found
    assert (found.p is None) == (np.ptp(np.concatenate([a, b])) == 0)
    assert found.p is None or 0 < found.p <= 1
    assert found.p is None or found.p == pytest.approx(mirrored.p)
    assert found.low < found.high
    assert found.at_floor == (min(a) > max(b) or max(a) < min(b))


def test_superiority_needs_studies():
    with pytest.raises(ValueError, match="at least one study"):
        probability_of_superiority(np.array([]), np.ones(2))


def test_holm_by_hand():
    # Sorted 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1 = 0.02, 0.03, 0.06, 0.04; the last may not fall below 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_test_that_could_not_be_made_does_not_count():
    found = holm([None, 0.02, None, 0.04])
    assert found[0] is None
    assert found[2] is None
    assert [found[1], found[3]] == pytest.approx([0.04, 0.04])
    assert holm([]) == []
    assert holm([0.7, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p):
    adjusted = holm(p)
    for value, corrected in zip(p, adjusted, strict=True):
        assert value <= corrected <= min(1.0, len(p) * value)
    order = np.argsort(p, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_ranks_by_hand():
    # A's 3 beats B's 2, its 1 does not; C is always best. A: 1 + 1/2 + 1, B the same, C: 1.
    finals = [np.array([1.0, 3.0]), np.array([2.0]), np.array([5.0, 6.0, 7.0])]
    assert win_matrix(finals).tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [1.0, 1.0, 0.5]]
    found = mean_ranks(finals)
    assert found.estimate == pytest.approx([2.5, 2.5, 1.0])
    assert found.low[2] == pytest.approx(1)
    assert 1 < found.high[2] < 3


@given(st.lists(arrays(float, st.integers(1, 4), elements=st.integers(0, 3).map(float)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_ranks_are_means_over_all_ways_to_let_one_study_of_each_compete(finals):
    found = mean_ranks(finals)
    competitions = [stats.rankdata([-x for x in competitors]) for competitors in itertools.product(*finals)]
    assert found.estimate == pytest.approx(np.mean(competitions, axis=0))
    assert win_matrix(finals).sum(axis=0) + 0.5 == pytest.approx(found.estimate)
    assert ((found.low >= 1 - 1e-12) & (found.low <= found.estimate + 1e-12)).all()
    assert ((found.estimate <= found.high + 1e-12) & (found.high <= len(finals) + 1e-12)).all()


@pytest.mark.parametrize("studies", [3, 20])
def test_the_rank_of_one_of_two_methods_is_their_superiority(studies):
    random = np.random.default_rng(2)
    a, b = random.normal(0.4, size=studies), random.normal(size=studies)
    ranks, one = mean_ranks([a, b]), probability_of_superiority(a, b)
    assert [ranks.estimate[0], ranks.low[0], ranks.high[0]] == pytest.approx(
        [2 - one.estimate, 2 - one.high, 2 - one.low]
    )
