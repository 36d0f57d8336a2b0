import math
from typing import NamedTuple

import numpy as np
import pytest

from hpsearch.contracts.objective import Objective, Result, finished
from hpsearch.contracts.searcher import History
from hpsearch.contracts.seeds import SEED_BITS, derived_seed, trial_seed
from hpsearch.contracts.task import Context, FunctionTask, Task


def test_a_seed_depends_on_its_whole_path_and_nothing_else():
    paths = [
        ("latent", 1, 1),
        ("latent", 1, 2),
        ("latent", 2, 1),
        ("filter", 1, 1),
        ("latent", 1),
        ("latent", 11),
        ("latent", 1, 0),
    ]
    seeds = [derived_seed(5, *path) for path in paths]
    assert len(set(seeds)) == len(paths)
    assert seeds == [derived_seed(5, *path) for path in paths]
    assert derived_seed(6, *paths[0]) != seeds[0]
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_stay_what_they_are():
    # A recorded comparison is replayed from these: a change here would orphan every database.
    assert derived_seed(2023, "latent", 1, 1) == 7987562740096576512
    assert derived_seed(0) == 7896617691693857887
    assert trial_seed(2023, "latent", 1, 1) == 1859749374 == derived_seed(2023, "latent", 1, 1) >> 32
    assert trial_seed(2023, "latent", 1, 1, SEED_BITS) == derived_seed(2023, "latent", 1, 1)


def test_a_trials_seed_fits_32_bits_with_a_sign_and_without():
    seeds = [trial_seed(5, "m", repeat, trial) for repeat in range(1, 21) for trial in range(1, 51)]
    assert len(set(seeds)) == 1000
    assert 2**30 < max(seeds) < 2**31
    assert min(seeds) >= 0
    np.random.RandomState(max(seeds))


def test_chance_stands_for_what_is_missing_and_orientation_turns_losses():
    loss = Objective("loss", direction="minimise", chance=2.3)
    assert loss.counted([None, math.nan, math.inf, 0.5]) == [2.3, 2.3, 2.3, 0.5]
    assert loss.counted([None]) == [2.3]
    assert (loss.oriented(0.5), Objective("accuracy", 0.1).oriented(0.5)) == (-0.5, 0.5)


class Tried(NamedTuple):
    configuration: dict[str, float]
    objective: float | None


def test_a_lost_trial_never_counts_more_than_a_complete_one():
    assert Objective("score", chance=0.0).counted([-1.2, None, -0.9]) == [-1.2, -1.2, -0.9]
    assert Objective("loss", chance=0.1, direction="minimise").counted([None, 2.0, 3.0]) == [3.0, 2.0, 3.0]
    trials = [Tried({"x": float(i)}, value) for i, value in enumerate((None, -1.2, -0.9))]
    assert History.of(trials, Objective("score", chance=0.0)).objectives == (-1.2, -1.2, -0.9)
    assert History.of(trials[:1], Objective("score", chance=0.0)).objectives == (0.0,)  # it is all there is


def test_bounds_are_of_the_objective_and_of_what_measures_the_same():
    accuracy = Objective("validation accuracy", 0.1, bounds=(0.0, 1.0))
    assert accuracy.ends == accuracy.ends_of("test_accuracy") == accuracy.ends_of("accuracy") == (0.0, 1.0)
    assert accuracy.ends_of("train_loss") == (-math.inf, math.inf)
    assert Objective("loss", 2.3, "minimise", bounds=(0.0, None)).ends == (0.0, math.inf)
    assert accuracy == Objective("validation accuracy", 0.1)  # they decide no trial
    for bounds, message in (((1.0, 0.0), "a low one and a higher one"), ((0.5, 1.0), "chance must lie within")):
        with pytest.raises(ValueError, match=message):
            Objective("accuracy", 0.1, bounds=bounds)


def test_a_wrong_direction_is_refused():
    with pytest.raises(ValueError, match="maximise"):
        Objective("loss", 0.0, direction="down")


def test_a_function_becomes_a_task():
    task = FunctionTask(lambda configuration, seed: configuration["x"] + seed, Objective("sum", 0.0))
    assert task.train(None, [{"x": 1.0}, {"x": 2.0}], [10, 20], "cpu") == [Result(11.0), Result(22.0)]


CONTEXTS = [Context("m", 1, 7), Context("m", 2, 7)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda configuration, seed: configuration["x"] + seed, [11.0, 22.0]),
        (lambda configuration, seed, context: context.repeat + context.trial / 10, [1.7, 2.7]),
        (lambda configuration, seed, *, context: len(context.method), [1.0, 1.0]),
        (max, [20.0, 30.0]),  # built in: it cannot tell what it takes
    ],
)
def test_a_function_gets_the_context_of_its_trial_if_it_takes_one(function, expected):
    given = [20, 30] if function is max else [{"x": 1.0}, {"x": 2.0}]
    task = FunctionTask(function, Objective("sum", 0.0))
    assert task.train_in(None, given, [10, 20], "cpu", CONTEXTS) == [Result(value) for value in expected]


def test_a_task_that_only_trains_is_trained_without_contexts():
    class Plain(Task):
        objective = Objective("sum", 0.0)

        def train(self, method, configurations, seeds, device):
            return [Result(float(seed)) for seed in seeds]

    assert Plain().train_in(None, [{}, {}], [3, 4], "cpu", CONTEXTS) == [Result(3.0), Result(4.0)]


def test_a_function_that_returns_nan_has_diverged():
    (result,) = FunctionTask(lambda configuration, seed: math.nan, Objective("sum", 0.0)).train(None, [{}], [1], "cpu")
    assert (result.outcome, result.objective) == ("diverged", None)
    assert "nan" in result.reason
    assert finished(0.5, test=0.4) == Result(0.5, {"test": 0.4})
