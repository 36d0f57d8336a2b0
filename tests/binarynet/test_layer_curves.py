"""Curves of each binary layer, against what NumPy makes of the same weights and gradients."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from audio_task import TASK
from audio_task.network import Perceptron
from binarynet.layer_curves import effective_rank
from binarynet.methods.filter import METHOD as FILTER
from binarynet.methods.latent import METHOD as LATENT
from binarynet.methods.sgdat import METHOD as SGDAT
from binarynet.methods.siman import METHOD as SIMAN
from binarynet.training import Budget, Training
from hpsearch.searchers.sobol import sobol_configuration


def training(problem, method, places, layer_curves=True):
    drawn = [sobol_configuration(method.space, 1, i) for i in places]
    network = lambda k: Perceptron(k, 40, 16, "clip")  # noqa: E731
    return Training(network, method, drawn, places, problem(), Budget(2, 32), layer_curves=layer_curves)


@pytest.mark.parametrize(
    ("matrix", "rank"),
    [
        (torch.ones(5, 7), 1.0),
        (torch.eye(6), 6.0),
        (torch.zeros(3, 4), 1.0),
        (torch.diag(torch.tensor([3.0, 1.0])), math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))),
    ],
)
def test_effective_rank_by_hand(matrix, rank):
    assert float(effective_rank(matrix)) == pytest.approx(rank, rel=1e-12)


def test_each_epochs_values_are_those_of_its_steps(problem):
    run = training(problem, LATENT, [0, 1, 2])
    shown, gradients, steps = [[w.detach().clone() for w in run.weights.weights]], [], 10
    step = run.weights.step

    def noting(h):
        gradients.append([w.grad.clone() for w in run.weights.weights])
        step(h)
        now = {name: value.view(-1, 1, 1) for name, value in h.items()}
        shown.append([LATENT.weights(state, now, training=True).clone() for state in run.weights._states])

    run.weights.step = noting
    results = run.run()
    for layer in range(3):
        for trial, result in enumerate(results):
            signs = np.stack([np.sign(of_step[layer][trial].numpy()) for of_step in shown])
            flips = (signs[1:] != signs[:-1]).reshape(2, steps, -1).mean(axis=(1, 2))
            squares = np.stack([g[layer][trial].double().numpy() ** 2 for g in gradients]).reshape(2, steps, -1)
            assert result.curves[f"flip_ratio_{layer + 1}"] == pytest.approx(flips.tolist(), rel=1e-9)
            assert flips.max() > 0
            rms = np.sqrt(squares.mean(axis=(1, 2)))
            assert result.curves[f"gradient_rms_{layer + 1}"] == pytest.approx(rms.tolist(), rel=1e-5)
            values = np.linalg.svd(run.weights.weights[layer][trial].detach().double().numpy(), compute_uv=False)
            shares = values / values.sum()
            rank = math.exp(-(shares * np.log(np.maximum(shares, 1e-300))).sum())
            assert result.curves[f"effective_rank_{layer + 1}"][-1] == pytest.approx(rank, rel=1e-9)


@pytest.mark.parametrize("method", [FILTER, LATENT, SIMAN, SGDAT])
def test_layers_flips_are_together_those_of_all(problem, method):
    for result in training(problem, method, [0, 1]).run():
        sizes = np.array([16 * 16, 16 * 16, 10 * 16])
        layers = np.array([result.curves[f"flip_ratio_{layer}"] for layer in (1, 2, 3)])
        assert (sizes @ layers / sizes.sum()).tolist() == pytest.approx(result.curves["flip_ratio"], rel=1e-12)


def test_they_depend_on_no_company_and_change_nothing_else(problem):
    together = training(problem, FILTER, [0, 1, 2, 3]).run()
    assert training(problem, FILTER, [2]).run()[0] == together[2]
    plain = training(problem, FILTER, [0, 1, 2, 3], layer_curves=False).run()
    for result, other in zip(together, plain, strict=True):
        assert {name: result.curves[name] for name in other.curves} == other.curves
        assert len(result.curves) == len(other.curves) + 9


def test_they_are_a_setting_of_a_task():
    task = replace(TASK, corpus="synthetic", voices=6, takes=1, epochs=2, layer_curves=True)
    task.prepare(lambda *_: None)
    (result,) = task.train(FILTER, [{"alpha": 1e-2, "gamma": 0.2}], [1], "cpu")
    assert len(result.curves["effective_rank_3"]) == 2
    assert 1 <= result.curves["effective_rank_3"][0] <= 10
