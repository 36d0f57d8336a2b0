import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from hpsearch.statistics.boundary import at_least, boundary_incidence
from hpsearch.statistics.importance import importance
from hpsearch.statistics.noise import variance_components
from hpsearch.statistics.tunability import NotIndependent, expected_best, objective_quantiles


def test_variance_components_by_hand():
    # Means 2 and 6, squares within 2 + 2 on 2 degrees of freedom: 2. Between: 2 x (4 + 4) / 1 = 16; (16 - 2) / 2 = 7.
    found = variance_components([np.array([1.0, 3.0]), np.array([5.0, 7.0])])
    assert (found.within, found.between) == (pytest.approx(math.sqrt(2)), pytest.approx(math.sqrt(7)))
    assert found.seed_share.estimate == pytest.approx(2 / 9)
    # F = 8 with 1 and 2 degrees of freedom: quantiles 38.51 and 1 / 799.5. 8 / 38.51 < 1: no between variance at all
    # is possible. At the other end the ratio of variances is (8 x 799.5 - 1) / 2 = 3197.5. (Two have no jackknife.)
    assert found.seed_share.high == 1
    assert found.seed_share.low == pytest.approx(1 / 3198.5, rel=1e-4)


def test_variance_components_of_unequal_groups_by_hand():
    # n0 = 3 - 5 / 3 = 4 / 3. Within: 2 / 1. Between: 2 x (2 - 3)^2 + (5 - 3)^2 = 6; (6 - 2) / (4 / 3) = 3.
    found = variance_components([np.array([1.0, 3.0]), np.array([5.0])])
    assert found.between == pytest.approx(math.sqrt(3))
    assert found.seed_share.estimate == pytest.approx(2 / 5)


def test_the_share_of_the_seed_is_no_narrower_than_the_f_interval_of_equal_groups():
    random = np.random.default_rng(0)
    table = random.normal(size=(12, 1)) + random.normal(size=(12, 4))
    found = variance_components(list(table)).seed_share
    f = 4 * table.mean(axis=1).var(ddof=1) / table.var(axis=1, ddof=1).mean()
    low, high = (1 / (1 + max(0.0, f / stats.f.ppf(p, 11, 36) - 1) / 4) for p in (0.025, 0.975))
    assert found.low <= low + 1e-9
    assert found.high >= high - 1e-9
    assert found.high - found.low < 2 * (high - low)


def test_the_jackknife_widens_the_share_of_skewed_configurations():
    random = np.random.default_rng(3)
    skewed = 3 * random.exponential(size=(30, 1)) ** 2 + random.normal(size=(30, 3))
    found = variance_components(list(skewed)).seed_share
    f = 3 * skewed.mean(axis=1).var(ddof=1) / skewed.var(axis=1, ddof=1).mean()
    low, high = (1 / (1 + max(0.0, f / stats.f.ppf(p, 29, 60) - 1) / 3) for p in (0.025, 0.975))
    assert found.high - found.low > 1.3 * (high - low)


def test_a_negative_component_is_0():
    found = variance_components([np.array([0.0, 2.0]), np.array([2.0, 0.0]), np.array([0.0, 2.0])])
    assert (found.between, found.seed_share.estimate, found.seed_share.high) == (0, 1, 1)


def test_seeds_that_change_nothing_have_no_share():
    found = variance_components([np.ones(3), np.zeros(2)])
    assert (found.within, found.seed_share.estimate, found.seed_share.low, found.seed_share.high) == (0, 0, 0, 0)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_components_of_tiny_and_of_huge_numbers(unit):
    groups = [np.array([1.0, 3.0]), np.array([5.0, 7.0])]
    found, scaled = variance_components(groups), variance_components([unit * group for group in groups])
    assert [scaled.between, scaled.within] == pytest.approx([unit * found.between, unit * found.within])
    assert scaled.seed_share.low == pytest.approx(found.seed_share.low)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([np.ones(1), np.zeros(1)], "at least twice"),
        ([], "at least twice"),
        ([np.array([1.0, 2.0])], "at least two configurations"),
        ([np.ones(2), np.ones(3)], "all values are equal"),
    ],
)
def test_components_that_cannot_be_told_apart_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        variance_components(groups)


