"""The difference of two methods' means: known answers, an independent reference, and how often it holds the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from hpsearch.statistics.difference import difference_of_means


def test_it_has_the_outer_of_the_studentised_bootstrap_and_welchs_interval():
    random = np.random.default_rng(4)
    a, b = random.gamma(0.5, size=20), random.normal(size=12)
    found = difference_of_means(a, b, resamples=2000, seed=7)
    # The same draws one after another: those of A with the seed, those of B with the next one.
    draws_a, draws_b = (
        np.random.default_rng(7 + k).integers(len(v), size=(2000, len(v))) for k, v in enumerate((a, b))
    )
    error = np.sqrt(a.var(ddof=1) / 20 + b.var(ddof=1) / 12)
    ratios = []
    for in_a, in_b in zip(a[draws_a], b[draws_b], strict=True):
        own = np.sqrt(in_a.var() / 19 + in_b.var() / 11)
        ratios.append((in_a.mean() - in_b.mean() - (a.mean() - b.mean())) / max(own, 0.3 * error))
    below, above = np.quantile(ratios, [0.025, 0.975])
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert found.estimate == pytest.approx(a.mean() - b.mean())
    assert found.low == pytest.approx(min(a.mean() - b.mean() - above * error, welch.low))
    assert found.high == pytest.approx(max(a.mean() - b.mean() - below * error, welch.high))
    assert found.high > welch.high + 1e-3 or found.low < welch.low - 1e-3  # the bootstrap says something


def test_one_study_has_no_interval_and_equal_values_one_without_width():
    alone = difference_of_means(np.array([1.0]), np.array([0.0, 0.5]))
    assert alone.estimate == 0.75
    assert np.isnan(alone.low)
    assert np.isnan(alone.high)
    equal = difference_of_means(np.full(5, 0.3), np.full(7, 0.1))
    assert equal.low == equal.estimate == equal.high == pytest.approx(0.2)


def test_one_method_without_spread_leaves_the_interval_of_the_other():
    values = np.random.default_rng(1).normal(size=9)
    found = difference_of_means(values, np.full(4, 2.0))
    alone = stats.ttest_1samp(values - 2.0, 0).confidence_interval()
    assert found.low <= alone.low + 1e-12
    assert found.high >= alone.high - 1e-12


@given(
    arrays(float, st.integers(2, 10), elements=st.floats(-1, 1)),
    arrays(float, st.integers(2, 10), elements=st.floats(-1, 1)),
    st.floats(0.1, 10),
    st.floats(-5, 5),
)
@settings(max_examples=50, deadline=None)
def test_the_interval_holds_its_estimate_and_follows_units(a, b, scale, shift):
    found = difference_of_means(a, b, resamples=200)
    moved = difference_of_means(shift + scale * a, shift + scale * b, resamples=200)
    mirrored = difference_of_means(-a, -b, resamples=200)
    assert found.low <= found.estimate <= found.high
    assert [moved.low, moved.high] == pytest.approx([scale * found.low, scale * found.high], abs=1e-9)
    assert [mirrored.low, mirrored.high] == pytest.approx([-found.high, -found.low], abs=1e-12)


@pytest.mark.parametrize(("n", "m", "least"), [(20, 20, 0.94), (5, 20, 0.92), (5, 5, 0.93)])
@pytest.mark.parametrize("kind", ["normal, spreads 1 and 3", "exponential and normal"])
def test_it_holds_the_truth_as_often_as_it_says(kind, n, m, least):
    """Share of 2,000 simulated comparisons; a share of 95% is known to 1 percentage point."""
    random = np.random.default_rng(n + m)
    if kind == "normal, spreads 1 and 3":
        a, b, truth = random.normal(0.5, 1, (n, 2000)), random.normal(0, 3, (m, 2000)), 0.5
    else:
        a, b, truth = random.exponential(size=(n, 2000)), random.normal(size=(m, 2000)), 1.0
    found = difference_of_means(a, b, resamples=1000)
    held = ((found.low <= truth) & (truth <= found.high)).mean()
    assert least <= held <= 0.995
