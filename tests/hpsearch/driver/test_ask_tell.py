"""A study that is asked and told: it proposes what a comparison's study does, whatever the order of what it is told."""

import json
import math
import warnings
from dataclasses import asdict
from typing import ClassVar

import numpy as np
import pytest
import torch

import hpsearch
from hpsearch import Choice, Float, History, Int, Space, Study, Trial
from hpsearch.contracts.errors import SpecError, UsageError
from hpsearch.contracts.seeds import derived_seed
from hpsearch.searchers.random import SEARCHER as RANDOM
from tests.tools.studies import run_to_end, table

SPACE = Space((Float("rate", 1e-3, 1.0, log=True), Choice("on", (False, True)), Int("depth", 1, 9, when={"on": True})))
SEARCHERS = ("random", "sobol", "botorch")


def loss(configuration):
    return (np.log10(configuration["rate"]) + 1.5) ** 2 + 0.1 * configuration.get("depth", 3)


def searched(study, trials):
    """The study after it was asked and told so often."""
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, loss(trial.configuration))
    return study


def test_it_proposes_what_a_comparisons_study_does(own_study):
    rows = [row for row in table(run_to_end(own_study())) if (row.method, row.repeat) == ("wide", 2)]
    study = Study(Space((Float("x", 0.0, 10.0),)), "sobol", seed=derived_seed(7, "wide", 2), direction="minimise")
    for row in rows:
        trial = study.ask()
        assert dict(trial.configuration) == row.configuration
        study.tell(trial, row.objective)
    assert study.best.value == min(row.objective for row in rows)


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_it_is_its_trials_as_json_and_nothing_more(searcher):
    study = Study(SPACE, searcher, seed=5, direction="minimise")
    study.tell({"rate": 0.1, "on": True, "depth": 2}, 1.5)
    study.tell(study.ask(), None)
    searched(study, 6)
    open_trial = study.ask()
    saved = json.dumps([asdict(trial) for trial in study.trials])
    again = Study(SPACE, searcher, seed=5, direction="minimise", trials=json.loads(saved))
    assert again.trials == study.trials
    assert again.ask() == study.ask()
    study.tell(open_trial, 0.5)
    again.tell(open_trial.number, 0.5)
    assert again.ask() == study.ask() != Study(SPACE, searcher, seed=6, trials=study.trials).ask()


@pytest.mark.parametrize("searcher", SEARCHERS)
def test_the_order_in_which_results_arrive_does_not_matter(searcher):
    straight, crossed = (searched(Study(SPACE, searcher, seed=3, direction="minimise"), 5) for _ in range(2))
    for study, order in ((straight, (0, 1, 2)), (crossed, (2, 0, 1))):
        asked = [study.ask() for _ in range(3)]
        assert len({tuple(trial.configuration.items()) for trial in asked}) == 3  # each knows of the others
        for place in order:
            study.tell(asked[place], loss(asked[place].configuration))
    assert straight.trials == crossed.trials
    assert straight.ask() == crossed.ask()


class Listening(type(RANDOM)):
    """A searcher that keeps what it is told."""

    heard: ClassVar[list[History]] = []

    def propose(self, space, histories, seeds):
        self.heard.append(histories[0])
        return super().propose(space, histories, seeds)


@pytest.mark.parametrize(("direction", "worst"), [("maximise", -2.0), ("minimise", -3.0)])
def test_a_lost_trial_counts_as_the_worst_of_the_others(direction, worst):
    study = Study(SPACE, Listening(), direction=direction)
    lost = [study.ask(), study.ask()]
    study.tell(lost[0], math.nan)
    study.tell(lost[1], None)
    assert study.best is None
    study.ask()
    assert Listening.heard[-1].objectives == (0.0, 0.0)  # nothing is known to be worse
    for value in (3.0, -2.0):
        study.tell(study.ask(), value)
    study.ask()
    history = Listening.heard[-1]
    assert history.objectives[:2] == (worst, worst)
    assert sorted(history.objectives[2:]) == sorted((3.0, -2.0) if direction == "maximise" else (-3.0, 2.0))
    assert len(history.pending) == 1
    assert study.best.value == (3.0 if direction == "maximise" else -2.0)


