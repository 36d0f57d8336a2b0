"""Gradients that methods and their activations pass on, against autograd of the function whose slope they declare."""

import math

import pytest
import torch

from binarynet.methods.bdbnn import METHOD as BDBNN
from binarynet.methods.biper import METHOD as BIPER
from binarynet.methods.dsq import METHOD as DSQ
from binarynet.methods.irnet import METHOD as IRNET
from binarynet.methods.rbnn import METHOD as RBNN
from binarynet.methods.recu import METHOD as RECU
from binarynet.methods.siman import METHOD as SIMAN
from binarynet.quantizers import sign_activation

SHAPE = (2, 3, 8)


def normal(seed, *shape):
    return torch.randn(*(shape or SHAPE), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def hyper(**values):
    return {name: torch.full((2, 1, 1), value, dtype=torch.float64) for name, value in values.items()}


def standardised(w):
    return (w - w.mean(dim=2, keepdim=True)) / w.std(dim=2, keepdim=True)


def check(method, loss, h, latent, state=None):
    """Whether a method's gradient at g = `normal(1)` is that of `loss(w, g)`."""
    w, g = latent.clone().requires_grad_(), normal(1)
    loss(w, g).backward()
    found = method.gradient({"latent": latent.clone(), **(state or {})}, g, h)
    torch.testing.assert_close(found, w.grad, rtol=1e-9, atol=1e-12)


def ir_net(w, g, t=10 ** (-3 + 4 * 0.7)):
    x = standardised(w)
    scale = 2 ** torch.round(torch.log2(x.detach().abs().mean(dim=2, keepdim=True)))
    # An estimator whose derivative is k t (1 - tanh^2(t x)): k tanh(t x).
    return (max(1 / t, 1) * torch.tanh(t * x) * scale * g).sum()


def test_ir_net():
    check(IRNET, ir_net, hyper(progress=0.7), normal(0))


def test_bdbnn_adds_the_kurtosis_term():
    def loss(w, g):
        flat = w.flatten(1)
        z = (flat - flat.mean(dim=1, keepdim=True)) / flat.std(dim=1, keepdim=True)
        return ir_net(w, g, t=10 ** (-2 + 3 * 0.7)) + 0.3 * ((z**4).mean(dim=1) - 1.8).square().sum()

    check(BDBNN, loss, hyper(progress=0.7, penalty=0.3), normal(0))
    # And weights that are all equal have none.
    equal = BDBNN.gradient({"latent": torch.ones(SHAPE).double()}, normal(1), hyper(progress=0.7, penalty=0.3))
    assert equal.isfinite().all()


def test_recu_stops_the_tails():
    def loss(w, g):
        x = 2 * math.sqrt(2) * standardised(w)
        tau = 0.85 + 0.14 * math.expm1(0.2) / math.expm1(1)
        end = (-x.abs().mean(dim=(1, 2), keepdim=True) * math.log(2 - 2 * tau)).detach()
        assert 0 < (x.abs() > end).double().mean() < 0.5
        return (x.clamp(-end, end) * g).sum()

    check(RECU, loss, hyper(progress=0.2), normal(0))


def test_siman_passes_on_magnitudes_and_keeps_what_it_clipped():
    latent = normal(0)
    latent -= latent.mean(dim=2, keepdim=True)
    magnitudes = latent.abs().flatten(1)
    low, high = (torch.quantile(magnitudes, q, dim=1).view(2, 1, 1) for q in (0.15 * 0.8, 1 - 0.15 * 0.8))
    clipped = latent.sign() * latent.abs().clamp(low, high)
    state = {"latent": latent.clone()}
    w, g = clipped.clone().requires_grad_(), normal(1)
    (standardised(w).abs() * g).sum().backward()
    torch.testing.assert_close(SIMAN.gradient(state, g, hyper(progress=0.2)), w.grad)
    torch.testing.assert_close(state["latent"], clipped)


def test_siman_makes_half_of_each_channel_1():
    shown = SIMAN.weights({"latent": normal(0)}, hyper(progress=0.9), training=True)
    assert (shown.sum(dim=2) == 0).all()


def test_biper_passes_on_the_sine_and_its_penalty():
    def loss(w, g):
        sine = torch.sin(7.0 * w)
        return (sine * g).sum() + 0.4 * sine.square().mean(dim=(1, 2)).sum()

    check(BIPER, loss, hyper(frequency=7.0, penalty=0.4), normal(0))


def test_dsq_moves_the_weights_and_its_own_softness():
    latent = normal(0)
    a = torch.full((2, 1, 1), 0.3, dtype=torch.float64, requires_grad=True)
    largest = latent.abs().amax(dim=(1, 2), keepdim=True)

    def loss(w, g):
        return (g * largest * torch.tanh(torch.log(2 / a - 1) / (2 * largest) * w) / (1 - a)).sum()

    state = {"softness": a.detach().clone(), "softness_momentum": torch.zeros(2, 1, 1).double()}
    h = hyper(learning_rate=1e-3, momentum=0.5, weight_decay=0.1)
    check(DSQ, loss, h, latent, state)
    torch.testing.assert_close(state["softness"], a.detach() * (1 - 1e-4) - 1e-3 * 0.5 * a.grad)


@pytest.mark.parametrize("progress", [0.2, 0.9])
def test_rbnn_passes_on_the_rotation_and_moves_its_angles(progress):
    latent, t = normal(0), 10 ** (-2 + 3 * progress)
    state = RBNN.start_layer(SHAPE[1:], [torch.Generator().manual_seed(i) for i in range(2)])
    state["angle"] += 0.3 * normal(2, 2, 3, 1)
    angle = state["angle"].clone().requires_grad_()
    # A channel of 8 is 2 x 4, and the Kronecker product rotates it as one row.
    whole = torch.stack([torch.kron(r1, r2) for r1, r2 in zip(state["left"], state["right"], strict=True)])
    torch.testing.assert_close(whole @ whole.mT, torch.eye(8).double().expand(2, 8, 8))

    def loss(w, g):
        x = standardised(w)
        y = x + angle.sin().abs() * (x @ whole - x)
        inside = y.clamp(-math.sqrt(2) / t, math.sqrt(2) / t)
        return (g * max(1 / t, 1) * (math.sqrt(2) * t * inside - t * t * inside * inside.abs() / 2)).sum()

    h = hyper(progress=progress, learning_rate=1e-3, momentum=0.5, weight_decay=0.1)
    check(RBNN, loss, h, latent, state)
    torch.testing.assert_close(state["angle"], angle.detach() * (1 - 1e-4) - 1e-3 * 0.5 * angle.grad)


def test_rbnn_turns_its_rotations_towards_the_signs():
    latent = normal(0, 2, 16, 36)
    state = {"latent": latent, **RBNN.start_layer((16, 36), [torch.Generator().manual_seed(i) for i in range(2)])}

    def alike():
        x = standardised(latent)
        whole = torch.stack([torch.kron(a, b) for a, b in zip(state["left"], state["right"], strict=True)])
        return (x @ whole).abs().mean(dim=(1, 2))

    before = alike()
    RBNN.begin_epoch(state, {})
    once = alike()
    RBNN.begin_epoch(state, {})
    assert (once > before + 0.01).all()
    assert (alike() > once).all()
    for name in ("left", "right"):
        torch.testing.assert_close(state[name] @ state[name].mT, torch.eye(6).double().expand(2, 6, 6))


@pytest.mark.parametrize(
    ("name", "progress", "primitive"),
    [
        ("irnet", 0.7, lambda x: torch.tanh(10**-0.2 * x) * 10**0.2),
        ("irnet", 0.9, lambda x: torch.tanh(10**0.6 * x)),
        ("rbnn", 0.2, lambda x: math.sqrt(2) * x - x * x.abs() / 2),
        ("rbnn", 1.0, lambda x: math.sqrt(2) * 10 * x - 100 * x * x.abs() / 2),
    ],
)
def test_activations_have_the_slope_that_is_declared(name, progress, primitive):
    x = torch.linspace(-1.4, 1.4, 31, dtype=torch.float64) * (0.1 if progress == 1 else 1)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    found = sign_activation(one, name, torch.tensor(progress, dtype=torch.float64))
    assert torch.equal(found, torch.copysign(torch.ones_like(x), x))
    found.sum().backward()
    primitive(other).sum().backward()
    torch.testing.assert_close(one.grad, other.grad)