@given(st.lists(arrays(float, st.integers(2, 4), elements=st.integers(0, 5).map(float)), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_shares_are_ordered_and_have_no_unit(groups):
    if np.ptp(np.concatenate(groups)) == 0:
        return
    share = variance_components(groups).seed_share
    assert 0 <= share.low <= share.estimate <= share.high <= 1
    scaled = variance_components([3 - 10 * group for group in groups]).seed_share
    assert [scaled.estimate, scaled.low, scaled.high] == pytest.approx(
        [share.estimate, share.low, share.high], abs=1e-6
    )


def of_studies(positions, objectives, chosen):
    """Ends of studies that all have these positions and objectives, each with its own choice."""
    return boundary_incidence([np.array(positions)] * len(chosen), [np.array(objectives, float)] * len(chosen), chosen)


def test_boundary_incidence_by_hand():
    found = of_studies([0.0, 0.025, 0.026, 0.5, 0.974, 0.975, 1.0, 0.6], [5, 1, 2, 3, 0, 4, 6, 7], [0, 0, 6, 3])
    assert (found.low.chosen, found.high.chosen, found.low.studies) == (2, 1, 4)
    assert (found.low.proposed, found.high.proposed) == (0.25, 0.25)
    # Low: 5 beats 1 of 2, 2, 3, 0, 4 ... of the six others (2, 3, 0, 4, 6, 7) 5 beats four, 1 beats one: 5 of 12.
    assert found.low.better == pytest.approx(5 / 12)
    # P(2 or more of 4 at 1/4) = 1 - 0.75^4 - 4 x 0.25 x 0.75^3.
    assert found.low.p == pytest.approx(1 - 0.75**4 - 0.75**3)


EVEN = np.linspace(0, 1, 20)  # one of twenty positions lies at each end


def test_an_end_that_is_chosen_more_often_than_proposed_is_too_narrow():
    rising = of_studies(EVEN, EVEN, [19] * 10)
    assert rising.crowded == ("upper", rising.high)
    assert (rising.high.proposed, rising.high.better) == (pytest.approx(0.05), 1)
    falling = of_studies(EVEN, -EVEN, [0] * 10)
    assert falling.crowded == ("lower", falling.low)
    # 5 of 20 is a quarter, not more.
    assert of_studies(EVEN, EVEN, [19] * 5 + [10] * 15).crowded is None
    assert of_studies(EVEN, EVEN, [19] * 6 + [10] * 14).crowded is not None
    # 1 of 2 happens by chance: 1 - 0.95^2 = 9.8%.
    assert of_studies(EVEN, EVEN, [19, 10]).crowded is None
    assert boundary_incidence([], [], []).crowded is None


def test_an_end_where_the_searcher_puts_most_of_its_trials_is_no_warning():
    corners = np.array([1.0] * 12 + [0.5] * 8)
    # 12 of 20 studies chose the end, as any choice among such trials would.
    assert of_studies(corners, np.arange(20), [0] * 12 + [15] * 8).crowded is None
    assert of_studies(corners, np.arange(20)[::-1], [0] * 20).crowded is not None


def test_an_end_where_trials_do_worse_than_elsewhere_is_no_warning():
    # A lucky one at the end is chosen each time, but the other one there is the worst of all.
    positions = np.array([1.0, 1.0, *np.full(18, 0.5)])
    objectives = np.array([100.0, -100.0, *np.arange(18.0)])
    assert of_studies(positions, objectives, [0] * 20).high.better == 0.5
    assert of_studies(positions, objectives, [0] * 20).crowded is not None
    objectives[2] = -200.0
    assert of_studies(positions, objectives, [0] * 20).crowded is not None
    three = np.array([1.0, 1.0, 1.0, *np.full(17, 0.5)])
    assert of_studies(three, np.array([100.0, -100.0, -100.0, *np.arange(17.0)]), [0] * 20).crowded is None


def test_random_choices_among_a_searchers_trials_are_rarely_called_narrow():
    random = np.random.default_rng(0)
    warned = 0
    for _ in range(400):
        positions = [np.clip(random.normal(0.5, 0.6, size=25), 0, 1) for _ in range(20)]  # two fifths at the ends
        objectives = [random.normal(size=25) for _ in range(20)]
        chosen = [int(values.argmax()) for values in objectives]
        warned += boundary_incidence(positions, objectives, chosen).crowded is not None
    assert warned <= 14  # two ends of 400 with 1% each: 8 at most on average, and more than 14 by 2% then


@given(st.lists(st.floats(0, 1), max_size=30), st.data())
def test_the_tail_of_unequal_chances_is_that_of_the_binomial_where_they_are_equal(chances, data):
    count = data.draw(st.integers(0, len(chances)))
    equal = [0.3] * len(chances)
    assert at_least(count, equal) == pytest.approx(stats.binom.sf(count - 1, len(equal), 0.3))
    # The mean of a count is the sum of its tails.
    tails = [at_least(k, chances) for k in range(1, len(chances) + 1)]
    assert sum(tails) == pytest.approx(sum(chances), abs=1e-9)


def test_expected_best_by_hand():
    # Of 1, 2, 3 the pairs have the best 2, 3, 3. (Draws with replacement would give 22 / 9: too low.)
    assert expected_best(np.array([2.0, 3.0, 1.0]), [1, 2, 3], independent=True) == pytest.approx([2, 8 / 3, 3])


@given(arrays(float, st.integers(1, 8), elements=st.integers(0, 9).map(float)))
@settings(max_examples=60, deadline=None)
def test_expected_best_is_the_mean_over_all_subsets(objectives):
    budgets = range(1, len(objectives) + 1)
    subsets = [np.mean([max(chosen) for chosen in itertools.combinations(objectives, k)]) for k in budgets]
    found = expected_best(objectives, list(budgets), independent=True)
    assert found == pytest.approx(subsets)
    assert (np.diff(found) >= -1e-12).all()


def test_expected_best_is_unbiased_and_does_not_overflow():
    # The best of 9 uniform numbers is 9 / 10 on average.
    random = np.random.default_rng(0)
    found = [expected_best(random.random(12), [9], independent=True)[0] for _ in range(3000)]
    assert np.mean(found) == pytest.approx(0.9, abs=4 * np.std(found) / math.sqrt(3000))
    assert expected_best(np.arange(5000.0), [2500], independent=True)[0] == pytest.approx(5001 * 2500 / 2501 - 1)


def test_a_budget_beyond_the_trials_is_refused():
    for budget in (0, 4):
        with pytest.raises(ValueError, match="must be 1 to 3"):
            expected_best(np.arange(3.0), [budget], independent=True)


def test_quantiles_by_hand():
    # Definition 8 puts probability p at place (n + 1/3) p + 1/3: a quarter of 4 at 1.4167, the median at 2.5.
    found = objective_quantiles(np.array([4.0, 1.0, 3.0, 2.0]), [0.25, 0.5], independent=True)
    assert found == pytest.approx([17 / 12, 2.5])


def test_trials_that_depend_on_each_other_are_refused_with_the_reason():
    for statistic, what in ((objective_quantiles, [0.5]), (expected_best, [1])):
        with pytest.raises(NotIndependent, match="not drawn independently of each other"):
            statistic(np.arange(3.0), what, independent=False)


def uniform(seed, studies=20, trials=25, d=3):
    return np.random.default_rng(seed).random((studies, trials, d)), np.random.default_rng(seed + 1)


def test_a_straight_line_is_all_there_is():
    # Ranks of uniform positions are the positions: a straight line, which hat functions hold exactly.
    at, _ = uniform(0)
    found = importance(at, at[..., 0], ["a", "b", "c"])
    assert found.share == pytest.approx([1, 0, 0], abs=0.01)
    assert found.unexplained == pytest.approx(0, abs=0.01)


def test_importance_of_two_straight_lines_and_noise():
    # Variances 9 / 12, 1 / 12 and 1 / 6: shares 0.75, 0.083 and 0.167 of the objective; ranks bend them a little.
    at, random = uniform(1, studies=40)
    y = 3 * at[..., 0] + at[..., 1] + random.normal(size=at.shape[:2]) / math.sqrt(6)
    found = importance(at, y, ["a", "b", "c"])
    assert found.share == pytest.approx([0.75, 0.083, 0], abs=0.04)
    assert found.unexplained == pytest.approx(0.167, abs=0.04)
    assert found.low[0] > found.high[1] > found.low[1] > found.high[2]


def test_a_switch_counts_with_the_variance_of_both_its_values():
    # a is +-1/4 around its middle, so 1 / 16, against 1 / 12 of the uniform b: shares 3/7 and 4/7.
    at, _ = uniform(2, studies=40, d=2)
    at[..., 0] = np.where(at[..., 0] < 0.5, 0.25, 0.75)
    found = importance(at, at.sum(axis=2), ["a", "b"])
    assert found.share == pytest.approx([3 / 7, 4 / 7], abs=0.03)


def test_values_without_an_order_have_a_level_each():
    # Eight values, by turns good and bad: the variance between them is 0.04, and that of the noise 0.0144.
    at, random = uniform(8, d=2)
    kinds = random.integers(8, size=at.shape[:2])
    at[..., 0] = kinds / 7
    y = np.where(kinds % 2, 0.5, 0.9) + random.normal(0, 0.12, size=at.shape[:2])
    ranks = stats.rankdata(y).reshape(y.shape)
    between = sum((kinds == k).sum() * (ranks[kinds == k].mean() - ranks.mean()) ** 2 for k in range(8))
    share = between / ((ranks - ranks.mean()) ** 2).sum()  # the one-way analysis of variance of the ranks
    found = importance(at, y, ["kind", "b"], unordered=["kind"])
    assert found.share == pytest.approx([share, 0], abs=0.03)
    assert 0.7 < found.share[0] < 0.8


def test_a_bend_is_seen_that_a_straight_line_would_miss():
    at, _ = uniform(3, d=2)
    found = importance(at, -np.abs(at[..., 1] - 0.5), ["a", "b"])
    assert found.share == pytest.approx([0, 1], abs=0.02)


def test_noise_has_no_importance_and_interactions_stay_unexplained():
    at, random = uniform(4)
    noise = importance(at, random.normal(size=at.shape[:2]), ["a", "b", "c"])
    assert (noise.share < 0.04).all()
    both = importance(at, (at[..., 0] - 0.5) * (at[..., 1] - 0.5), ["a", "b", "c"])
    assert both.unexplained > 0.95


def test_crowding_of_a_searcher_does_not_decide():
    # Both matter alike over their ranges; the searcher hardly varied the first. Its share of the sampled variance is
    # (1 / 44) / (1 / 44 + 1 / 12) = 0.21 (Beta(5, 5) has variance 1 / 44). Ranks are flat where trials are few, so
    # a half is not quite found.
    at, random = uniform(5, studies=40, d=2)
    at[..., 0] = random.beta(5, 5, size=at.shape[:2])
    found = importance(at, at.sum(axis=2), ["a", "b"])
    assert 0.33 < found.share[0] < found.share[1] < 0.65


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 12), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_shares_add_up_to_1_and_see_ranks_only(seed, studies, trials, d):
    at, random = uniform(seed, studies, trials, d)
    y = at[..., 0] + random.normal(size=(studies, trials))
    names = [str(axis) for axis in range(d)]
    found = importance(at, y, names, resamples=20)
    assert found.share.sum() + found.unexplained == pytest.approx(1)
    assert ((found.low >= 0) & (found.low <= found.share) & (found.share <= found.high) & (found.high <= 1)).all()
    stretched = importance(at, np.exp(3 * y), names, resamples=20)
    assert np.array_equal(stretched.share, found.share)
    downward = importance(at, -y, names, resamples=20)
    assert downward.share == pytest.approx(found.share, abs=1e-9)
    backward = importance(at[::-1], y[::-1], names[::-1], resamples=20)
    assert backward.share == pytest.approx(found.share, abs=1e-9)
    assert backward.names == tuple(names[::-1])


def test_importance_without_anything_to_explain():
    at, _ = uniform(6)
    found = importance(at, np.ones(at.shape[:2]), ["a", "b", "c"])
    assert (found.share.tolist(), found.unexplained) == ([0, 0, 0], 1)
    # Draws of the first study alone have nothing to explain either.
    half = importance(at[:2], at[:2, :, 0] * np.array([[0], [1]]), ["a", "b", "c"])
    assert not np.isnan([half.share, half.low, half.high]).any()
    one = importance(at[:1], at[:1, :, 0], ["a", "b", "c"])
    assert (one.low.tolist(), one.high.tolist()) == ([0, 0, 0], [1, 1, 1])


def test_importance_names_what_is_wrong():
    at, _ = uniform(7)
    with pytest.raises(ValueError, match="3 hyperparameters need as many names, got 2"):
        importance(at, at[..., 0], ["a", "b"])
    at[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="every trial needs a position"):
        importance(at, at[..., 1], ["a", "b", "c"])
