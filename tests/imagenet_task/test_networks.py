"""The networks: their sizes, and the same ones written with plain nn.Conv2d and autograd."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from binarynet.methods.bnnpp import METHOD as BNNPP
from binarynet.stacked import Affine, BinaryConv2d, BinaryDense, Stacked
from binarynet.targets import Targets
from binarynet.task import Recipe
from binarynet.training import Budget, Data, Labelled, Training
from imagenet_task.images import DEVIATION, MEAN, Resized
from imagenet_task.networks import load, names, xnornet
from tests.tools.plain import straight

COUNTS = {
    # binary weights, and all parameters with 1,000 classes
    "bireal18": (10_985_472, 11_689_512),
    "xnornet": (58_236_928, 62_387_104),
    "reactnet_a": (28_253_184, 29_343_592),
    "deit_tiny": (12 * 442_368, 5_717_416 + 12 * (5 + 4) * 192),  # Touvron et al.'s, and a factor of each binary output
}
REAL = {
    # Shapes of what has weight decay, with three classes.
    "bireal18": [(64, 3, 7, 7), (128, 64, 1, 1), (256, 128, 1, 1), (512, 256, 1, 1), (3, 512), (3,)],
    "xnornet": [(96, 3, 11, 11), (3, 4096)],
    "reactnet_a": [(32, 3, 3, 3), (3, 1024), (3,)],
    "deit_tiny": [(192, 3, 16, 16), (192,), (3, 192), (3,)],  # no tokens, no positions, no factors and shifts
}
NORMS = {"bireal18": 20, "xnornet": 8, "reactnet_a": 32, "deit_tiny": 25}
SIDES = {"bireal18": 64, "xnornet": 224, "reactnet_a": 64, "deit_tiny": 48}


def test_there_are_four_networks():
    assert names() == sorted(COUNTS)


@pytest.mark.parametrize("name", names())
def test_weights_are_counted(name):
    with torch.device("meta"):
        network = load(name)("bireal", 1_000, 224)
    binary = [m.weight for m in network.modules() if isinstance(m, BinaryConv2d | BinaryDense)]
    assert sum(weight.numel() for weight in binary) == COUNTS[name][0]
    assert sum(parameter.numel() for parameter in network.parameters()) == COUNTS[name][1]
    assert len([m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.LayerNorm)]) == NORMS[name]


def stacked(name, k=1, side=None):
    made = Stacked(k, lambda: load(name)("bireal", 3, side or SIDES[name]))
    made.start([torch.Generator().manual_seed(seed) for seed in range(k)])
    with torch.no_grad():
        for index, weight in enumerate(made.binary_weights):
            weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(index)).sign())
    return made


def pixels(k, b, side):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (k, b, 3, side, side), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("name", names())
def test_pixels_become_logits_and_every_parameter_gets_a_gradient(name):
    made = stacked(name).train()
    assert [tuple(p.shape[1:]) for p, decays in made.real_parameters if decays] == REAL[name]
    logits = made(pixels(1, 4, SIDES[name]))
    assert logits.shape == (1, 3, 4)
    functional.cross_entropy(logits, torch.tensor([[0, 1, 2, 0]])).backward()
    for parameter in made.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any(), tuple(parameter.shape)


@pytest.mark.parametrize("side", [32, 33, 47, 50, 97])
def test_bireal18_takes_images_of_any_side(side):
    assert side in load("bireal18").resolutions
    assert stacked("bireal18").eval()(pixels(1, 2, side)).shape == (1, 3, 2)


@pytest.mark.parametrize("side", [32, 80, 224])
def test_deit_has_a_position_for_each_patch(side):
    assert side in load("deit_tiny").resolutions
    made = stacked("deit_tiny", side=side).eval()
    assert made(pixels(1, 2, side)).shape == (1, 3, 2)
    assert made.network.tokens.positions.shape == ((side // 16) ** 2 + 1, 192)


def test_deit_starts_with_outputs_of_size_one_behind_each_binary_layer():
    """Signs alone would make them 14 times as large, and 28 times behind the MLP's wide layer."""
    made = stacked("deit_tiny").eval()
    sizes = []
    for module in made.network.modules():
        if isinstance(module, Affine):
            module.register_forward_hook(lambda _, inputs, output: sizes.append((inputs[0].std(), output.std())))
    made(pixels(1, 4, 48))
    assert len(sizes) == 4 * 12
    for before, after in sizes[::4]:  # queries, keys and values, of what a layer norm gave
        assert before.item() == pytest.approx(192**0.5, rel=0.1)
        assert after.item() == pytest.approx(1.0, rel=0.1)
    assert all(after < 1.2 for _, after in sizes)


