import pytest
import torch
from torch import nn

from binarynet.layers import Sign
from binarynet.methods.filter import METHOD as FILTER
from binarynet.real import RealParameters
from binarynet.stacked import BinaryConv2d, BinaryDense, Stacked
from binarynet.task import Recipe
from binarynet.training import Budget, Data, Labelled, Training
from binarynet.weights import binary_weights
from hpsearch.contracts.searcher import History
from hpsearch.searchers.random import SEARCHER
from tests.tools.methods import METHODS, method_of

BUDGET = Budget(epochs=2, batch_size=16)


def small():
    """Real and binary convolutions with a stride, both kinds of batch norm, a binary and a real linear layer."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        Sign("bireal"),
        BinaryConv2d(6, 10, 3, stride=2, padding=1),
        nn.BatchNorm2d(10),
        Sign("clip"),
        nn.Flatten(),
        BinaryDense(10 * 16, 20),
        nn.BatchNorm1d(20),
        nn.Linear(20, 10),
    )


class Pictures:
    """Training images (n, 3, 8, 8), uint8, plain and mirrored."""

    variants = 2

    def __init__(self, pixels, labels):
        self.pixels, self.labels = torch.stack([pixels, pixels.flip(-1)]), labels

    def batch(self, order, variant):
        return self.pixels[variant, order]


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(1)
    prototypes = torch.rand(10, 3, 8, 8, generator=generator)

    def part(n):
        labels = torch.arange(n) % 10
        noise = torch.rand(n, 3, 8, 8, generator=generator)
        return (255 * (0.6 * prototypes[labels] + 0.4 * noise)).to(torch.uint8), labels

    return Data(Pictures(*part(160)), Labelled(*part(50)), Labelled(*part(50)))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_trial_does_not_depend_on_its_company(pictures, name, precision):
    method = method_of(name)
    drawn, seeds = SEARCHER.propose(method.space, [History()] * 6, range(6)), list(range(100, 106))

    def results(indices):
        chosen = [drawn[i] for i in indices], [seeds[i] for i in indices]
        return Training(lambda k: Stacked(k, small), method, *chosen, pictures, BUDGET, precision).run()

    together = results(range(6))
    assert len({result.curves["train_loss"][0] for result in together}) == 6
    for indices in ([0], [5], [4, 1, 2]):
        assert results(indices) == [together[i] for i in indices]


def test_it_learns(pictures):
    drawn = [{"alpha": 1e-2, "gamma": 0.1}] * 3
    results = Training(lambda k: Stacked(k, small), FILTER, drawn, [1, 2, 3], pictures, Budget(6, 16)).run()
    assert min(result.objective for result in results) > 0.5  # chance is 0.1


def test_what_is_binary_and_what_is_real():
    stacked = Stacked(4, small)
    assert [tuple(w.shape) for w in stacked.binary_weights] == [(4, 10, 6, 3, 3), (4, 20, 160)]
    assert [id(w) for w in binary_weights(nn.Sequential(stacked))] == [id(w) for w in stacked.binary_weights]
    # Decay is for the convolution, the linear layer's weight and its bias; three batch norms are spared.
    decays = [(tuple(p.shape), decays) for p, decays in stacked.real_parameters]
    assert decays == [
        ((4, 6, 3, 3, 3), True),
        *[((4, 6), False)] * 2, *[((4, 10), False)] * 2, *[((4, 20), False)] * 2,
        ((4, 10, 20), True), ((4, 10), True),
    ]  # fmt: skip


def test_a_start_is_of_the_trials_own_streams_and_leaves_the_global_one_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    stacked = Stacked(2, small)
    stacked.start([torch.Generator().manual_seed(s) for s in (7, 8)])
    assert torch.equal(torch.random.get_rng_state(), before)
    alone = Stacked(1, small)
    alone.start([torch.Generator().manual_seed(8)])
    for (ours, _), (theirs, _) in zip(stacked.real_parameters, alone.real_parameters, strict=True):
        assert torch.equal(ours[1], theirs[0])
    convolution, linear, bias = (stacked.real_parameters[i][0] for i in (0, 7, 8))
    assert convolution.std().item() == pytest.approx((2 / 27) ** 0.5, rel=0.15)  # He et al. over 3 x 3 x 3 inputs
    assert linear.std().item() == pytest.approx((2 / 20) ** 0.5, rel=0.15)
    assert not bias.any()


def test_running_statistics_are_each_trials_own():
    stacked = Stacked(2, small).train()
    stacked.start([torch.Generator().manual_seed(s) for s in (7, 8)])
    x = torch.randint(0, 256, (2, 16, 3, 8, 8), dtype=torch.uint8)
    stacked(x)
    means = stacked.get_buffer("buffer0")
    expected = torch.nn.functional.conv2d(x[1].float(), stacked.stacked[0][1], padding=1).mean(dim=(0, 2, 3))
    assert torch.allclose(means[1], 0.1 * expected, rtol=1e-4)
    assert not torch.allclose(means[0], means[1])
    before = means.clone()
    stacked.eval()(x)
    assert torch.equal(means, before)


def test_a_layer_without_a_recipe_is_refused():
    with pytest.raises(
        ValueError, match=r"no recipe for 1\.weight: .* are Conv2d, Linear, BatchNorm, LayerNorm, PReLU,"
    ):
        Stacked(2, lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)))
    with pytest.raises(ValueError, match="no recipe for the parameter weight"):
        RealParameters(nn.PReLU(), Recipe(), [{}], 1)
