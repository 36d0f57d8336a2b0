"""The networks against the same ones written with plain nn.Conv2d and autograd."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from binarynet.methods.filter import METHOD as FILTER
from binarynet.methods.latent import METHOD as LATENT
from binarynet.stacked import Stacked
from binarynet.training import Budget, Data, Labelled, Training
from cifar_task.images import DEVIATION, MEAN, Augmented
from cifar_task.networks import load, names
from hpsearch.contracts.seeds import derived_seed
from tests.tools.plain import straight
from tests.tools.recording import recording

COUNTS = {"bireal20": 267_264, "resnet20": 267_264, "binarynet": 14_022_016, "vgg_small": 4_571_136}
REAL = {
    # Shapes of the weights that are real, batch norm apart.
    "bireal20": [(16, 3, 3, 3), (10, 64), (10,)],
    "resnet20": [(16, 3, 3, 3), (10, 64), (10,)],
    "binarynet": [],
    "vgg_small": [(128, 3, 3, 3), (10, 8192), (10,)],
}
NORMS = {"bireal20": 19, "resnet20": 20, "binarynet": 9, "vgg_small": 6}


RESIDUAL = ("bireal20", "resnet20")


def stacked(name, k=2):
    made = Stacked(k, lambda: load(name)("bireal"))
    made.start([torch.Generator().manual_seed(seed) for seed in range(k)])
    with torch.no_grad():
        for index, weight in enumerate(made.binary_weights):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(index)).sign())
    return made


def pixels(k, b, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (k, b, 3, 32, 32), generator=generator, dtype=torch.uint8)


def test_there_are_four_networks():
    assert names() == sorted(COUNTS)


@pytest.mark.parametrize("name", names())
class TestNetworks:
    def test_binary_weights_are_counted_and_the_real_layers_known(self, name):
        made = stacked(name, k=1)
        assert sum(weight[0].numel() for weight in made.binary_weights) == COUNTS[name]
        assert [tuple(p.shape[1:]) for p, decays in made.real_parameters if decays] == REAL[name]
        assert sum(not decays for _, decays in made.real_parameters) == 2 * NORMS[name]

    def test_pixels_become_logits_and_every_parameter_gets_a_gradient(self, name):
        made = stacked(name).train()
        logits = made(pixels(2, 4))
        assert logits.shape == (2, 10, 4)
        functional.cross_entropy(logits, torch.arange(8).view(2, 4)).backward()
        for parameter in made.parameters():
            assert parameter.grad is not None
            assert parameter.grad.isfinite().all()
            assert all(own.any() for own in parameter.grad), tuple(parameter.shape)


def normalised(x):
    """With the constants as single precision has them; tests/cifar_task/test_images.py looks at their values."""
    return (x - 255 * torch.tensor(MEAN).view(3, 1, 1)) / (255 * torch.tensor(DEVIATION).view(3, 1, 1))


class PlainBiReal20(nn.Module):
    """As one would write it for one network; with hardtanh after each sum and one more batch norm it is ResNet-20."""

    def __init__(self, bounded=False):
        super().__init__()
        self.bounded = bounded
        self.entry, self.exit = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.Linear(64, 10)
        shapes = [(16, 16, 1)] * 6 + [(16, 32, 2)] + [(32, 32, 1)] * 5 + [(32, 64, 2)] + [(64, 64, 1)] * 5
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3, s, padding=1, bias=False) for i, o, s in shapes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in [16, *(o for _, o, _ in shapes)])
        self.last_norm = nn.BatchNorm1d(64) if bounded else None

    def forward(self, x):
        x = normalised(x)
        x = self.norms[0](self.entry(x))
        x = x.clamp(-1, 1) if self.bounded else x
        for convolution, norm in zip(self.convolutions, self.norms[1:], strict=True):
            y = norm(convolution(straight(x)))
            if convolution.stride == (2, 2):
                nothing = torch.zeros(x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3] // 2, dtype=x.dtype)
                x = torch.cat([nothing, x[:, :, ::2, ::2], nothing], dim=1)
            x = (x + y).clamp(-1, 1) if self.bounded else x + y
        x = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.exit(self.last_norm(x) if self.bounded else x)


class PlainChain(nn.Module):
    """BinaryNet and VGG-Small: convolutions with pools after every other, then linear layers."""

    def __init__(self, name):
        super().__init__()
        self.binary_input = name == "binarynet"
        widths = [3, 128, 128, 256, 256, 512, 512]
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1, bias=False) for i, o in pairwise(widths))
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in widths[1:])
        linear = [8192, 1024, 1024, 10] if self.binary_input else [8192, 10]
        self.linear = nn.ModuleList(nn.Linear(i, o, bias=not self.binary_input) for i, o in pairwise(linear))
        self.linear_norms = nn.ModuleList(nn.BatchNorm1d(o) for o in linear[1:]) if self.binary_input else None

    def forward(self, x):
        x = normalised(x)
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = convolution(x if index == 0 else straight(x))
            x = norm(functional.max_pool2d(x, 2) if index % 2 else x)
        if self.linear_norms is None:
            return self.linear[0](x.clamp(-1, 1).flatten(1))
        x = x.flatten(1)
        for linear, norm in zip(self.linear, self.linear_norms, strict=True):
            x = norm(linear(straight(x)))
        return x


def plain(name):
    return (PlainBiReal20(name == "resnet20") if name in RESIDUAL else PlainChain(name)).double()


def aligned(made, network, name, trial):
    """The stacked network's weights, of one trial, in the plain one; pairs of parameters that mean the same."""
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    first = [*layers[:1], *layers[2:], layers[1]] if name in RESIDUAL else layers  # its exit was defined early
    ours = [p for n, p in made._named() if not made._is_norm(n)]
    theirs = [p for layer in first for p in layer.parameters()]
    pairs = list(zip(ours, theirs, strict=True))
    norms = [p for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d) for p in m.parameters()]
    pairs += zip([p for n, p in made._named() if made._is_norm(n)], norms, strict=True)
    with torch.no_grad():
        for our, their in pairs:
            their.copy_(our[trial])
    return pairs