def test_each_trial_of_deit_has_tokens_and_positions_of_its_own():
    made = stacked("deit_tiny", k=2)
    of_class, positions = made.stacked[2:4]  # behind the map of patches
    assert of_class.shape == (2, 192)
    assert positions.shape == (2, 10, 192)
    for parameter in (of_class, positions):
        assert parameter.std().item() == pytest.approx(0.02, rel=0.15)
        assert not torch.equal(parameter[0], parameter[1])
    alone = Stacked(1, lambda: load("deit_tiny")("bireal", 3, 48))
    alone.start([torch.Generator().manual_seed(1)])
    assert torch.equal(alone.stacked[2][0], of_class[1])
    assert torch.equal(alone.stacked[3][0], positions[1])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_trial_of_deit_does_not_depend_on_its_company(precision):
    x = pixels(1, 12, 32)[0]
    labels = torch.arange(12) % 3
    held_out = Labelled(x[:5], labels[:5])
    drawn = [{"learning_rate": rate, "init": 1.0, "momentum": 0.5, "beta": 2.0} for rate in (0.1, 1.0, 0.01)]

    def results(*trials):
        run = Training(
            lambda k: Stacked(k, lambda: load("deit_tiny")("bireal", 3, 32)), BNNPP,
            [drawn[i] for i in trials], [7 + i for i in trials], Data(Plain(x, labels), held_out, held_out),
            Budget(2, 4, Recipe(real_learning_rate=1e-2)), precision,
        )  # fmt: skip
        return run.run()

    together = results(0, 1, 2)
    assert len({result.curves["train_loss"][1] for result in together}) == 3
    assert results(1) == together[1:2]
    assert results(2, 0) == [together[2], together[0]]


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
)
def test_deit_learns_with_a_teacher_from_resized_crops(device):
    """On a GPU in a recorded step: everything between the images and the loss must be able to lie in one."""
    generator = torch.Generator().manual_seed(6)
    labels = torch.arange(24) % 3
    colours = torch.tensor([[200, 60, 60], [60, 200, 60], [60, 60, 200]])[labels]
    images = colours[:, None, None] + torch.randint(-50, 50, (24, 37, 37, 3), generator=generator)
    images, labels = images.to(device, torch.uint8), labels.to(device)
    held_out = Labelled(images[:, 2:34, 2:34].permute(0, 3, 1, 2), labels)
    taught = (4 * functional.one_hot(labels)).half()
    run = Training(
        lambda k: Stacked(k, lambda: load("deit_tiny")("bireal", 3, 32)), BNNPP,
        [{"learning_rate": 1.0, "init": 0.5, "momentum": 0.1, "beta": 2.0}], [1],
        Data(Resized(images, labels, 32), held_out, held_out, targets=Targets(0.1, taught, 0.5)),
        Budget(6, 6, Recipe("adam", 1e-3)), "bf16", device,
    )  # fmt: skip
    (result,) = run.run()
    assert result.outcome == "complete"
    assert result.objective > 0.8  # chance is a third


class Plain:
    """Training images (n, 3, side, side), each in one variant."""

    variants = 1

    def __init__(self, pixels, labels):
        self.pixels, self.labels = pixels, labels

    def batch(self, order, variant):
        return self.pixels[order]


def normalised(x):
    """With the constants as single precision has them; test_images.py looks at their values."""
    return (x - 255 * torch.tensor(MEAN).view(3, 1, 1)) / (255 * torch.tensor(DEVIATION).view(3, 1, 1))


class PlainBiReal18(nn.Module):
    """As Liu et al. publish it, written for one network."""

    def __init__(self):
        super().__init__()
        shapes = [(i, o, 2 if i < o else 1) for i, o in pairwise([64] * 5 + [128] * 4 + [256] * 4 + [512] * 4)]
        self.entry = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.entry_norm = nn.BatchNorm2d(64)
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3, s, padding=1, bias=False) for i, o, s in shapes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for _, o, _ in shapes)
        self.shortcuts = nn.ModuleList(nn.Conv2d(i, 2 * i, 1, bias=False) for i in (64, 128, 256))
        self.shortcut_norms = nn.ModuleList(nn.BatchNorm2d(2 * i) for i in (64, 128, 256))
        self.exit = nn.Linear(512, 3)

    def forward(self, x):
        x = functional.max_pool2d(self.entry_norm(self.entry(normalised(x))), 3, 2, padding=1)
        stage = 0
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            y = norm(convolution(straight(x)))
            if convolution.stride == (2, 2):
                x = self.shortcut_norms[stage](self.shortcuts[stage](functional.avg_pool2d(x, 2)))
                stage += 1
            x = x + y
        return self.exit(functional.adaptive_avg_pool2d(x, 1).flatten(1))

    def own(self):
        """Parameters in the order of ours: in each block the branch, then the shortcut."""
        found, stage = [self.entry, self.entry_norm], 0
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            found += [convolution, norm]
            if convolution.stride == (2, 2):
                found += [self.shortcuts[stage], self.shortcut_norms[stage]]
                stage += 1
        return [parameter for layer in (*found, self.exit) for parameter in layer.parameters()]


