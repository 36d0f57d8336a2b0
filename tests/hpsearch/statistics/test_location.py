import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import stats

from hpsearch.statistics.area import area_under_curve
from hpsearch.statistics.bootstrap import bootstrap_mean, expanded_tail
from hpsearch.statistics.coverage import COVERAGE, FEWEST, RARE_FAILURE, SIMULATED_ON, coverage
from hpsearch.statistics.gap import selection_gap
from hpsearch.statistics.location import STATISTICS, interquartile_mean, mean, median

SIMULATED = Path(__file__).parents[3] / "benchmarks" / "intervals.csv"


def test_the_mean_is_that_of_the_bootstrap():
    values = np.random.default_rng(0).normal(size=(20, 3))
    for ours, theirs in zip(vars(mean(values)).values(), vars(bootstrap_mean(values)).values(), strict=True):
        assert np.array_equal(ours, theirs)


def test_the_median_of_twenty_lies_between_the_sixth_and_the_fifteenth():
    # P(at most 5 of 20 below the median) = 21,700 / 2^20 = 0.0207; P(at most 6) = 60,460 / 2^20 = 0.058 > 0.025.
    found = median(np.random.default_rng(0).permutation(np.arange(1.0, 21.0)))
    assert (found.estimate, found.low, found.high) == (10.5, 6, 15)


@pytest.mark.parametrize("studies", [6, 7, 10, 19, 20, 40, 101])
def test_the_interval_of_the_median_is_that_of_scipy(studies):
    values = np.random.default_rng(studies).normal(size=studies)
    theirs = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    found = median(values)
    assert (found.low, found.high) == (theirs.low, theirs.high)


def test_below_six_studies_the_median_has_no_95_percent_interval():
    # The range of 5 misses the median where all are on one side of it: 2 / 2^5 = 6.25%. Of 6: 3.1%.
    assert np.isnan([median(np.arange(5.0)).low, median(np.arange(5.0)).high]).all()
    six = median(np.arange(6.0))
    assert (six.low, six.high) == (0, 5)
    five = median(np.arange(5.0), level=0.9)
    assert (five.low, five.high) == (0, 4)


def test_the_interquartile_mean_by_hand():
    # 8 studies: the middle 4 of 0, 1, 4, 9, 16, 25, 36, 49 are 4, 9, 16, 25, with mean 54 / 4.
    assert interquartile_mean(np.arange(8.0) ** 2).estimate == pytest.approx(13.5)
    # 10 studies: 2.5 are cut from each side, so (4 / 2 + 9 + 16 + 25 + 36 + 49 / 2) / 5 = 112.5 / 5.
    assert interquartile_mean(np.arange(10.0) ** 2).estimate == pytest.approx(22.5)
    # 3 studies: 0.75 are cut, so (0 / 4 + 1 + 4 / 4) / 1.5.
    assert interquartile_mean(np.arange(3.0) ** 2).estimate == pytest.approx(4 / 3)


def test_the_interquartile_mean_is_the_trimmed_mean_of_scipy_where_a_quarter_is_whole():
    values = np.random.default_rng(1).gamma(1.0, size=(20, 4))
    assert interquartile_mean(values).estimate == pytest.approx(stats.trim_mean(values, 0.25, axis=0))


def test_the_interval_of_the_interquartile_mean_agrees_with_a_plain_bootstrap():
    values = np.random.default_rng(2).gamma(1.0, size=20)
    drawn = values[np.random.default_rng(3).integers(20, size=(10_000, 20))]
    tail = expanded_tail(20, 0.95)
    low, high = np.quantile(stats.trim_mean(drawn, 0.25, axis=1), [tail, 1 - tail])
    found = interquartile_mean(values)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.05 * (high - low))


def test_the_expanded_tail_by_hand():
    # t with 19 degrees of freedom: 2.0930; times the root of 20 / 19: 2.1474; beyond it lies 1.59% of the normal.
    assert expanded_tail(20, 0.95) == pytest.approx(0.01588, abs=1e-5)


def test_one_outlier_moves_the_mean_only():
    values = np.arange(20.0)
    wild = np.where(values == 19, 1e6, values)
    assert mean(wild).estimate > 1e4
    assert median(wild).estimate == median(values).estimate
    assert interquartile_mean(wild).estimate == interquartile_mean(values).estimate
    assert interquartile_mean(wild).high < 20


@pytest.mark.parametrize("name", STATISTICS)
@given(
    values=arrays(
        float, array_shapes(min_dims=1, max_dims=3, max_side=8), elements=st.floats(-1, 1).map(lambda x: round(x, 2))
    )
)
@settings(max_examples=30, deadline=None)
def test_bounds_are_ordered_and_of_the_shape_of_a_study(name, values):
    found = STATISTICS[name](values)
    for part in (found.estimate, found.low, found.high):
        assert np.shape(part) == values.shape[1:]
    assert not np.isnan(found.estimate).any()
    unknown = len(values) < (6 if name == "median" else 2)
    assert np.isnan(found.low).all() == np.isnan(found.high).all() == unknown
    assert unknown or ((found.low <= found.estimate) & (found.estimate <= found.high)).all()


