"""The batched searcher against BoTorch itself, one study at a time, and its own company."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.mlls import ExactMarginalLogLikelihood

from hpsearch.contracts.searcher import History, StandIn
from hpsearch.contracts.space import Choice, Float, Int, Space
from hpsearch.searchers import botorch as searcher
from hpsearch.searchers.botorch import SEARCHER, BoTorch
from hpsearch.searchers.columns import encoded
from hpsearch.searchers.sobol import sobol_configuration
from hpsearch.system.rounding import VARIABLE, place_matters
from tests.tools.spaces import CONDITIONAL, MIXED

TWO = Space((Float("a", 1e-5, 1.0, log=True), Float("b", 0.0, 1.0)))
SIX = Space((*(Float(f"x{i}", 0.0, 1.0) for i in range(4)), Choice("on", (False, True)), Choice("off", (False, True))))


def histories(space, n, studies, noise=0.1, pending=0):
    random = np.random.default_rng(n)
    found = []
    for study in range(studies):
        configurations = tuple(sobol_configuration(space, study, i) for i in range(n + pending))
        points = np.array([space.encode(c) for c in configurations[:n]])
        outcomes = -np.square(points - 0.3).sum(axis=1) + noise * random.standard_normal(n)
        found.append(History(configurations[:n], tuple(outcomes.tolist()), configurations[n:]))
    return found


def tensors(space, n, studies, noise=0.1):
    found = histories(space, n, studies, noise)
    trials = torch.tensor([[encoded(space, c) for c in history.configurations] for history in found]).double()
    return trials, torch.tensor(np.array([searcher.standardised(history.objectives)[:, None] for history in found]))


def density(model):
    """Log posterior density of each study's hyperparameters, up to a constant."""
    likelihood = ExactMarginalLogLikelihood(model.likelihood, model).train()
    value = likelihood(model(*model.train_inputs), model.train_targets).detach() * model.train_targets.shape[-1]
    likelihood.eval()
    return value


@pytest.mark.parametrize("space", [TWO, SIX])
@pytest.mark.parametrize("n", [5, 13, 24])
def test_a_fit_is_nearly_as_probable_as_one_of_that_study_alone_and_without_end(space, n):
    trials, outcomes = tensors(space, n, 6)
    together = density(searcher._fitted(trials, outcomes))
    alone = []
    for x, y in zip(trials, outcomes, strict=True):
        model = SingleTaskGP(x, y, outcome_transform=None)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        alone.append(float(density(model)))
    assert (together.numpy() > np.array(alone) - 0.5).all()
    assert np.median(np.array(alone) - together.numpy()) < 0.05