WIDE = 64
"""In place of XNOR-Net's 4,096 where numbers are compared: in double precision they would take gigabytes."""


class PlainXnorNet(nn.Module):
    """Layer by layer, as the authors of Bop list it; its two wide layers multiply matrices here."""

    def __init__(self):
        super().__init__()
        self.entry, self.exit = nn.Conv2d(3, 96, 11, 4, bias=False), nn.Linear(WIDE, 3, bias=False)
        self.second = nn.Conv2d(96, 256, 5, padding=2, bias=False)
        self.third = nn.Conv2d(256, 384, 3, padding=1, bias=False)
        self.fourth = nn.Conv2d(384, 384, 3, padding=1, bias=False)
        self.fifth = nn.Conv2d(384, 256, 3, padding=1, bias=False)
        self.sixth, self.seventh = nn.Linear(256 * 36, WIDE, bias=False), nn.Linear(WIDE, WIDE, bias=False)
        epsilons = [1e-5, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-3]
        widths = [96, 96, 256, 384, 384, 256, WIDE, WIDE]
        kinds = [nn.BatchNorm2d] * 6 + [nn.BatchNorm1d] * 2
        self.norms = nn.ModuleList(kind(n, eps=e) for kind, n, e in zip(kinds, widths, epsilons, strict=True))

    def forward(self, x):
        n, pool = self.norms, nn.MaxPool2d(3, 2)
        x = n[1](pool(n[0](self.entry(functional.pad(normalised(x), (3, 4, 3, 4)))).relu()))
        x = n[2](pool(self.second(straight(x))))
        x = n[3](self.third(straight(x)))
        x = n[4](self.fourth(straight(x)))
        x = n[5](pool(self.fifth(straight(x))))
        x = n[6](self.sixth(straight(x).flatten(1)))
        return self.exit(n[7](self.seventh(straight(x))).relu())

    def own(self):
        n = self.norms
        layers = [
            self.entry, n[0], n[1], self.second, n[2], self.third, n[3], self.fourth, n[4], self.fifth, n[5],
            self.sixth, n[6], self.seventh, n[7], self.exit,
        ]  # fmt: skip
        return [parameter for layer in layers for parameter in layer.parameters()]


