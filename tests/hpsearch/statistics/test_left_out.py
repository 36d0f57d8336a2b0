"""The model that has not seen a trial's own study, beside scikit-learn's Gaussian process."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from hpsearch.statistics import left_out as module
from hpsearch.statistics.left_out import fitted, left_out

STUDIES, TRIALS, COLUMNS = 6, 8, 3


@pytest.fixture
def trials():
    random = np.random.default_rng(0)
    points = random.random((STUDIES * TRIALS, COLUMNS))
    values = 0.9 + 0.05 * np.sin(5 * points[:, 0]) + 0.02 * points[:, 1] + 0.01 * random.standard_normal(len(points))
    values = np.maximum(values, 2 * np.median(values) - values.max())  # none is so bad that it counts as less so
    return points, values, np.arange(STUDIES).repeat(TRIALS)


def reference(lengthscales, variance, noise):
    kernel = ConstantKernel(variance) * Matern(lengthscales, nu=2.5) + WhiteKernel(noise)
    return GaussianProcessRegressor(kernel, optimizer=None)


def test_means_are_those_of_a_model_of_the_other_studies_alone(trials, monkeypatch):
    points, values, studies = trials
    lengthscales, variance, noise, mean = np.array([0.3, 0.7, 2.0]), 1.3, 0.05, 0.2
    monkeypatch.setattr(module, "fitted", lambda *_: (lengthscales, variance, noise, mean))
    found = left_out(points, values, studies)
    standard = (values - values.mean()) / values.std()
    for study in range(STUDIES):
        own = studies == study
        model = reference(lengthscales, variance, noise).fit(points[~own], standard[~own] - mean)
        expected = values.mean() + values.std() * (mean + model.predict(points[own]))
        assert found.means[own] == pytest.approx(expected, abs=1e-10)


def test_the_error_that_studies_share_is_the_models_covariance(trials, monkeypatch):
    points, values, studies = trials
    lengthscales, variance, noise = np.array([0.3, 0.7, 2.0]), 1.3, 0.05
    monkeypatch.setattr(module, "fitted", lambda *_: (lengthscales, variance, noise, 0.0))
    weights = np.zeros((2, len(values)))
    weights[0, [3, 10, 20]], weights[1, [10, 40]] = 1 / 3, 1 / 2
    kernel = ConstantKernel(variance) * Matern(lengthscales, nu=2.5)
    model = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(points, values)
    _, covariance = model.predict(points, return_cov=True)
    expected = values.std() ** 2 * weights @ covariance @ weights.T
    assert left_out(points, values, studies).error(weights) == pytest.approx(expected, abs=1e-12)


def test_what_is_fitted_is_a_maximum_of_likelihood_times_priors(trials):
    points, values, _ = trials
    standard = (values - values.mean()) / values.std()
    lengthscales, variance, noise, mean = fitted(points, standard)

    def density(logarithms):
        *scales, of_variance, of_noise = logarithms
        model = reference(np.exp(scales), np.exp(of_variance), np.exp(of_noise)).fit(points, standard - mean)
        away = [(s - np.sqrt(2) - np.log(COLUMNS) / 2) / np.sqrt(3) for s in scales] + [of_variance, of_noise + 4]
        return model.log_marginal_likelihood_value_ - 0.5 * np.square(away).sum()

    best = np.log([*lengthscales, variance, noise])
    highest = density(best)
    for place in range(len(best)):
        for step in (-0.05, 0.05):
            assert density(best + step * (np.arange(len(best)) == place)) < highest


def test_a_lucky_trial_is_not_worth_its_luck():
    """All places are worth the same: what studies chose was recorded far above that, and the model knows it."""
    random = np.random.default_rng(1)
    points, values = random.random((200, 2)), 0.9 + 0.01 * random.standard_normal(200)
    means = left_out(points, values, np.arange(20).repeat(10)).means.reshape(20, 10)
    best = values.reshape(20, 10).argmax(axis=1)
    chosen = np.arange(20), best
    assert values.reshape(20, 10)[chosen].mean() > 0.913
    assert means[chosen].mean() == pytest.approx(0.9, abs=0.002)


def test_how_badly_a_place_fails_changes_nothing():
    random = np.random.default_rng(2)
    points = random.random((120, 2))
    values = 0.9 - 0.1 * (points[:, 0] - 0.5) ** 2 + 0.002 * random.standard_normal(120)
    studies, fails = np.arange(10).repeat(12), points[:, 1] > 0.8
    bad, worse = (left_out(points, np.where(fails, value, values), studies).means for value in (0.3, -1e6))
    assert bad == pytest.approx(worse)
    assert bad[~fails & (points[:, 1] < 0.6)] == pytest.approx(values[~fails & (points[:, 1] < 0.6)], abs=0.012)


def test_equal_values_stay_what_they_are():
    points = np.random.default_rng(0).random((30, 2))
    assert left_out(points, np.full(30, 0.7), np.arange(3).repeat(10)).means == pytest.approx(0.7)


def test_of_many_trials_some_are_enough(monkeypatch):
    random = np.random.default_rng(3)
    points = random.random((400, 1))
    true = points[:, 0] + 0.1 * np.sin(8 * points[:, 0])
    values = true + 0.05 * random.standard_normal(400)
    monkeypatch.setattr(module, "CONDITIONED_ON", 150)
    monkeypatch.setattr(module, "FITTED_ON", 80)
    means = left_out(points, values, np.arange(20).repeat(20)).means
    assert np.sqrt(np.mean((means - true) ** 2)) < 0.02
