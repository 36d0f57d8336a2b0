"""Intervals that hold the luck of the examples: a worked answer, what they reduce to, and a simulation."""

import numpy as np
import pytest
from scipy.stats import norm

from hpsearch.statistics.bootstrap import bootstrap_mean
from hpsearch.statistics.difference import difference_of_means
from hpsearch.statistics.examples import difference_with_examples, mean_with_examples


def shares(studies, examples, study=0.0, example=0.0, rest=0.0, seed=0):
    """Sums of independent parts with these standard deviations, (studies, examples)."""
    random = np.random.default_rng(seed)
    return (
        0.9
        + study * random.standard_normal((studies, 1))
        + example * random.standard_normal(examples)
        + rest * random.standard_normal((studies, examples))
    )


def test_without_spread_of_studies_it_is_the_standard_error_of_the_examples():
    values = shares(5, 400, example=0.2)
    found = mean_with_examples(values)
    reach = norm.ppf(0.975) * values[0].std(ddof=1) / np.sqrt(400)
    assert found.estimate == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach))


def test_the_parts_add_up_as_an_analysis_of_variance_has_them():
    """Expected mean squares of two crossed random factors with one value in each cell (Searle 1971, table 9.6)."""
    values = shares(8, 60, study=0.02, example=0.2, rest=0.1, seed=3)
    n, m = values.shape
    of_examples = n * ((values.mean(axis=0) - values.mean()) ** 2).sum() / (m - 1)
    fitted = values.mean(axis=0) + values.mean(axis=1, keepdims=True) - values.mean()
    of_rest = ((values - fitted) ** 2).sum() / ((n - 1) * (m - 1))
    component = (of_examples - of_rest) / n  # the variance between examples
    alone, both = bootstrap_mean(values.mean(axis=1)), mean_with_examples(values)
    for before, after in ((alone.low, both.low), (alone.high, both.high)):
        further = norm.ppf(0.975) ** 2 * component / m
        assert (after - both.estimate) ** 2 == pytest.approx((before - alone.estimate) ** 2 + further)


def test_examples_that_are_alike_hard_for_both_methods_change_no_difference():
    hard = 0.3 * np.random.default_rng(1).standard_normal(200)
    a, b = (0.9 + hard + shares(6, 200, study=0.01, seed=seed) for seed in (2, 3))
    alone = difference_of_means(a.mean(axis=1), b.mean(axis=1))
    found = difference_with_examples(a, b)
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
    wide = mean_with_examples(a)
    assert wide.high - wide.low > 1.5 * (found.high - found.low)


def test_it_is_never_narrower_than_over_studies():
    a, b = shares(4, 30, study=0.1, rest=0.2, seed=4), shares(4, 30, study=0.1, rest=0.2, seed=5)
    alone = difference_of_means(a.mean(axis=1), b.mean(axis=1))
    found = difference_with_examples(a, b)
    assert found.low <= alone.low
    assert found.high >= alone.high


def test_it_holds_the_truth_of_other_examples_where_the_interval_over_studies_does_not():
    held = np.zeros(2)
    for seed in range(100):
        random = np.random.default_rng(seed)
        a, b = (
            0.9 + 0.2 * random.standard_normal(80) + 0.01 * random.standard_normal((6, 1)) for _ in range(2)
        )  # the true difference is 0
        over_studies = difference_of_means(a.mean(axis=1), b.mean(axis=1), resamples=500)
        for i, found in enumerate((over_studies, difference_with_examples(a, b))):
            held[i] += found.low <= 0 <= found.high
    assert held[0] < 60
    assert held[1] >= 90
