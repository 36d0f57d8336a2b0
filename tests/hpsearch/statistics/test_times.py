import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hpsearch.statistics.kaplan_meier import kaplan_meier
from hpsearch.statistics.log_rank import log_rank
from hpsearch.statistics.ties import Mean, compare
from hpsearch.statistics.time_to_target import Times, times_to_target

# Remission of leukaemia in weeks (Freireich et al. 1963): 9 of 21 on 6-MP relapsed, and all 21 on placebo.
MERCAPTOPURINE = Times(
    np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35.0]), np.arange(21) < 9
)
PLACEBO = Times(np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0]), np.ones(21, bool))

STUDIES = st.lists(st.tuples(st.integers(1, 25), st.booleans()), min_size=1, max_size=30)


def times(studies):
    return Times(np.array([float(t) for t, _ in studies]), np.array([r for _, r in studies]))


def test_times_to_a_target_by_hand():
    incumbents = np.array([[0.1, 0.5, 0.9], [0.2, 0.2, 0.3], [0.6, 0.6, 0.6]])
    costs = np.array([[10.0, 20.0, 30.0], [1.0, 2.0, 7.0], [4.0, 8.0, 9.0]])
    found = times_to_target(incumbents, costs, 0.5)
    assert found.times.tolist() == [20, 7, 4]
    assert found.reached.tolist() == [True, False, True]


def test_a_target_a_rounding_above_the_incumbent_is_reached():
    # 0.1 + 0.2 is 0.30000000000000004.
    assert times_to_target(np.array([[0.3]]), np.ones((1, 1)), 0.1 + 0.2).reached.all()
    assert not times_to_target(np.array([[0.3]]), np.ones((1, 1)), 0.3 + 1e-9).reached.any()


def test_kaplan_meier_of_the_leukaemia_trial():
    found = kaplan_meier(MERCAPTOPURINE.times, MERCAPTOPURINE.reached)
    # 21 at risk at 6, 17 at 7 (three relapsed, one censored), 15 at 10, 12 at 13, 11 at 16, 7 at 22, 6 at 23.
    factors = [18 / 21, 16 / 17, 14 / 15, 11 / 12, 10 / 11, 6 / 7, 5 / 6]
    assert found.steps.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert found.not_reached == pytest.approx(np.cumprod(factors))
    # At 6: Greenwood 3 / (21 x 18) = 1 / 126, log S = -0.15415, so the error of log(-log S) is 0.08909 / 0.15415
    # = 0.5779; times 1.96: 1.1327; 0.857143^exp(1.1327) = 0.6197 and 0.857143^exp(-1.1327) = 0.9516.
    assert (found.low[0], found.high[0]) == (pytest.approx(0.6197, abs=1e-4), pytest.approx(0.9516, abs=1e-4))
    assert (found.median, found.median_low, found.median_high) == (23, 13, math.inf)
    placebo = kaplan_meier(PLACEBO.times, PLACEBO.reached)
    assert (placebo.median, placebo.median_low, placebo.median_high) == (8, 4, 11)


def test_the_band_is_that_of_scipy():
    found = kaplan_meier(MERCAPTOPURINE.times, MERCAPTOPURINE.reached)
    data = stats.CensoredData.right_censored(MERCAPTOPURINE.times, ~MERCAPTOPURINE.reached)
    survival = stats.ecdf(data).sf
    band = survival.confidence_interval(0.95, method="log-log")
    assert found.not_reached == pytest.approx(survival.evaluate(found.steps))
    assert found.low == pytest.approx(band.low.evaluate(found.steps))
    assert found.high == pytest.approx(band.high.evaluate(found.steps))


@given(STUDIES)
@settings(max_examples=100, deadline=None)
def test_the_curve_is_that_of_scipy_and_falls_between_its_bounds(studies):
    data = times(studies)
    found = kaplan_meier(data.times, data.reached)
    survival = stats.ecdf(stats.CensoredData.right_censored(data.times, ~data.reached)).sf
    assert found.not_reached == pytest.approx(survival.evaluate(found.steps))
    assert (np.diff(found.not_reached) < 0).all()
    assert (found.low <= found.not_reached).all()
    assert (found.not_reached <= found.high).all()
    assert ((found.low >= 0) & (found.high <= 1)).all()
    unknown = {name for name, part in vars(found).items() if np.isnan(part).any()}
    assert unknown == ({"median_low", "median_high"} if len(studies) < 5 else set())
    assert unknown or 1 <= found.median_low <= found.median <= found.median_high


def test_where_the_curve_falls_to_0_the_band_ends_at_the_exact_bound():
    # None of 20 is left: 1 - 0.025^(1/20) = 0.1684.
    found = kaplan_meier(np.full(20, 3.0), np.ones(20, bool))
    assert (found.steps.tolist(), found.not_reached.tolist(), found.low.tolist()) == ([3], [0], [0])
    assert found.high == pytest.approx([0.1684], abs=1e-4)
    assert (found.median, found.median_low, found.median_high) == (3, 3, 3)
    # Of 5 studies that may hide more than half: 1 - 0.025^(1/5) = 0.52.
    assert kaplan_meier(np.full(5, 3.0), np.ones(5, bool)).median_high == math.inf


def test_one_study_says_little():
    found = kaplan_meier(np.array([4.0]), np.array([True]))
    assert (found.low[0], found.high[0]) == (0, pytest.approx(0.975))