@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_the_acquisition_is_botorchs_over_all_trials(noise):
    """A few promising trials stand for all, and the seed of the draws hardly matters where there are many."""
    trials, outcomes = tensors(SIX, 14, 4, noise)
    points = torch.rand(64, 4, 1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with searcher._alone():
        model = searcher._fitted(trials, outcomes)
        few = trials.take_along_dim(model.posterior(trials).mean.argsort(dim=1, descending=True), 1)[:, :8]
        ours = searcher._acquisition(model, few, trials[:, :0], 4096)
        sampler = SobolQMCNormalSampler(torch.Size([4096]), seed=1)
        theirs = qLogNoisyExpectedImprovement(model, trials, sampler=sampler, prune_baseline=False)
        found, expected = ours(points).numpy(), theirs(points).numpy()
    likely = expected > expected.max(axis=0) - 2  # rarer improvements are seldom drawn
    assert likely.sum() >= 20
    np.testing.assert_allclose(found[likely], expected[likely], atol=0.1)


def test_a_climb_is_the_one_that_its_start_makes_alone():
    trials, outcomes = tensors(SIX, 11, 4)
    with searcher._alone():
        model = searcher._fitted(trials, outcomes)
        acquisition = searcher._acquisition(model, trials[:, :8], trials[:, :0], 64)
        starts = np.random.default_rng(3).random((2, 4, 4, 6))
        free = np.ones((2, 4, 6), bool)
        free[1, :, 4:] = False
        ends = searcher._climbed(acquisition, starts, free, 1000)
        assert np.array_equal(searcher._climbed(acquisition, starts, free, 4), ends)  # a combination at a time
        assert np.array_equal(searcher._climbed(acquisition, starts[1:, 2:3], free[1:], 1000), ends[1:, 2:3])
        assert np.array_equal(ends[1, ..., 4:], starts[1, ..., 4:])
        before, after = (searcher._values(acquisition, points, 1000) for points in (starts, ends))
        assert (after > before - 1e-9).all()


@pytest.mark.parametrize("space", [TWO, SIX, MIXED, CONDITIONAL])
@pytest.mark.parametrize(("n", "pending"), [(5, 0), (8, 3), (15, 0), (24, 2)])
def test_no_study_depends_on_its_company(space, n, pending):
    found, seeds = histories(space, n, 20, pending=pending), [1000 + i for i in range(20)]
    together = SEARCHER.propose(space, found, seeds)
    assert SEARCHER.propose(space, found[3:7], seeds[3:7]) == together[3:7]
    assert SEARCHER.propose(space, found[11:12], seeds[11:12]) == together[11:12]
    assert SEARCHER.propose(space, found[::-1], seeds[::-1]) == together[::-1]
    other = [*found[:5], *histories(space, n + 1, 3), *found[5:]]  # of another length, as after a resume
    others = SEARCHER.propose(space, other, [*seeds[:5], 1, 2, 3, *seeds[5:]])
    assert [*others[:5], *others[8:]] == together


@pytest.mark.parametrize(("space", "n"), [(TWO, 2), (SIX, 5), (CONDITIONAL, 8)])
def test_nor_where_all_its_trials_come_in_the_order_of_their_promise(space, n):
    """GPyTorch compares inputs over a whole batch, and computes otherwise where all are equal."""
    found, searcher = histories(space, n, 4), replace(SEARCHER, initial=2)
    falling = [History(h.configurations, tuple(-float(i) for i in range(n))) for h in found]
    together = searcher.propose(space, [*falling[:2], *found[2:]], [1, 2, 3, 4])
    for i in range(2):
        assert searcher.propose(space, [falling[i]], [i + 1]) == [together[i]]
        assert searcher.propose(space, falling[:2], [1, 2]) == together[:2]


ALONE = """
import torch
{before}
from hpsearch.searchers.botorch import SEARCHER
from hpsearch.system.rounding import ask_for_even_rounding, rounding
from tests.hpsearch.searchers.test_botorch_searcher import SIX, histories

ask_for_even_rounding()
print(rounding())
print(SEARCHER.propose(SIX, histories(SIX, 9, 3)[{first}:], [1, 2, 3][{first}:])[-1])
"""


def in_a_fresh_process(before, first):
    """How products round in another process, and what it proposes for the third of three studies."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    root = Path(__file__).parents[3]
    script = ALONE.format(before=before, first=first)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_fresh_process_proposes_the_same():
    (expected,) = SEARCHER.propose(SIX, histories(SIX, 9, 3)[2:], [3])
    assert not place_matters()
    assert in_a_fresh_process("", 0)[1] == str(expected)


def test_where_even_rounding_was_asked_for_too_late_studies_go_one_at_a_time():
    multiplied = "torch.rand(9, 9) @ torch.rand(9, 9)"
    rounds, third = in_a_fresh_process(multiplied, 0)
    assert rounds in ("by place in memory", "even")  # a torch without MKL may know nothing else
    assert in_a_fresh_process(multiplied, 2) == [rounds, third]


def test_studies_of_which_one_fails_do_not_lose_their_proposals(monkeypatch):
    found, best = histories(TWO, 7, 3), BoTorch._best
    expected = SEARCHER.propose(TWO, found, [1, 2, 3])

    def failing(self, space, histories, seeds):
        if found[1] in histories:
            raise RuntimeError("no root\nof this matrix")
        return best(self, space, histories, seeds)

    monkeypatch.setattr(BoTorch, "_best", failing)
    with pytest.warns(StandIn, match=r"BoTorch had no proposal \(RuntimeError: no root\), so a Sobol") as said:
        proposed = SEARCHER.propose(TWO, found, [1, 2, 3])
    assert [warning.message.study for warning in said] == [1]
    assert proposed == [expected[0], sobol_configuration(TWO, 2, 7), expected[2]]


def test_what_a_model_thinks_best_is_not_proposed_twice_in_a_round():
    """Of nine integers, and of six choices; with all of them pending anything may come."""
    for space, count in ((Space((Int("depth", 1, 9),)), 9), (Space((Choice("kind", tuple("abcdef")),)), 6)):
        (history,) = histories(space, 6, 1)
        for _ in range(count):
            (proposed,) = SEARCHER.propose(space, [history], [5])
            assert proposed not in history.pending
            history = replace(history, pending=(*history.pending, proposed))
        (again,) = SEARCHER.propose(space, [history], [5])
        assert again in history.pending


def test_a_round_spreads_where_the_next_trial_alone_would_not_go():
    """Pending trials are taken into account: three proposals of a round lie apart from each other."""
    (history,) = histories(TWO, 12, 1, noise=0.01)
    points = []
    for _ in range(3):
        (proposed,) = SEARCHER.propose(TWO, [history], [5])
        points.append(np.array(TWO.encode(proposed)))
        history = replace(history, pending=(*history.pending, proposed))
    assert min(np.abs(a - b).max() for i, a in enumerate(points) for b in points[:i]) > 0.01


def best_after(searcher, value, space, studies, trials=20):
    found = [History()] * studies
    for _ in range(trials):
        proposed = searcher.propose(space, found, range(studies))
        found = [
            History((*h.configurations, c), (*h.objectives, value(c))) for h, c in zip(found, proposed, strict=True)
        ]
    return np.array([max(history.objectives) for history in found])


def test_it_finds_what_sobol_does_not():
    def value(c):
        return -((np.log10(c["a"]) + 3.2) ** 2) - 4 * (c["b"] - 0.77) ** 2

    ours = best_after(SEARCHER, value, TWO, 4)
    sobol = np.array([max(value(sobol_configuration(TWO, s, i)) for i in range(200)) for s in range(4)])
    assert (ours > sobol).all()  # 20 trials against 200
    assert (ours > -1e-3).all()


def test_it_chooses_among_booleans():
    def value(c):
        return -sum((c[f"x{i}"] - 0.4) ** 2 for i in range(4)) + 0.5 * c["on"] - 0.3 * c["off"]

    assert (best_after(SEARCHER, value, SIX, 3, trials=25) > 0.45).all()


def test_of_integers_it_does_not_try_the_same_again_and_again():
    """Where the acquisition peaks between integers the model learns nothing: half of the studies came to no end."""
    space = Space((Int("d", 1, 5), Int("e", 1, 5)))
    assert (best_after(SEARCHER, lambda c: -((c["d"] - 4) ** 2) - (c["e"] - 2) ** 2, space, 12, trials=16) == 0).all()


def test_of_many_combinations_the_best_so_far_is_refined():
    """Of 125: random ones alone leave the numbers of the best as they are, with a regret of 0.28."""
    kinds = tuple(Choice(f"c{i}", tuple("abcde")) for i in range(3))
    space = Space((*kinds, Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)))

    def value(c):
        wrong = sum("abcde".index(c[f"c{i}"]) != i + 1 for i in range(3))
        return -0.3 * wrong - (c["x"] - 0.3) ** 2 - (c["y"] - 0.7) ** 2

    # The median: which processor it is decides whether one study stays with the second best of the combinations.
    assert np.median(best_after(SEARCHER, value, space, 5, trials=30)) > -0.01


def test_memory_is_bounded_for_any_number_of_trials(monkeypatch):
    """The matrices of a batch's points have at most ROOM numbers, or those of the fewest studies and points."""
    seen, values = [], searcher._values
    monkeypatch.setattr(searcher, "ROOM", 200_000)
    monkeypatch.setattr(
        searcher, "_values", lambda a, points, step: seen.append((points, step)) or values(a, points, step)
    )
    few = BoTorch(draws=16)
    few.propose(TWO, histories(TWO, 40, 9), range(9))
    assert {points.shape[-2] for points, _ in seen} == {12}
    assert {step for _, step in seen} == {200_000 // (12 * 40**2)}


def test_nonsensical_settings_are_refused():
    with pytest.raises(ValueError, match="starts must be at least 1"):
        BoTorch(starts=0)
    with pytest.raises(ValueError, match="at most samples, 3"):
        BoTorch(samples=3)


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1e-300, -1e300])
def test_equal_objectives_are_no_signal(value):
    """The mean of equal numbers may differ from them in the last bit."""
    for n in (1, 3, 6, 7):
        assert (searcher.standardised([value] * n) == 0).all()
    assert (searcher.standardised([value, value * (1 + 1e-15)]) == 0).all()
    assert searcher.standardised([value, value * (1 + 1e-9)]).std(ddof=1) == pytest.approx(1)