def test_it_finds_what_it_looks_for():
    study = searched(Study(SPACE, seed=1, direction="minimise"), 20)
    assert (
        study.best.value < np.median([loss(RANDOM.propose(SPACE, [History()], [seed])[0]) for seed in range(200)]) / 3
    )


def test_a_searcher_may_be_a_table_or_an_object_and_numbers_are_any_librarys():
    study = Study(Space((Float("x", 0.0, 1.0),)), {"name": "grid", "points": 3})
    for value in (np.float32(1.5), torch.tensor([2.5]), 3):
        study.tell(study.ask(), value)
    assert [trial.configuration["x"] for trial in study.trials] == [0.0, 0.5, 1.0]
    assert [trial.value for trial in study.trials] == [1.5, 2.5, 3.0]
    assert Study(SPACE, RANDOM, seed=2).ask() == Study(SPACE, "random", seed=2).ask()


def test_seeds_of_trials_differ_and_fit_32_bits():
    study = Study(SPACE, "random", seed=2)
    seeds = {study.ask().seed for _ in range(50)}
    assert len(seeds) == 50
    assert 0 <= min(seeds) < max(seeds) < 2**31


def asked(trials=1, searcher="random"):
    study = Study(SPACE, searcher)
    for _ in range(trials):
        study.ask()
    return study


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: asked().tell(2, 1.0), UsageError, "^tell: this study has no trial 2; it has 1$"),
        (lambda: asked().tell(0, 1.0), UsageError, "^tell: this study has no trial 0; it has 1$"),
        (lambda: asked().tell(1, "high"), UsageError, "^tell: a value is a number, or None for a lost trial, got str$"),
        (lambda: asked().tell(Trial(1, {}, 1), 1.0), UsageError, "^tell: trial 1 of this study is another one than"),
        (lambda: [s := asked(), s.tell(1, 1.0), s.tell(1, 2.0)], UsageError, "^tell: trial 1 has been told already"),
        (lambda: asked().tell({"rate": 0.1}, 1.0), UsageError, "is no configuration of the space: it has no on$"),
        (lambda: asked().tell({"rate": 3.0, "on": False}, 1.0), UsageError, "it goes beyond its bounds$"),
        (lambda: Study(SPACE, direction="up"), UsageError, "^direction is 'maximise' or 'minimise', got 'up'$"),
        (lambda: Study(SPACE, "bo"), SpecError, "^searcher: no such searcher 'bo'"),
        (lambda: Study(SPACE, {"points": 3}), SpecError, "^searcher: None is no searcher"),
        (lambda: Study(SPACE, {"name": "grid", "pints": 3}), SpecError, "^searcher.pints: unknown key; did you mean"),
        (lambda: Study(SPACE, max), SpecError, "^searcher: <built-in function max> is no searcher"),
        (lambda: Study(SPACE, trials=[{"number": 1}]), UsageError, "is no trial: configuration: field required$"),
        (lambda: Study(SPACE, trials=asked(2).trials[1:]), UsageError, "^trials: expected number 1, got Trial"),
        (lambda: Study(SPACE, trials=[Trial(1, {"a": 1}, 1)]), UsageError, "the configuration of trial 1 has no rate$"),
    ],
)
def test_what_cannot_be_is_one_sentence(call, error, said):
    with pytest.raises(error, match=said) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


class StandingIn(type(RANDOM)):
    def propose(self, space, histories, seeds):
        warnings.warn("of a library", stacklevel=1)
        warnings.warn(hpsearch.contracts.searcher.StandIn(0, "the model has no answer"), stacklevel=1)
        return super().propose(space, histories, seeds)


def test_a_stand_in_is_told():
    with pytest.warns(hpsearch.contracts.searcher.StandIn, match="the model has no answer") as told:
        Study(SPACE, StandingIn()).ask()
    assert len(told) == 1
