"""Power by bootstrap: against the known power of a t test, its ends, and that it repeats."""

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind

from hpsearch.statistics.power import MOST_TIMES, conditional_power, more_to_decide, power
from hpsearch.statistics.superiority import p_of_superiority


def drawn(shift, n=20):
    """Studies whose means differ by exactly `shift` of their standard deviations."""
    values = norm.ppf((np.arange(n) + 0.5) / n)
    values /= values.std()
    return values + shift, values


def t_test(a, b):
    return lambda i, j: float(ttest_ind(a[i], b[j]).pvalue)


def ends(a, b):
    return lambda i, j: p_of_superiority(a[i], b[j])


@pytest.mark.parametrize("shift", [0.5, 0.9])
def test_the_power_is_that_of_normal_theory(shift):
    """The z of a difference of `shift` sd between two means of 20 has mean shift sqrt(10), and sd 1."""
    expected = norm.sf(norm.isf(0.025) - shift * np.sqrt(10))
    assert power(t_test(*drawn(shift)), 20, 20, draws=2000) == pytest.approx(expected, abs=0.05)


def test_equal_methods_are_told_apart_as_rarely_as_the_error_says():
    assert power(ends(*drawn(0.0)), 20, 20, draws=1000) == pytest.approx(0.05, abs=0.03)


def test_what_is_decided_needs_no_more():
    assert more_to_decide(ends(*drawn(3.0)), 20, 20) == 0


def test_what_is_not_told_apart_within_ten_times_as_many_says_so():
    assert more_to_decide(ends(*drawn(0.0, 10)), 10, 10, draws=100) is None


def test_no_p_value_is_no_decision():
    assert power(lambda *_: None, 5, 5) == 0.0
    assert more_to_decide(lambda *_: None, 5, 5, draws=10) is None


def test_so_many_more_decide_and_one_fewer_do_not():
    test = t_test(*drawn(0.55))
    more = more_to_decide(test, 20, 20, draws=200)
    assert 0 < more < MOST_TIMES * 20
    assert conditional_power(test, 20, 20, more, draws=200) >= 0.8
    assert conditional_power(test, 20, 20, more - 1, draws=200) < 0.8
    assert more_to_decide(test, 20, 20, draws=200) == more


def test_the_studies_that_are_there_stay():
    seen = []
    conditional_power(lambda i, j: seen.append((i, j)), 3, 4, 2, draws=5)
    assert all((i[:3] == [0, 1, 2]).all() and (j[:4] == [0, 1, 2, 3]).all() for i, j in seen)
    assert {(len(i), len(j)) for i, j in seen} == {(5, 6)}
    assert len({tuple(i) for i, _ in seen}) > 1
