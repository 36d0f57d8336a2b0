import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn

from audio_task.network import Perceptron
from binarynet import training
from binarynet.layers import BatchNorm, draw
from binarynet.methods.filter import METHOD as FILTER
from binarynet.methods.latent import METHOD as LATENT
from binarynet.training import Budget, Labelled, Training
from hpsearch.contracts.searcher import History
from hpsearch.contracts.seeds import derived_seed
from hpsearch.searchers.random import SEARCHER
from tests.tools.methods import METHODS, method_of
from tests.tools.recording import recording

BUDGET = Budget(epochs=2, batch_size=32)


def configurations(method, k=20):
    return SEARCHER.propose(method.space, [History()] * k, range(k))


# At 64, and in bf16 at 256, only two: methods differ in their updates, which see no width and are in fp32 always.
@pytest.mark.parametrize(
    ("width", "precision", "name"),
    [
        (width, precision, name)
        for width, precision in product([50, 64, 256], ["fp32", "bf16"])
        for name in METHODS
        if width == 50 or (width, precision) == (256, "fp32") or name in ("filter", "latent")
    ],
)
def test_a_trial_does_not_depend_on_its_company(problem, name, precision, width):
    method = method_of(name)
    drawn, seeds = configurations(method), list(range(100, 120))
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    data = problem(dtype, features=250)

    def results(indices):
        chosen = [drawn[i] for i in indices], [seeds[i] for i in indices]
        return Training(lambda k: Perceptron(k, 250, width, "clip"), method, *chosen, data, BUDGET, precision).run()

    together = results(range(20))
    for indices in ([0], [19], [13, 2, 7, 5]):
        # Equal to the last bit: losses of every epoch, accuracies, all of it.
        assert results(indices) == [together[i] for i in indices]


def test_seeds_matter_and_repeat(problem):
    drawn = [{"alpha": 1e-3, "gamma": 0.1}] * 3
    results = Training(lambda k: Perceptron(k, 40, 16, "clip"), FILTER, drawn, [1, 2, 1], problem(), BUDGET).run()
    assert results[0] == results[2]
    assert results[0] != results[1]


def test_a_pack_is_one_run_whatever_its_size(problem):
    passes = {}
    for k in (1, 20):
        count = 0

        class Counting(Perceptron):
            def forward(self, x):
                nonlocal count
                count += 1
                return super().forward(x)

        Training(
            lambda k, make=Counting: make(k, 40, 16, "clip"),
            FILTER,
            configurations(FILTER, k),
            list(range(k)),
            problem(),
            BUDGET,
        ).run()
        passes[k] = count
    steps = BUDGET.epochs * (320 // 32)
    assert passes[1] == passes[20] == steps + BUDGET.epochs + 1  # and a validation an epoch, and one test


def away_from_ties(bias):
    """Sums of +-1 may equal their batch's mean: without a bias, rounding alone would choose their sign."""
    return torch.linspace(-0.3, 0.4, bias.shape[-1]).expand_as(bias)


class Biased(Perceptron):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, BatchNorm):
                    module.bias.copy_(away_from_ties(module.bias))


class PlainFilterNetwork(nn.Module):
    """One network as a PyTorch user would write it: nn.Linear, nn.BatchNorm1d, a straight-through sign."""

    def __init__(self, inputs, width, start):
        super().__init__()
        sizes = [(inputs, width), (width, width), (width, width), (width, 10)]
        self.linear = nn.ModuleList(nn.Linear(a, b, bias=False, dtype=torch.float64) for a, b in sizes)
        self.norm = nn.ModuleList(nn.BatchNorm1d(b, dtype=torch.float64) for _, b in sizes)
        with torch.no_grad():
            for linear, norm, weight in zip(self.linear, self.norm, start, strict=True):
                linear.weight.copy_(weight)
                norm.bias.copy_(away_from_ties(norm.bias))

    def forward(self, x):
        for i, (linear, norm) in enumerate(zip(self.linear, self.norm, strict=True)):
            x = norm(linear(x))
            if i < 3:
                clipped = x.clamp(-1, 1)
                x = clipped + (torch.sign(x) - clipped).detach()
        return x


