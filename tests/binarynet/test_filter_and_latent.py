"""What Quist et al. (2023) claim of the two methods, section 3."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from audio_task.network import Perceptron
from binarynet.methods.filter import METHOD as FILTER
from binarynet.methods.latent import METHOD as LATENT
from binarynet.schedules import factors
from binarynet.training import Budget, Training
from tests.tools.recording import recording

STEPS, WEIGHTS = 600, 500
LATENT_OFF = {"init": 0.0, "scaling": False, "clipping": False}


def gradients(seed=0, steps=STEPS, dtype=torch.float64):
    """A recorded-looking sequence: a slow drift under noise, so that signs flip now and then."""
    random = torch.Generator().manual_seed(seed)
    drift = torch.randn(1, WEIGHTS, generator=random, dtype=torch.float64)
    noise = torch.randn(steps, WEIGHTS, generator=random, dtype=torch.float64)
    wave = torch.sin(torch.arange(steps, dtype=torch.float64) / 40)[:, None]
    return (0.3 * drift * wave + noise).to(dtype)


def noise(dtype=torch.float64, seed=9):
    return torch.randn(1, WEIGHTS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def h_at(values, dtype=torch.float64):
    return {name: torch.full((1, 1), float(value), dtype=dtype) for name, value in values.items()}


def play(method, hyperparameters, sequence, decay=None, start=None):
    """States of a method fed a sequence of gradients: name -> (steps, weights); `decay` is name -> factors."""
    dtype = sequence.dtype
    state = method.start(noise(dtype) if start is None else start, h_at(hyperparameters, dtype))
    seen = {name: [] for name in state}
    for step, gradient in enumerate(sequence):
        now = {n: v * (decay[n][step] if decay and n in decay else 1.0) for n, v in hyperparameters.items()}
        method.update(state, gradient[None], h_at(now, dtype))
        for name, value in state.items():
            seen[name].append(value[0].clone())
    return {name: torch.stack(values) for name, values in seen.items()}


def iir(sequence, alphas, gamma):
    """Eq. 17, with the alpha of each step."""
    filtered = [np.zeros(sequence.shape[1])] * 2
    for gradient, alpha in zip(sequence, alphas, strict=True):
        filtered.append(
            alpha * gamma * gradient - (alpha + gamma - 2) * filtered[-1] - (alpha - 1) * (gamma - 1) * filtered[-2]
        )
    return np.stack(filtered[2:])


@pytest.mark.parametrize(("alpha", "gamma"), [(1e-3, 0.1), (1e-5, 1e-2), (1e-1, 1.0), (0.5, 0.3)])
def test_the_filter_is_two_averages_in_a_cascade_and_eq_17(alpha, gamma):
    sequence = gradients()
    seen = play(FILTER, {"alpha": alpha, "gamma": gamma}, sequence)
    m, G = np.zeros(WEIGHTS), np.zeros(WEIGHTS)
    for step, gradient in enumerate(sequence.numpy()):
        m = (1 - gamma) * m + gamma * gradient
        G = (1 - alpha) * G + alpha * m
        np.testing.assert_allclose(seen["filtered"][step].numpy(), G, rtol=1e-12, atol=1e-15)
        assert np.array_equal(seen["binary"][step].numpy(), -np.sign(G))
    direct = iir(sequence.numpy(), [alpha] * STEPS, gamma)
    np.testing.assert_allclose(seen["filtered"].numpy(), direct, rtol=1e-9, atol=1e-12 * np.abs(direct).max())


def test_under_decay_the_cascade_is_not_eq_17_with_the_steps_alpha():
    sequence, cosine = gradients(), factors("cosine", STEPS)
    seen = play(FILTER, {"alpha": 0.1, "gamma": 0.1}, sequence, {"alpha": cosine})["filtered"].numpy()
    direct = iir(sequence.numpy(), [0.1 * factor for factor in cosine], 0.1)
    difference = np.abs(seen - direct).max(axis=1) / np.abs(seen).max(axis=1)
    assert difference[0] < 1e-12
    assert difference[19] > 1e-6  # they have parted within 20 steps
    assert difference[-1] > 0.01
    assert (np.sign(seen[-1]) != np.sign(direct[-1])).any()


def test_alpha_and_gamma_can_be_swapped_without_decay():
    one = play(FILTER, {"alpha": 0.02, "gamma": 0.3}, gradients())
    other = play(FILTER, {"alpha": 0.3, "gamma": 0.02}, gradients())
    assert torch.equal(one["binary"], other["binary"])


class TestLatentFromZeroIsTheFilter:
    """Figure 7: alpha_i = learning rate_i x weight decay."""

    @pytest.mark.parametrize(("alpha", "gamma"), [(1e-4, 0.1), (1e-2, 0.5), (1e-5, 0.01)])
    def test_through_a_whole_training_in_float64(self, problem, alpha, gamma):
        budget = Budget(epochs=60, batch_size=32)  # 600 steps
        data = problem(torch.float64)
        latent = {**LATENT_OFF, "learning_rate": 0.1, "weight_decay": alpha / 0.1, "momentum": gamma}
        flips = []
        for method, configuration in ((FILTER, {"alpha": alpha, "gamma": gamma}), (LATENT, latent)):
            seen = recording(method)
            Training(lambda k: Perceptron(k, 40, 24, "clip"), seen, [configuration], [3], data, budget, "fp64").run()
            flips.append(torch.stack(seen.binary))
        assert len(flips[0]) == 601
        assert torch.equal(flips[0], flips[1])
        assert (flips[0][1:] != flips[0][:-1]).sum() > 1000  # it was no still life

    def test_in_float32_on_recorded_gradients_away_from_ties(self, problem):
        seen = recording(FILTER)
        budget = Budget(epochs=60, batch_size=32)
        configuration = {"alpha": 1e-3, "gamma": 0.1}
        Training(lambda k: Perceptron(k, 40, 24, "clip"), seen, [configuration], [3], problem(), budget).run()
        recorded = torch.cat(seen.gradients)
        assert recorded.dtype == torch.float32
        cosine = factors("cosine", len(recorded))
        start = seen.binary[0]
        filtered = play(FILTER, configuration, recorded, {"alpha": cosine}, start)
        latent = {**LATENT_OFF, "learning_rate": 0.1, "weight_decay": 1e-2, "momentum": 0.1}
        latents = play(LATENT, latent, recorded, {"learning_rate": cosine}, start)
        # A tie: |G| within rounding of the summed magnitudes that went into it.
        sizes = play(FILTER, configuration, recorded.abs(), {"alpha": cosine}, start)["filtered"]
        clear = filtered["filtered"].abs() > 1e-5 * sizes
        assert (~clear & (sizes > 0)).float().mean() < 1e-3
        assert torch.equal(filtered["binary"][clear], latents["binary"][clear])


class TestLatentIsThePapersRecursion:
    def sgd(self, lr, momentum, weight_decay):
        weight = torch.zeros(WEIGHTS, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([weight], lr=lr, momentum=momentum, weight_decay=weight_decay)
        seen = []
        for gradient in gradients(steps=2000):
            weight.grad = gradient.clone()
            optimizer.step()
            seen.append(torch.sign(weight.detach()))
        return torch.stack(seen)

    def test_and_not_that_of_torch_sgd(self):
        ours = {**LATENT_OFF, "learning_rate": 0.1, "momentum": 0.1, "weight_decay": 1e-2}
        paper = play(LATENT, ours, gradients(steps=2000))["binary"]
        assert (paper != self.sgd(0.1, 0.9, 1e-2)).any()

    def test_under_the_mapping_the_filter_and_torch_sgd_agree(self):
        lr, momentum, weight_decay = 0.1, 0.9, 1e-2  # lr x decay = 1e-3 <= (1 - sqrt(0.9))^2 = 0.0026
        product, total = lr * weight_decay, 1 - momentum + lr * weight_decay
        root = math.sqrt(total**2 - 4 * product)
        alpha, gamma = (total - root) / 2, (total + root) / 2
        assert (1 - alpha) * (1 - gamma) == pytest.approx(momentum)
        filtered = play(FILTER, {"alpha": alpha, "gamma": gamma}, gradients(steps=2000))["binary"]
        assert torch.equal(filtered, self.sgd(lr, momentum, weight_decay))

    def test_decay_lies_outside_the_momentum(self):
        values = {"init": 1.0, "learning_rate": 0.5, "momentum": 0.1, "weight_decay": 0.2, "scaling": 0, "clipping": 0}
        state = LATENT.start(torch.tensor([[2.0]], dtype=torch.float64), h_at(values))
        LATENT.update(state, torch.tensor([[3.0]], dtype=torch.float64), h_at(values))
        assert state["momentum"].item() == pytest.approx(0.3)  # eq. 2
        assert state["latent"].item() == pytest.approx(2.0 - 0.5 * (0.3 + 0.2 * 2.0))  # eq. 3


class TestSigns:
    @pytest.mark.parametrize("method", [FILTER, LATENT])
    def test_no_binary_weight_is_ever_0_and_at_0_it_stays(self, method):
        values = {"alpha": 0.1, "gamma": 0.5, "learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.1}
        values = {**LATENT_OFF, **values}
        draws = noise()
        draws[0, :4] = torch.tensor([0.0, -0.0, 1e-320, -1e-320])
        state = method.start(draws, h_at(values))
        before = state["binary"].clone()
        assert set(before.unique().tolist()) == {-1.0, 1.0}
        for zero in (0.0, -0.0):
            method.update(state, torch.full_like(draws, zero), h_at(values))
            assert torch.equal(state["binary"], before)
        for gradient in gradients():
            method.update(state, gradient[None], h_at(values))
            assert state["binary"].abs().eq(1).all()

    def test_both_methods_start_from_the_same_random_weights(self):
        values = {**LATENT_OFF, "init": 0.3, "alpha": 1, "gamma": 1}
        starts = [method.start(noise(), h_at(values))["binary"] for method in (FILTER, LATENT)]
        assert torch.equal(*starts)
        assert 0.4 < (starts[0] > 0).double().mean() < 0.6

    def test_a_latent_weights_sign_is_its_binary_weight(self):
        values = {"init": 0.3, "learning_rate": 0.1, "momentum": 0.5, "weight_decay": 0.1, "scaling": 0, "clipping": 0}
        seen = play(LATENT, values, gradients())
        assert torch.equal(torch.sign(seen["latent"]), seen["binary"])


class TestScalingAndClipping:
    LAYER = torch.tensor([[[0.5, -1.5], [0.25, 0.75]], [[2.0, -0.1], [0.3, -0.3]]])  # (k, out, in)

    def state(self):
        return {"latent": self.LAYER.clone(), "binary": torch.sign(self.LAYER)}

    def h(self, scaling, clipping):
        flags = {"scaling": scaling, "clipping": clipping}
        return {name: torch.tensor(values).float().view(2, 1, 1) for name, values in flags.items()}

    def test_scaling_is_the_mean_magnitude_of_each_output_channel_of_the_trials_that_want_it(self):
        weights = LATENT.weights(self.state(), self.h([1, 0], [0, 0]), training=True)
        assert weights[0].tolist() == [[1.0, -1.0], [0.5, 0.5]]
        assert weights[1].tolist() == torch.sign(self.LAYER[1]).tolist()

    def test_the_gradient_takes_the_factor_and_stops_where_the_latent_weight_is_clipped(self):
        ones = torch.ones(2, 2, 2)
        gradient = LATENT.gradient(self.state(), ones, self.h([1, 0], [1, 1]))
        assert gradient.tolist() == [[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [1.0, 1.0]]]
        assert torch.equal(ones, torch.ones(2, 2, 2))

    def test_scaling_a_channel_of_zeros_leaves_the_signs(self):
        state = {"latent": torch.zeros(2, 1, 2), "binary": torch.ones(2, 1, 2)}
        assert torch.equal(LATENT.weights(state, self.h([1, 1], [0, 0]), training=True), torch.ones(2, 1, 2))

    def test_convolutions_are_scaled_over_all_axes_but_the_first_two(self):
        latent = torch.randn(2, 3, 4, 3, 3, generator=torch.Generator().manual_seed(0))
        h = {name: value.view(2, 1, 1, 1, 1) for name, value in self.h([1, 1], [0, 0]).items()}
        weights = LATENT.weights({"latent": latent, "binary": torch.sign(latent)}, h, training=True)
        expected = torch.sign(latent[1, 2]) * latent[1, 2].abs().mean()
        torch.testing.assert_close(weights[1, 2], expected)


def test_a_schedule_may_be_put_on_any_hyperparameter(problem):
    moved = replace(FILTER, schedules={"gamma": "cosine", "alpha": "constant"})
    results = [
        Training(
            lambda k: Perceptron(k, 40, 16, "clip"),
            method,
            [{"alpha": 0.01, "gamma": 0.5}],
            [1],
            problem(),
            Budget(2, 32),
        ).run()
        for method in (FILTER, moved)
    ]
    assert results[0] != results[1]
