"""The recipe of the real-valued parameters: as settings of a task, and searched with every method's own space."""

from dataclasses import replace

import pytest
import torch

from audio_task import TASK
from audio_task.network import Perceptron
from binarynet.methods.filter import METHOD as FILTER
from binarynet.task import Recipe
from binarynet.training import Budget, Training
from hpsearch import Comparison
from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.space import Float, Space
from hpsearch.study.plan import resolve
from hpsearch.study.registry import Registry
from hpsearch.study.schema import parse

STUDY = (
    'name = "a"\ntrials = 1\nrepeats = 1\nseed = 1\ntask = "{task}"\n{space}\n[methods.filter]\n{own}\n[methods.rbnn]\n'
)
H = {"alpha": 1e-2, "gamma": 0.2}


def train(data, configurations, recipe, width=16):
    drawn = [{**H, **c} for c in configurations]
    budget = Budget(3, 32, recipe)
    return Training(lambda k: Perceptron(k, 40, width, "clip"), FILTER, drawn, [7] * len(drawn), data, budget).run()


@pytest.mark.parametrize("width", [16, 10])  # whole vectors, and none
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_trials_own_rate_and_decay_are_those_of_the_setting(problem, optimizer, width):
    data, recipe = problem(), Recipe(real_optimizer=optimizer, real_schedule="linear(0.1)")
    values = [(0.1, 1e-3), (0.03, 0.0), (0.003, 1e-2)]
    own = train(data, [{"real_learning_rate": r, "real_weight_decay": d} for r, d in values], recipe, width)
    for result, (rate, decay) in zip(own, values, strict=True):
        (setting,) = train(data, [{}], replace(recipe, real_learning_rate=rate, real_weight_decay=decay), width)
        # The update in one pass rounds otherwise than the one that each trial has its own rate in.
        assert result.curves["train_loss"] == pytest.approx(setting.curves["train_loss"], rel=2e-2)
    assert len({result.curves["train_loss"][-1] for result in own}) == 3


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_trial_with_its_own_rate_does_not_depend_on_its_company(problem, optimizer):
    data, recipe = problem(), Recipe(real_optimizer=optimizer)
    drawn = [{"real_learning_rate": 0.01 * (i + 1), "real_weight_decay": 1e-4 * i} for i in range(5)]
    assert train(data, drawn, recipe)[3] == train(data, drawn[3:4], recipe)[0]


def test_a_study_file_searches_it_with_every_method_or_holds_it_for_one():
    plan = resolve(
        parse(
            STUDY.format(
                task="audio_task",
                space="[space]\nreal_learning_rate = [1e-2, 0.3]",
                own="space.real_learning_rate = 0.05\nspace.real_weight_decay = [1e-5, 1e-3]",
            ),
            "a",
        ),
        Registry(),
    )
    searched = plan.spaces["rbnn"]["real_learning_rate"]
    assert (searched.low, searched.high, searched.log) == (1e-2, 0.3, True)
    assert plan.spaces["filter"]["real_learning_rate"].value == 0.05
    assert plan.spaces["filter"]["real_weight_decay"].high == 1e-3
    assert "real_weight_decay" not in plan.spaces["rbnn"].names


def test_a_task_without_methods_has_its_own_hyperparameters_searched_too(tmp_path, monkeypatch):
    (tmp_path / "rates.py").write_text(
        "from hpsearch import Float, FunctionTask, Objective, Space\n"
        "class Rates(FunctionTask):\n"
        "    hyperparameters = Space((Float('rate', 0.1, 1.0),))\n"
        "TASK = Rates(lambda c, seed: c['x'] * c['rate'], Objective('value', chance=0.0))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    text = 'name = "a"\ntrials = 1\nrepeats = 1\nseed = 1\ntask = "rates:TASK"\nspace.rate = [0.2, 0.5]\n'
    plan = resolve(parse(f'{text}[methods.a.space]\nx = [0.0, 1.0]\n[methods.b]\nmethod = "a"\n', "a"), Registry())
    for label in ("a", "b"):
        assert set(plan.spaces[label].names) == {"rate", "x"}
        assert plan.spaces[label]["rate"].high == 0.5


def test_a_setting_that_adds_a_hyperparameter_lets_it_be_scheduled_and_searched():
    own = 'settings.begin = "random"\nschedules.kappa = "linear"\nspace.kappa = [1.0, 10.0]'
    plan = resolve(parse(STUDY.format(task="audio_task", space="", own=own), "a"), Registry())
    assert plan.spaces["filter"]["kappa"].high == 10.0
    assert plan.methods["filter"].schedules["kappa"] == "linear"
    own = 'settings.begin = "random"\nschedules.alpha = "warmup"'
    with pytest.raises(SpecError, match="alpha cannot warm up"):
        resolve(parse(STUDY.format(task="audio_task", space="", own=own), "a"), Registry())


def test_python_describes_it_too():
    space = Space((Float("real_learning_rate", 1e-2, 0.3, log=True),))
    given = {"name": "a", "trials": 1, "repeats": 1, "seed": 1, "task": "audio_task", "methods": {"filter": "filter"}}
    assert Comparison(**given, space=space).plan().spaces["filter"]["real_learning_rate"] == space["real_learning_rate"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("real_learning_rat = 0.1", r"^a: space\.real_learning_rat: unknown .*'real_learning_rate'"),
        ("alpha = [1e-2, 0.3]", r"^a: space\.alpha: unknown"),
        ("real_learning_rate = {lo = 0.1}", r"^a: space\.real_learning_rate\.lo: unknown key; did you mean 'low'"),
        ("real_learning_rate = {choices = 3}", r"^a: space\.real_learning_rate: expected a value, \[low, high\]"),
        ("real_learning_rate = [3, 1]", r"^a: methods\.filter\.space\.real_learning_rate: .*3"),
    ],
)
def test_what_cannot_be_searched_with_every_method_is_refused_in_a_sentence(line, said):
    text = STUDY.format(task="audio_task", space=f"[space]\n{line}", own="")
    with pytest.raises(SpecError, match=said):
        resolve(parse(text, "a"), Registry(), "a")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"real_optimizer": "lion"}, "real_optimizer"),
        ({"real_learning_rate": 0.0}, "real_learning_rate must be above 0"),
        ({"real_weight_decay": -1.0}, "real_weight_decay must be at least 0"),
        ({"real_schedule": "cosin"}, "real_schedule: no schedule"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        replace(TASK, **settings)


def test_a_task_hands_its_recipe_to_the_training():
    task = replace(TASK, real_optimizer="adam", real_learning_rate=0.01)
    assert task.recipe == Recipe("adam", 0.01)
    assert torch.equal(torch.tensor(task.recipe.real_weight_decay), torch.tensor(1e-4))
