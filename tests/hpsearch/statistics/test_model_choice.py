"""Choosing by a model of a study's own trials."""

import numpy as np
import pytest

from hpsearch.statistics.model_choice import posterior_means


def model_choice(points, values):
    return int(posterior_means(points, values).argmax())


@pytest.mark.parametrize("trials", [1, 3, 5, 20])
def test_without_noise_it_chooses_the_best(trials):
    points = np.random.default_rng(0).random((trials, 2))
    values = -((points - 0.4) ** 2).sum(axis=1)
    assert model_choice(points, values) == values.argmax()


def test_one_lucky_trial_among_bad_neighbours_is_not_chosen():
    """A hill around 0.7, and a single good value where its neighbours are bad."""
    points = np.concatenate([np.linspace(0.05, 0.35, 12), np.linspace(0.55, 0.85, 12)])[:, None]
    values = np.exp(-(((points[:, 0] - 0.7) / 0.15) ** 2)) + 0.02 * np.random.default_rng(1).standard_normal(24)
    values[5] = values.max() + 0.05
    assert values.argmax() == 5
    assert points[model_choice(points, values), 0] == pytest.approx(0.7, abs=0.06)


def test_equal_values_choose_the_first():
    assert model_choice(np.random.default_rng(0).random((8, 1)), np.full(8, 0.5)) == 0


def test_on_average_it_chooses_better_where_seeds_are_loud():
    random, gains = np.random.default_rng(4), []
    for _ in range(200):
        points = random.random((25, 1))
        true = -((points[:, 0] - 0.4) ** 2)
        values = true + 0.1 * random.standard_normal(25)
        gains.append(true[model_choice(points, values)] - true[values.argmax()])
    assert np.mean(gains) > 2 * np.std(gains) / np.sqrt(len(gains))