@pytest.mark.parametrize("name", names())
def test_logits_and_all_gradients_are_those_of_the_plain_network(name):
    made = stacked(name).double().train()
    made.multiply = torch.float64
    x, labels = pixels(2, 6), torch.arange(6)
    with torch.no_grad():
        for p, decays in made.real_parameters:
            if not decays:  # sums of +-1 may equal their mean: a bias keeps their sign from hanging on rounding
                p += torch.linspace(0.05, 0.3, p.shape[1], dtype=torch.float64)
    logits = made(x)
    functional.cross_entropy(logits[1].T, labels).backward()
    network = plain(name)
    pairs = aligned(made, network, name, 1)
    expected = network(x[1].double())
    functional.cross_entropy(expected, labels).backward()
    assert torch.allclose(logits[1].T, expected, rtol=1e-9, atol=1e-9)
    for ours, theirs in pairs:
        assert torch.allclose(ours.grad[1], theirs.grad, rtol=1e-6, atol=1e-9 * theirs.grad.abs().max().item())
        assert not ours.grad[0].any()  # the other trial had no loss


@pytest.mark.parametrize("method", [FILTER, LATENT], ids=["filter", "latent"])
def test_steps_of_bireal20_are_those_of_the_plain_network(method):
    """Two epochs of two steps: the images' order and crops, SGD with its decay, and the method's update."""
    generator = torch.Generator().manual_seed(3)
    padded = torch.randint(0, 256, (16, 40, 40, 3), generator=generator, dtype=torch.uint8)
    labels = torch.arange(16) % 10
    held_out = Labelled(pixels(1, 4)[0], torch.arange(4))
    data, seed = Data(Augmented(padded, labels), held_out, held_out), 11
    alpha, gamma = 0.05, 0.3
    rate, decay = 0.2, 1e-2
    configuration = {"alpha": alpha, "gamma": gamma}
    if method is LATENT:
        configuration = {"learning_rate": rate, "momentum": gamma, "weight_decay": decay, "init": 0.1}
        configuration |= {"scaling": False, "clipping": True}
    seen = recording(method)
    (result,) = Training(
        lambda k: Stacked(k, lambda: load("bireal20")("bireal")), seen, [configuration], [seed], data,
        Budget(2, 8), "fp64",
    ).run()  # fmt: skip

    weights = torch.Generator().manual_seed(derived_seed(seed, "weights"))
    made = Stacked(1, lambda: load("bireal20")("bireal"))
    made.start([weights])
    made.double()
    noise = [torch.randn(w.shape[1:], generator=weights, dtype=torch.float64) for w in made.binary_weights]
    network = plain("bireal20")
    aligned(made, network, "bireal20", 0)
    binary = list(network.convolutions)
    with torch.no_grad():
        for convolution, drawn in zip(binary, noise, strict=True):
            convolution.weight.copy_(drawn.sign())
    latent = [0.1 * drawn for drawn in noise]
    m, g = ([torch.zeros_like(drawn) for drawn in noise] for _ in range(2))
    optimizer = torch.optim.SGD(
        [
            {"params": [network.entry.weight, *network.exit.parameters()], "weight_decay": 1e-4},
            {"params": network.norms.parameters(), "weight_decay": 0.0},
        ],
        lr=0.1,
        momentum=0.9,
    )
    orders = torch.Generator().manual_seed(derived_seed(seed, "order"))
    variants = torch.Generator().manual_seed(derived_seed(seed, "variants"))
    step, losses = 0, []
    for _ in range(2):
        order = torch.randperm(16, generator=orders)
        variant = torch.randint(162, (16,), generator=variants)
        total = 0.0
        for now in (slice(0, 8), slice(8, 16)):
            images = data.training.batch(order[None, now], variant[None, now])[0]
            loss = functional.cross_entropy(network(images.double()), labels[order[now]])
            network.zero_grad()
            loss.backward()
            total += loss.item() / 2
            factor = 0.5 * (1 + math.cos(math.pi * step / 4))
            for group in optimizer.param_groups:
                group["lr"] = 0.1 * factor
            optimizer.step()
            with torch.no_grad():
                for i, convolution in enumerate(binary):
                    gradient = convolution.weight.grad
                    if method is LATENT:
                        gradient = gradient * (latent[i].abs() <= 1)
                        m[i] = (1 - gamma) * m[i] + gamma * gradient
                        latent[i] = latent[i] - rate * factor * (m[i] + decay * latent[i])
                        convolution.weight.copy_(latent[i].sign())
                    else:
                        m[i] = (1 - gamma) * m[i] + gamma * gradient
                        g[i] = (1 - alpha * factor) * g[i] + alpha * factor * m[i]
                        convolution.weight.copy_(-g[i].sign())
            step += 1
        losses.append(total)
    assert result.curves["train_loss"] == pytest.approx(losses, rel=1e-9)
    ours = seen.binary[-1][0]
    theirs = torch.cat([convolution.weight.flatten() for convolution in binary])
    assert torch.equal(ours[: len(theirs)], theirs.detach())