def test_packed_training_equals_a_plain_network_with_autograd_and_torch_sgd(problem):
    width, seed, alpha, gamma, budget = 12, 77, 1e-2, 0.2, Budget(epochs=3, batch_size=50)
    data = problem(torch.float64)
    seen = recording(FILTER)
    others = [{"alpha": 1e-4, "gamma": 0.5}, {"alpha": alpha, "gamma": gamma}, {"alpha": 0.1, "gamma": 1.0}]
    packed = Training(lambda k: Biased(k, 40, width, "clip"), seen, others, [5, seed, 6], data, budget, "fp64").run()[1]

    generator = torch.Generator().manual_seed(derived_seed(seed, "weights"))
    first = draw((width, 40), [generator])[0] * math.sqrt(2 / 40)
    binary = [torch.sign(draw(shape, [generator])[0]) for shape in ((width, width), (width, width), (10, width))]
    network = PlainFilterNetwork(40, width, [first, *binary])
    momenta, filtered = ([torch.zeros_like(b) for b in binary] for _ in range(2))
    optimizer = torch.optim.SGD(
        [
            {"params": [network.linear[0].weight], "weight_decay": 1e-4},
            {"params": network.norm.parameters(), "weight_decay": 0.0},
        ],
        lr=0.1,
        momentum=0.9,
    )
    order_stream = torch.Generator().manual_seed(derived_seed(seed, "order"))
    variant_stream = torch.Generator().manual_seed(derived_seed(seed, "variants"))
    steps, step, losses = budget.epochs * 6, 0, []
    for _ in range(budget.epochs):
        order = torch.randperm(320, generator=order_stream)
        variant = torch.randint(2, (320,), generator=variant_stream)
        network.train()
        for now in (slice(i * 50, (i + 1) * 50) for i in range(6)):
            x, y = data.training.inputs[variant[now], order[now]], data.training.labels[order[now]]
            loss = nn.functional.cross_entropy(network(x), y)
            network.zero_grad()
            loss.backward()
            factor = 0.5 * (1 + math.cos(math.pi * step / steps))
            for group in optimizer.param_groups:
                group["lr"] = 0.1 * factor
            optimizer.step()
            for m, G, linear in zip(momenta, filtered, network.linear[1:], strict=True):
                m.copy_((1 - gamma) * m + gamma * linear.weight.grad)
                G.copy_((1 - alpha * factor) * G + alpha * factor * m)
                linear.weight.data = -torch.sign(G)
            losses.append(loss.item())
            step += 1
    network.eval()
    accuracy = (network(data.validation.inputs).argmax(1) == data.validation.labels).double().mean().item()
    sizes = [b.numel() for b in binary]
    offsets = [0, 144, 288]  # 12 x 12 is 9 times 16
    for size, at, linear in zip(sizes, offsets, network.linear[1:], strict=True):
        assert torch.equal(seen.binary[-1][1, at : at + size], linear.weight.detach().flatten())
    assert packed.metrics["train_loss"] == pytest.approx(sum(losses[-6:]) / 6, rel=1e-9)
    assert packed.objective == accuracy


def test_a_network_learns(problem):
    (result,) = Training(
        lambda k: Perceptron(k, 40, 64, "clip"), FILTER, [{"alpha": 1e-3, "gamma": 0.1}], [1], problem(), Budget(15, 32)
    ).run()
    assert result.objective > 0.8
    assert result.metrics["test_accuracy"] > 0.8
    assert result.curves["train_loss"][-1] < 0.5 * result.curves["train_loss"][0]
    assert len(result.curves["validation_accuracy"]) == 15


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scaling": True, "learning_rate": 1e38}, "the training loss was nan in epoch 1"),
        ({"scaling": False, "weight_decay": math.nan}, "the method's latent left the finite numbers"),
    ],
)
def test_a_trial_that_leaves_the_finite_numbers_has_diverged_and_its_neighbours_have_not(problem, change, reason):
    drawn = configurations(LATENT, 3)
    broken = [drawn[0], {**drawn[1], **change}, drawn[2]]

    def results(chosen):
        return Training(lambda k: Perceptron(k, 40, 16, "clip"), LATENT, chosen, [1, 2, 3], problem(), BUDGET).run()

    alone, together = results(drawn), results(broken)
    assert (together[0], together[2]) == (alone[0], alone[2])
    assert together[1].outcome == "diverged"
    assert together[1].reason == reason


def test_training_leaves_the_global_generator_alone(problem):
    state = torch.random.get_rng_state()
    Training(
        lambda k: Perceptron(k, 40, 16, "clip"), FILTER, configurations(FILTER, 2), [1, 2], problem(), BUDGET
    ).run()
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("examples", "sizes"), [(1025, [513, 512]), (1024, [1024]), (1, [1]), (2049, [683, 683, 683])])
def test_no_example_is_evaluated_alone_beside_others(examples, sizes):
    """A product with one column is rounded by how many trials there are."""
    seen = []

    class Seeing(nn.Module):
        def forward(self, x):
            seen.append(x.shape[1])
            assert x.stride(0) == 0
            return torch.zeros(len(x), 3, x.shape[1])

    data = Labelled(torch.zeros(examples, 5), torch.zeros(examples, dtype=torch.int64))
    for k in (1, 2):
        assert training._right(Seeing(), k, data).sum(dim=1).tolist() == [examples] * k
        assert seen == sizes
        seen.clear()


def variants_of(data, seeds, epochs):
    """The variant of each example in every epoch of each trial, (trials, epochs, n)."""
    drawn = [{"alpha": 1e-3, "gamma": 0.1}] * len(seeds)
    run = Training(lambda k: Perceptron(k, 40, 16, "clip"), FILTER, drawn, seeds, data, Budget(epochs, 32))
    seen = []
    for _ in range(epochs):
        run.begin()
        seen.append(run.variant.gather(1, run.order.argsort(dim=1)))  # by example
    return torch.stack(seen, dim=1)


@pytest.mark.parametrize("epochs", [2, 5])
def test_fresh_data_show_no_variant_of_an_example_twice(problem, epochs):
    data = replace(problem(variants=5), fresh=True)
    first, second, again = variants_of(data, [1, 2, 1], epochs)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    for trial in (first, second):
        assert {len(example.unique()) for example in trial.T} == {epochs}
        # Examples do not go through them together: an epoch has all variants, each about as often.
        assert all(torch.bincount(epoch, minlength=5).min() > 30 for epoch in trial)


def test_fresh_data_of_too_few_variants_are_refused(problem):
    with pytest.raises(
        ValueError, match="5 epochs of fresh data need as many variants of each example, and there are 4"
    ):
        variants_of(replace(problem(variants=4), fresh=True), [1], 5)
