"""Choosing by a model of a study's own trials."""

import numpy as np
import pytest

from hpsearch.statistics.incumbents import incumbent_trials
from hpsearch.statistics.model_choice import FEWEST, model_choices


def test_without_noise_it_chooses_the_best():
    points = np.random.default_rng(0).random((20, 2))
    values = -((points - 0.4) ** 2).sum(axis=1)
    assert model_choices(points, values).tolist() == incumbent_trials(values[None])[0].tolist()


def test_one_lucky_trial_among_bad_neighbours_is_not_chosen():
    """A hill around 0.7, and a single good value where its neighbours are bad."""
    points = np.concatenate([np.linspace(0.05, 0.35, 12), np.linspace(0.55, 0.85, 12)])[:, None]
    values = np.exp(-(((points[:, 0] - 0.7) / 0.15) ** 2)) + 0.02 * np.random.default_rng(1).standard_normal(24)
    values[5] = values.max() + 0.05
    assert incumbent_trials(values[None])[0][-1] == 5
    assert points[model_choices(points, values)[-1], 0] == pytest.approx(0.7, abs=0.06)


def test_the_first_trials_are_chosen_from_as_recorded():
    random = np.random.default_rng(2)
    points, values = random.random((9, 1)), random.random(9)
    assert (
        model_choices(points, values)[: FEWEST - 1].tolist() == incumbent_trials(values[None])[0][: FEWEST - 1].tolist()
    )


def test_it_knows_no_later_trial():
    random = np.random.default_rng(3)
    points, values = random.random((15, 2)), random.random(15)
    assert model_choices(points, values)[:10].tolist() == model_choices(points[:10], values[:10]).tolist()


def test_equal_values_choose_the_first():
    assert model_choices(np.random.default_rng(0).random((8, 1)), np.full(8, 0.5)).tolist() == [0] * 8


def test_on_average_it_chooses_better_where_seeds_are_loud():
    random, gains = np.random.default_rng(4), []
    for _ in range(200):
        points = random.random((25, 1))
        true = -((points[:, 0] - 0.4) ** 2)
        values = true + 0.1 * random.standard_normal(25)
        gains.append(true[model_choices(points, values)[-1]] - true[values.argmax()])
    assert np.mean(gains) > 2 * np.std(gains) / np.sqrt(len(gains))