class PlainReActBlock(nn.Module):
    """A block as Liu et al. publish it; a shift is (1, channels, 1, 1) here."""

    def __init__(self, i, o, stride):
        super().__init__()
        self.stride = stride
        self.shifts = nn.ParameterList(nn.Parameter(torch.zeros(1, c, 1, 1)) for c in (i, i, i, i, o, o))
        self.slopes = nn.ParameterList(nn.Parameter(torch.full((c,), 0.25)) for c in (i, o))
        self.wide, self.wide_norm = nn.Conv2d(i, i, 3, stride, padding=1, bias=False), nn.BatchNorm2d(i)
        self.points = nn.ModuleList(nn.Conv2d(i, i, 1, bias=False) for _ in range(o // i))
        self.point_norms = nn.ModuleList(nn.BatchNorm2d(i) for _ in range(o // i))

    def forward(self, x):
        one, two, three, four, five, six = self.shifts
        y = self.wide_norm(self.wide(straight(x + one)))
        x = functional.prelu((functional.avg_pool2d(x, 2) if self.stride == 2 else x) + y + two, self.slopes[0]) + three
        points = zip(self.points, self.point_norms, strict=True)
        x = torch.cat([x + norm(point(straight(x + four))) for point, norm in points], dim=1)
        return functional.prelu(x + five, self.slopes[1]) + six

    def own(self):
        """Parameters in the order of ours."""
        one, two, three, four, five, six = self.shifts
        found = [one, self.wide.weight, *self.wide_norm.parameters(), two, self.slopes[0], three, four]
        for point, norm in zip(self.points, self.point_norms, strict=True):
            found += [point.weight, *norm.parameters()]
        return [*found, five, self.slopes[1], six]


class PlainReActNet(nn.Module):
    """ReActNet-A, by its list of widths and strides."""

    def __init__(self):
        super().__init__()
        widths = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
        shapes = zip(pairwise(widths), (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), strict=True)
        self.entry, self.norm = nn.Conv2d(3, 32, 3, 2, padding=1, bias=False), nn.BatchNorm2d(32)
        self.blocks = nn.ModuleList(PlainReActBlock(i, o, stride) for (i, o), stride in shapes)
        self.exit = nn.Linear(1024, 3)

    def forward(self, x):
        x = self.norm(self.entry(normalised(x)))
        for block in self.blocks:
            x = block(x)
        return self.exit(functional.adaptive_avg_pool2d(x, 1).flatten(1))

    def own(self):
        blocks = [parameter for block in self.blocks for parameter in block.own()]
        return [*self.entry.parameters(), *self.norm.parameters(), *blocks, *self.exit.parameters()]


class PlainDeiT(nn.Module):
    """DeiT on torch's own transformer layer, which is given the product of factors and weights."""

    def __init__(self):
        super().__init__()
        self.of_class, self.positions = nn.Parameter(torch.zeros(1, 1, 192)), nn.Parameter(torch.zeros(1, 10, 192))
        self.entry, self.norm = nn.Conv2d(3, 192, 16, 16), nn.LayerNorm(192, eps=1e-6)
        self.exit = nn.Linear(192, 3)
        norm, linears = [(192,), (192,)], [(576, 192), (192, 192), (768, 192), (192, 768)]
        qkv, projection, wide, narrow = ([shape, shape[:1], shape[:1]] for shape in linears)
        shapes = [*norm, *qkv, *projection, *norm, *wide, *narrow]
        self.blocks = nn.ModuleList(
            nn.ParameterList(nn.Parameter(torch.zeros(shape)) for shape in shapes) for _ in range(12)
        )
        layer = nn.TransformerEncoderLayer(192, 3, 768, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True)
        self.layer = [layer.to("meta")]

    def forward(self, x):
        patches = self.entry(normalised(x)).flatten(2).mT
        x = torch.cat([self.of_class.expand(len(x), -1, -1), patches], 1) + self.positions
        for block in self.blocks:
            gain, offset, *qkv, w2, f2, b2, gain2, offset2, w3, f3, b3, w4, f4, b4 = block
            linears = {
                "self_attn.in_proj_": (qkv[0], qkv[1], qkv[2]),
                "self_attn.out_proj.": (w2, f2, b2), "linear1.": (w3, f3, b3), "linear2.": (w4, f4, b4),
            }  # fmt: skip
            own = {"norm1.weight": gain, "norm1.bias": offset, "norm2.weight": gain2, "norm2.bias": offset2}
            for name, (weight, factor, bias) in linears.items():
                own |= {f"{name}weight": factor[:, None] * weight, f"{name}bias": bias}
            x = functional_call(self.layer[0], own, (x,), strict=True)
        return self.exit(self.norm(x)[:, 0])

    def own(self):
        blocks = [parameter for block in self.blocks for parameter in block]
        layers = [*self.norm.parameters(), *self.exit.parameters()]
        return [*self.entry.parameters(), self.of_class, self.positions, *blocks, *layers]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("bireal18", PlainBiReal18), ("xnornet", PlainXnorNet), ("reactnet_a", PlainReActNet), ("deit_tiny", PlainDeiT),
    ],
)  # fmt: skip
def test_logits_and_all_gradients_are_those_of_the_plain_network(name, plain, monkeypatch):
    narrow = (*xnornet.CONVOLUTIONS[:4], (256, WIDE, 6, 0, False), (WIDE, WIDE, 1, 0, False))
    monkeypatch.setattr(xnornet, "CONVOLUTIONS", narrow)
    made = stacked(name).double().train()
    made.multiply = torch.float64
    with torch.no_grad():
        for p, decays in made.real_parameters:
            if not decays:  # sums of +-1 may equal their mean: a bias keeps their sign from hanging on rounding
                p += torch.linspace(0.05, 0.3, p[0].numel(), dtype=torch.float64).view(p.shape[1:])
    x, labels = pixels(1, 3, SIDES[name]), torch.arange(3)
    network = plain().double()
    pairs = list(zip(made.stacked, network.own(), strict=True))
    with torch.no_grad():
        for ours, theirs in pairs:
            theirs.copy_(ours[0].view(theirs.shape))
    logits, expected = made(x)[0].T, network(x[0].double())
    functional.cross_entropy(logits, labels).backward()
    functional.cross_entropy(expected, labels).backward()
    assert torch.allclose(logits, expected, rtol=1e-8, atol=1e-8)
    largest = max(theirs.grad.abs().max().item() for _, theirs in pairs)
    for ours, theirs in pairs:
        gradient = ours.grad[0].view(theirs.shape)
        # Where all channels are as good, there is nothing but rounding to compare.
        size = max(theirs.grad.abs().max().item(), 1e-4 * largest)
        assert torch.allclose(gradient, theirs.grad, rtol=1e-5, atol=1e-8 * size)
