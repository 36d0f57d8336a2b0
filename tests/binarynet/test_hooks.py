"""What a method may do besides: state of a layer, something once an epoch, activations of its own."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from audio_task.network import Perceptron
from binarynet.layers import Sign
from binarynet.methods.dsq import METHOD as DSQ
from binarynet.methods.filter import METHOD as FILTER
from binarynet.methods.irnet import METHOD as IRNET
from binarynet.methods.rbnn import METHOD as RBNN
from binarynet.methods.sgdat import METHOD as SGDAT
from binarynet.stacked import BinaryConv2d, Stacked
from binarynet.training import Budget, Training
from hpsearch.searchers.sobol import sobol_configuration


def training(problem, method, budget, network=None, drawn=None, k=2):
    drawn = drawn or [sobol_configuration(method.space, 1, i) for i in range(k)]
    return Training(
        network or (lambda k: Perceptron(k, 40, 16, "clip")), method, drawn, range(len(drawn)), problem(), budget
    )


def test_each_epoch_begins_once_for_each_layer(problem):
    seen = []

    @dataclass(frozen=True)
    class Counting(type(FILTER)):
        def begin_epoch(self, state, h):
            seen.append((float(h["step"].flatten()[0]), tuple(state["binary"].shape)))

    training(problem, Counting(), Budget(3, 32)).run()
    layers = [(2, 16, 16), (2, 16, 16), (2, 10, 16)]
    assert seen == [(step, layer) for step in (1.0, 11.0, 21.0) for layer in layers]


def test_sgdat_counts_flips_anew_in_each_epoch_if_asked_to(problem):
    def counted(method):
        run = training(problem, method, Budget(2, 32), drawn=[{"threshold": 1e-3}])
        run.begin()
        for _ in range(3):
            run.step()
        before = run.weights.state["flips"].sum()
        run.begin()
        return before, run.weights.state["flips"].sum()

    before, after = counted(SGDAT)
    assert before > 0
    assert after == 0
    before, after = counted(replace(SGDAT, restarts=False))
    assert before == after > 0


def test_what_a_layer_learns_is_each_trials_own_and_its_divergence_is_named(problem):
    run = training(problem, DSQ, Budget(2, 32), k=3)
    run.run()
    learned = [state["softness"].flatten() for state in run.weights._states]
    assert all(len(set(of_layer.tolist())) > 1 for of_layer in learned)
    run.weights._states[1]["softness"][2] = torch.nan
    assert run.weights.not_finite() == ["", "", "softness"]


@pytest.mark.parametrize("method", [IRNET, RBNN])
def test_activations_are_the_tasks_unless_the_method_has_its_own(problem, method):
    plain, own = (training(problem, replace(method, own_activations=wanted), Budget(2, 32)) for wanted in (False, True))
    signs = [m for m in plain.network.modules() if isinstance(m, Sign)]
    assert {m.gradient for m in signs} == {"clip"}
    signs = [m for m in own.network.modules() if isinstance(m, Sign)]
    assert {m.gradient for m in signs} == {type(method).__name__.lower()}
    assert plain.run() != own.run()
    assert float(own.progress) == pytest.approx(19 / 20)


def test_they_reach_a_stacked_network_too_and_company_changes_nothing(problem):
    def network():
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), Sign("clip"),
            BinaryConv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 40, 10),
        )  # fmt: skip

    class Images(Stacked):
        def forward(self, x):
            return super().forward(x.reshape(len(x), -1, 1, 5, 8))

    method = replace(IRNET, own_activations=True)
    drawn = [sobol_configuration(method.space, 1, i) for i in range(3)]

    def results(places):
        return Training(
            lambda k: Images(k, network), method, [drawn[i] for i in places], places, problem(), Budget(2, 32)
        ).run()

    together = results([0, 1, 2])
    assert results([1])[0] == together[1]
    assert together[0].curves["train_loss"][-1] < together[0].curves["train_loss"][0]