@pytest.mark.parametrize("name", STATISTICS)
def test_equal_studies_have_an_interval_without_width(name):
    found = STATISTICS[name](np.full(20, 0.1))
    assert found.low == found.high == found.estimate


@pytest.mark.parametrize("name", STATISTICS)
def test_an_offset_or_a_unit_changes_the_numbers_only(name):
    values = np.random.default_rng(4).exponential(size=20)
    found, moved = STATISTICS[name](values), STATISTICS[name](3 - 2 * values)
    assert [moved.estimate, moved.low, moved.high] == pytest.approx(
        [3 - 2 * found.estimate, 3 - 2 * found.high, 3 - 2 * found.low],
        # The draws of the interquartile mean go by rank, so the mirror image has other draws: 5% of its width.
        abs=0.07 if name == "interquartile mean" else 1e-9,
    )


def test_the_area_is_the_mean_of_the_incumbents():
    # (0.2 + 0.5 + 0.5) / 3 and (0.6 + 0.6 + 0.9) / 3.
    assert area_under_curve(np.array([[0.2, 0.5, 0.5], [0.6, 0.6, 0.9]])) == pytest.approx([0.4, 0.7])


def test_the_gap_is_split_by_hand():
    # All trials lose 0.02, 0.03 and 0.01 on average; the chosen ones 0.04, 0.04, 0.04.
    gaps = [np.array([0.04, 0.0]), np.array([0.02, 0.04, 0.03]), np.array([-0.02, 0.04])]
    found = selection_gap(gaps, [0, 1, 1])
    assert (found.chosen.estimate, found.everywhere.estimate) == (pytest.approx(0.04), pytest.approx(0.02))
    assert found.choosing.estimate == pytest.approx(0.02)
    assert found.choosing.low < 0.01 < 0.03 < found.choosing.high
    assert found.chosen.low == pytest.approx(0.04)  # paired: all chosen ones lose the same
    assert np.isnan(selection_gap(gaps[:1], [0]).choosing.low)


def test_harder_test_data_are_told_from_flattery():
    # Recorded = quality + luck, on test data 0.05 less and no luck: the best of 25 is flattered by its luck alone.
    random = np.random.default_rng(0)
    luck = 0.01 * random.normal(size=(40, 25))
    quality = 0.9 + 0.01 * random.normal(size=(40, 25))
    chosen = (quality + luck).argmax(axis=1)
    found = selection_gap(list(0.05 + luck), list(chosen))
    flattery = luck[np.arange(40), chosen].mean()
    assert found.everywhere.estimate == pytest.approx(0.05, abs=0.002)
    assert found.choosing.low < flattery < found.choosing.high
    assert found.choosing.low > 0.005
    by_chance = selection_gap(list(0.05 + luck), list(random.integers(25, size=40)))
    assert by_chance.choosing.low < 0 < by_chance.choosing.high


def test_the_stated_coverage_is_what_was_simulated():
    simulated, rare = {}, {}
    with SIMULATED.open(newline="") as file:
        for row in csv.DictReader(file):
            percent = round(100 * float(row["coverage"]))
            if row["method"] != "hpsearch" or row["statistic"].startswith("p of"):
                continue
            if (row["statistic"], row["distribution"]) == ("mean", "1 in 20 fails"):
                rare[int(row["n"])] = percent
            else:
                simulated.setdefault(row["statistic"], {}).setdefault(int(row["n"]), []).append(percent)
    ranges = {name: {n: (min(found), max(found)) for n, found in of.items()} for name, of in simulated.items()}
    assert {name: dict(of) for name, of in COVERAGE.items()} == ranges
    assert dict(RARE_FAILURE) == rare
    assert set(STATISTICS) <= set(COVERAGE)


def test_coverage_is_told_for_the_number_of_studies_that_is_nearest():
    assert " at n = 5 on normal, " in coverage("mean", 4)
    assert coverage("mean", 4).endswith("; 23% where 1 study in 20 fails badly")
    assert " at n = 10 on normal, " in coverage("median", 6)
    assert coverage("extra trials", 14) == coverage("extra trials", 10)
    assert coverage("extra trials", 15) == coverage("extra trials", 20)
    assert (
        coverage("importance", 1000)
        == "nominal 95%, simulated 94 to 100% at n = 20 on uniform trials of an additive function"
    )


def test_where_no_interval_is_given_no_coverage_is_told():
    assert coverage("median", 5) == "no interval of fewer than 6 studies"
    for counts in ("median trials to a target", "extra trials"):
        assert coverage(counts, 4) == "no interval of fewer than 5 studies"
        assert min(COVERAGE[counts]) == FEWEST
    assert set(SIMULATED_ON) == set(COVERAGE)