@pytest.mark.parametrize("reached", [True, False])
def test_the_median_of_fewer_than_five_studies_has_no_interval(reached):
    for studies in (1, 2, 3, 4):
        found = kaplan_meier(np.full(studies, 4.0), np.full(studies, reached))
        assert found.median == (4 if reached else math.inf)
        assert np.isnan([found.median_low, found.median_high]).all()
    five = kaplan_meier(np.full(5, 4.0), np.full(5, reached))
    assert five.median_low == (4 if reached else 1)


def test_where_no_study_reached_the_target_there_is_no_step():
    found = kaplan_meier(np.full(20, 25.0), np.zeros(20, bool))
    assert found.steps.size == found.low.size == found.high.size == 0
    assert (found.median, found.median_low, found.median_high) == (math.inf, math.inf, math.inf)
    # All of 5 on one side happens in 0.5^5 = 3.1% of samples, above the tail of 2.5%.
    # So it may be as low as a median can be, and no trial at all reaches nothing.
    assert kaplan_meier(np.full(5, 25.0), np.zeros(5, bool)).median_low == 1
    assert kaplan_meier(np.full(5, 90.0), np.zeros(5, bool), first=3.5).median_low == 3.5


def test_a_mean_until_everybody_was_watched_is_the_mean_of_the_costs():
    costs, reached = np.array([1.0, 3.0, 3.0, 8.0, 8.0, 8.0]), np.array([1, 1, 1, 0, 0, 1], bool)
    found = kaplan_meier(costs, reached)
    assert found.until == 8
    assert found.mean_until(8).value == pytest.approx(costs.mean())
    assert found.mean_until(2).value == pytest.approx((1 + 5 * 2) / 6)
    assert found.mean_until(0.5).value == pytest.approx(0.5)
    all_there = kaplan_meier(costs, np.ones(6, bool))
    assert all_there.until == math.inf
    assert all_there.mean_until(100).value == pytest.approx(costs.mean())
    assert kaplan_meier(costs, np.zeros(6, bool)).mean_until(8).value == 8


def test_a_study_that_is_still_early_does_not_make_its_method_look_fast():
    # Four of each reach the target after 6; of A two more have had only 2 trials so far, of B all have had 10.
    a = kaplan_meier(np.array([6, 6, 6, 6, 2, 2.0]), np.array([1, 1, 1, 1, 0, 0], bool))
    b = kaplan_meier(np.array([6, 6, 6, 6, 6, 6.0]), np.ones(6, bool))
    assert compare(a.mean_until(10), b.mean_until(10)) == 0
    assert a.mean_until(10).value == pytest.approx(6)


@given(STUDIES)
@settings(max_examples=100, deadline=None)
def test_equal_samples_have_equal_means_in_any_unit_and_order(studies):
    there = times(studies)
    found, turned = (kaplan_meier(of.times, of.reached) for of in (there, times(studies[::-1])))
    end = min(found.until, 25.0)
    assert compare(found.mean_until(end), turned.mean_until(end)) == 0
    # Where all are watched to the end, it is the plain mean of the costs, to its rounding.
    whole = Times(np.where(there.reached, there.times, 25.0), there.reached)
    area = kaplan_meier(whole.times, whole.reached).mean_until(25.0)
    assert compare(area, Mean.of(whole.times)) == 0


def test_no_study_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one study"):
        kaplan_meier(np.array([]), np.array([], bool))


def test_log_rank_of_the_leukaemia_trial():
    # The published chi-squared is 16.79 with one degree of freedom.
    found = log_rank(MERCAPTOPURINE, PLACEBO)
    assert stats.chi2.isf(found.p, 1) == pytest.approx(16.79, abs=0.005)
    assert found.reason == ""
    assert log_rank(PLACEBO, MERCAPTOPURINE).p == pytest.approx(found.p)


def test_log_rank_by_hand():
    # A: 1, 2; B: 3, 4. Expected in A: 2/4 at 1 and 1/3 at 2, in all 5/6; observed 2. Variance: 1/4 + 2/9 = 17/36.
    a, b = (Times(np.array(t, float), np.ones(2, bool)) for t in ((1, 2), (3, 4)))
    assert log_rank(a, b).p == pytest.approx(stats.chi2.sf((7 / 6) ** 2 / (17 / 36), 1))


@pytest.mark.parametrize("seed", range(20))
def test_log_rank_agrees_with_scipy(seed):
    random = np.random.default_rng(seed)
    censored, found = [], []
    for studies in random.integers(5, 40, 2):
        reached = random.random(studies) < 0.7
        times = random.integers(1, 26, studies).astype(float) if seed % 2 else random.exponential(10, studies)
        censored.append(stats.CensoredData(uncensored=times[reached], right=times[~reached]))
        found.append(Times(times, reached))
    assert log_rank(*found).p == pytest.approx(stats.logrank(*censored).pvalue, rel=1e-12)


def test_log_rank_says_why_there_is_no_test():
    never = Times(np.full(5, 25.0), np.zeros(5, bool))
    at_once = Times(np.full(5, 3.0), np.ones(5, bool))
    none = Times(np.array([]), np.array([], bool))
    for a, b, reason in (
        (never, never, "no study of either method reached the target"),
        (at_once, at_once, "the order in which the studies reached the target tells nothing"),
        (none, at_once, "a method has no studies"),
    ):
        found = log_rank(a, b)
        assert found.p is None
        assert found.reason == f"cannot be tested: {reason}"
    assert log_rank(never, at_once).p < 0.01


@given(STUDIES, STUDIES)
@settings(max_examples=100, deadline=None)
def test_log_rank_has_a_p_value_or_a_reason(first, second):
    found = log_rank(times(first), times(second))
    assert (found.p is None) == bool(found.reason)
    assert found.p is None or 0 <= found.p <= 1