@pytest.mark.parametrize("objectives", [[0.5], [1e308, -1e308, 3.0], [2.0, 2.0]])
def test_one_equal_or_enormous_objectives_are_no_obstacle(objectives):
    space = Space((Float("x", 0.0, 1.0), Float("y", 1e-3, 1.0, log=True)))
    points = [{"x": 0.1 * (i + 1), "y": 0.1} for i in range(len(objectives))]
    searcher = BoTorch(initial=1)
    (proposed,) = searcher.propose(space, [History(tuple(points), tuple(objectives))], [3])
    assert all(parameter.contains(proposed[parameter.name]) for parameter in space.searched)


@pytest.mark.parametrize("unit", [1e-300, 1e-170, 1e170, 1e300])
def test_the_model_sees_no_unit(unit):
    (history,) = histories(TWO, 7, 1)
    scaled = History(history.configurations, tuple(unit * value for value in history.objectives))
    found = searcher.standardised(scaled.objectives)
    assert found == pytest.approx(searcher.standardised(history.objectives), rel=1e-9)
    assert SEARCHER.propose(TWO, [scaled], [3])[0] == pytest.approx(SEARCHER.propose(TWO, [history], [3])[0], rel=1e-3)


@pytest.mark.parametrize("settings", [{"samples": 1}, {"samples": 2}, {"draws": 1}, {"initial": 1}])
def test_one_start_among_one_sample_is_enough(settings):
    fewest = BoTorch(**{"starts": 1, **settings})
    (history,) = histories(SIX, 6, 1)
    (proposed,) = fewest.propose(SIX, [history], [3])
    assert all(parameter.contains(proposed[parameter.name]) for parameter in SIX.searched)
