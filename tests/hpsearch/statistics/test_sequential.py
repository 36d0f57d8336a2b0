"""Group-sequential boundaries: published values, an independent integral, and what they are for."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from hpsearch.statistics.sequential import boundaries, levels, spent

FIVE = [0.2, 0.4, 0.6, 0.8, 1.0]


def test_five_equal_looks_have_the_published_boundaries():
    # Lan and DeMets' programs (Reboussin et al. 2000), R's ldbounds and rpact: type O'Brien-Fleming, 5% two-sided.
    assert boundaries(FIVE) == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)


def test_three_equal_looks_have_the_published_boundaries():
    assert boundaries([1 / 3, 2 / 3, 1.0]) == pytest.approx([3.7103, 2.5114, 1.9930], abs=1e-4)


def test_one_look_is_the_usual_test():
    assert boundaries([1.0]) == pytest.approx([1.959964], abs=1e-6)
    assert levels([1.0], alpha=0.01) == pytest.approx([0.01], abs=1e-9)


def test_the_error_that_is_spent():
    assert spent(1.0) == pytest.approx(0.05, abs=1e-12)
    assert [spent(t) for t in FIVE[:2]] == pytest.approx([1.0777e-06, 7.8831e-04], rel=1e-4)
    assert spent(0.001) < 1e-100
    assert all(np.diff([spent(t) for t in np.linspace(0.01, 1, 50)]) > 0)


@pytest.mark.parametrize("fractions", [FIVE, [0.1, 0.15, 0.7, 1.0], [0.5, 0.55]])
def test_what_is_spent_up_to_each_look_is_the_probability_to_have_stopped(fractions):
    """An independent integral: of the normal vector of all z, over the box in which nothing stops."""
    t, found = np.array(fractions), np.minimum(boundaries(fractions), 9.0)
    covariance = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    for looks in range(1, len(t) + 1):
        box = found[:looks]
        normal = multivariate_normal(cov=covariance[:looks, :looks], seed=0)
        assert 1 - normal.cdf(box, lower_limit=-box) == pytest.approx(spent(t[looks - 1]), rel=2e-3, abs=1e-6)


def test_a_boundary_does_not_depend_on_looks_to_come():
    assert boundaries([0.25, 0.5, 0.6])[:2] == pytest.approx(boundaries([0.25, 0.5, 0.9, 1.0])[:2], abs=1e-12)


def test_at_a_look_with_next_to_nothing_to_spend_nothing_stops_and_nothing_is_lost():
    early, *_, last = boundaries([0.01, 0.5, 1.0])
    assert early == np.inf
    assert last == pytest.approx(boundaries([0.5, 1.0])[-1], abs=1e-9)
    assert levels([0.01])[0] == 0


def test_many_looks_keep_the_error():
    """Random walks stop as often as they should: 20,000 of them, 40 looks."""
    fractions = np.arange(1, 41) / 40
    steps = np.random.default_rng(1).normal(size=(20_000, 40)) / np.sqrt(40)
    z = steps.cumsum(axis=1) / np.sqrt(fractions)
    stopped = (np.abs(z) >= boundaries(list(fractions))).any(axis=1).mean()
    assert stopped == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 20_000))


@pytest.mark.parametrize("fractions", [[0.5, 0.5], [0.6, 0.5], [0.0, 1.0], [0.5, 1.1]])
def test_fractions_that_are_none_are_refused(fractions):
    with pytest.raises(ValueError, match="fraction"):
        boundaries(fractions)
