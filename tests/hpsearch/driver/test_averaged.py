import math

import pytest

from hpsearch.contracts.objective import Objective, Result
from hpsearch.driver.averaged import averaged

LOSS, SCORE = Objective("loss", chance=1.0, direction="minimise"), Objective("score", chance=0.1)
DIVERGED = Result(None, curves={"loss": [5.0]}, outcome="diverged", reason="the loss was nan")
FAILED = Result(None, outcome="failed", reason="out of paper")


def test_means_over_seeds():
    found = averaged(
        [Result(0.2, {"a": 1.0, "b": 2.0}, {"loss": [4.0, 2.0]}), Result(0.4, {"a": 2.0}, {"loss": [2.0, 1.0]})], LOSS
    )
    assert found.objective == pytest.approx(0.3)
    assert (found.metrics, found.curves) == ({"a": 1.5, "b": 2.0}, {"loss": [3.0, 1.5]})
    assert (found.outcome, found.reason) == ("complete", "")


def test_one_result_stays_what_it_is():
    assert averaged([DIVERGED], LOSS) is DIVERGED


@pytest.mark.parametrize(
    ("objective", "values", "mean"),
    [
        (SCORE, (0.7, 0.4), (0.7 + 0.4 + 0.1) / 3),
        (SCORE, (0.7, 0.05), (0.7 + 0.05 + 0.05) / 3),
        (LOSS, (0.3, 2.0), 4.3 / 3),
    ],
)
def test_a_lost_seed_counts_at_chance_or_as_the_worst_if_that_is_worse(objective, values, mean):
    found = averaged([Result(values[0]), DIVERGED, Result(values[1])], objective)
    assert found.objective == pytest.approx(mean)
    assert (found.outcome, found.reason) == ("complete", "1 of 3 seeds diverged: the loss was nan")
    assert found.curves == {}


def test_a_trial_of_which_no_seed_is_complete_is_lost():
    found = averaged([FAILED, DIVERGED], LOSS)
    assert (found.outcome, found.objective, found.reason) == ("diverged", None, "all 2 seeds: the loss was nan")
    assert averaged([FAILED, FAILED], LOSS).outcome == "failed"


def test_curves_of_different_lengths_are_means_of_those_that_came_so_far():
    results = [
        Result(0.1, curves={"loss": [3.0]}), Result(0.1, curves={"loss": [1.0, 2.0, 9.0], "acc": [1.0, math.nan, 0.5]}),
    ]  # fmt: skip
    found = averaged(results, LOSS).curves
    assert found["loss"] == [2.0, 2.0, 9.0]
    assert (found["acc"][0], math.isnan(found["acc"][1]), found["acc"][2]) == (1.0, True, 0.5)


def test_a_mean_whose_sum_is_too_large_for_a_number():
    large = Result(1.7e308, {"a": -1.7e308}, {"loss": [1.7e308]})
    found = averaged([large] * 3, LOSS)
    assert (found.objective, found.metrics, found.curves) == (1.7e308, {"a": -1.7e308}, {"loss": [1.7e308]})
