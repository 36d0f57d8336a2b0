"""What a CUDA graph asks of a step, shown on a CPU: it waits for no value, and works at fixed places."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from audio_task.network import Perceptron
from binarynet.graphs import EAGER_CALLS, Repeated
from binarynet.layers import BatchNorm, BinaryLinear, Linear
from binarynet.methods.filter import METHOD as FILTER
from binarynet.real import RealParameters
from binarynet.schedules import factors
from binarynet.stacked import Stacked
from binarynet.task import Recipe
from binarynet.training import Budget, Data, Labelled, Training
from cifar_task.images import Augmented
from cifar_task.networks import load
from hpsearch.searchers.sobol import sobol_configuration
from tests.tools.methods import METHODS, method_of


class NoWaiting(TorchDispatchMode):
    """Raises where Python asks for a value, for which a GPU would have to finish first."""

    # And where a number of Python's is made a tensor, which a graph would have to copy to the GPU.
    WAITING = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "unique", "lift_fresh")

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.overloadpacket.__name__
        assert name not in self.WAITING, f"{name} waits for a value"
        return function(*arguments, **(keywords or {}))


def images():
    """A few for CIFAR-10's networks."""
    generator = torch.Generator().manual_seed(0)
    padded = torch.randint(0, 256, (40, 40, 40, 3), generator=generator, dtype=torch.uint8)
    held_out = Labelled(padded[:8, 4:36, 4:36].permute(0, 3, 1, 2), torch.arange(8))
    return Data(Augmented(padded, torch.arange(40) % 10), held_out, held_out)


NETWORKS = {
    "perceptron": lambda k: Perceptron(k, 40, 16, "bireal"),
    "bireal20": lambda k: Stacked(k, lambda: load("bireal20")("bireal")),
}


def started(problem, name, network="perceptron", recipe=None, own=None, layer_curves=False, k=3):
    method = method_of(name)
    drawn = [{**sobol_configuration(method.space, 5, i), **(own or {})} for i in range(k)]
    data = problem() if network == "perceptron" else images()
    budget = Budget(2, 16, recipe or Recipe())
    run = Training(NETWORKS[network], method, drawn, range(k), data, budget, "fp32", "cpu", layer_curves)
    run.begin()
    return run


def places(run):
    tensors = {name: value for name, value in vars(run).items() if isinstance(value, torch.Tensor)}
    tensors |= dict(run.network.named_parameters()) | dict(run.network.named_buffers()) | run.weights.state
    tensors |= {f"layer {i} {n}": t for i, layer in enumerate(run.weights._layers) for n, t in layer.items()}
    if run.layers is not None:
        tensors |= {"layer flips": run.weights.layer_flips, "layer squares": run.layers._squares}
    tensors |= {f"operand {i}": layer.operand for i, layer in enumerate(run.real.linear)}
    velocities = [velocity for group in run.real.groups for state in group.state for velocity in state]
    tensors |= {f"velocity {i}": velocity for i, velocity in enumerate(velocities)}
    return {name: tensor.data_ptr() for name, tensor in tensors.items()}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", METHODS)
def test_a_step_and_an_evaluation_wait_for_nothing_and_stay_in_place(problem, name, network):
    run = started(problem, name, network)
    before = places(run)
    with NoWaiting():
        for _ in range(2):
            run.step()
        run.evaluate(run.watched)
        run.end(0, run.watched)
    assert places(run) == before
    assert run.steps_done.item() == 2
    assert run.loss.isfinite().all()


@pytest.mark.parametrize("own", [{}, {"real_learning_rate": 0.05}, {"real_weight_decay": 0.01}])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_nor_does_any_recipe_nor_do_curves_of_layers(problem, optimizer, own):
    run = started(problem, "filter", recipe=Recipe(optimizer), own=own, layer_curves=True)
    before = places(run)
    with NoWaiting():
        for _ in range(2):
            run.step()
    assert places(run) == before
    held = [run.real.rates, *(group.decay for group in run.real.groups if isinstance(group.decay, torch.Tensor))]
    assert {tensor.dtype for tensor in held} == {torch.float32}


def test_the_check_above_can_fail():
    for action in (lambda: torch.ones(1).item(), lambda: torch.as_tensor(0.1, dtype=torch.float32)):
        with pytest.raises(AssertionError, match="waits for a value"), NoWaiting():
            action()


def test_on_a_cpu_every_call_is_the_functions():
    calls = []
    repeated = Repeated(lambda: calls.append(1), "cpu")
    for _ in range(EAGER_CALLS + 3):
        repeated()
    assert len(calls) == EAGER_CALLS + 3
    assert repeated.graph is None


class Net(nn.Module):
    """A real-valued layer at the beginning, and one that has to send a gradient on."""

    def __init__(self, k, inputs=5, hidden=4, outputs=3):
        super().__init__()
        self.layers = nn.Sequential(
            Linear(k, inputs, hidden), BatchNorm(k, hidden), Linear(k, hidden, outputs), BatchNorm(k, outputs)
        )

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize("sizes", [(5, 4, 3), (16, 32, 16)])  # numbers that no vector takes, and whole vectors
@pytest.mark.parametrize("changes", [{}, {"real_optimizer": "adam"}])
def test_the_update_is_torchs(sizes, changes):
    generators = [torch.Generator().manual_seed(i) for i in range(2)]
    ours = Net(2, *sizes).double()
    for layer in (ours.layers[0], ours.layers[2]):
        layer.start(generators)
        layer.multiply = torch.float64
    theirs = copy.deepcopy(ours)
    normal = [p for layer in (theirs.layers[1], theirs.layers[3]) for p in layer.parameters()]
    linear = [theirs.layers[0].weight, theirs.layers[2].weight]
    groups = [{"params": linear, "weight_decay": 0.01}, {"params": normal, "weight_decay": 0.0}]
    reference = torch.optim.Adam(groups) if changes else torch.optim.SGD(groups, momentum=0.9)
    real = RealParameters(ours, replace(Recipe(real_weight_decay=0.01), **changes), [{}, {}], 20)
    for step in range(20):
        x = torch.randn(2, sizes[0], 8, dtype=torch.float64, generator=generators[0])
        target = torch.randn(2, sizes[2], 8, dtype=torch.float64, generator=generators[0])
        for network in (ours, theirs):
            network.zero_grad()
            ((network(x) - target) ** 2).sum().backward()
        real.step(torch.tensor([step]))
        for group in reference.param_groups:
            group["lr"] = 0.1 * factors("cosine", 20)[step]
        reference.step()
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            # A shift before a layer with batch norm has no gradient but what is rounded, which Adam magnifies.
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-7 if changes else 1e-12)


def test_the_rounded_operand_follows_the_weights_and_all_products_are_with_it():
    network, plain = Net(2, 40, 16, 3), Net(2, 40, 16, 3)
    for each in (network, plain):
        for layer in (each.layers[0], each.layers[2]):
            layer.start([torch.Generator().manual_seed(i) for i in range(2)])
            layer.multiply = torch.bfloat16
    real = RealParameters(network, Recipe(real_weight_decay=0.01), [{}, {}], 1)
    x = torch.randn(2, 40, 32, generator=torch.Generator().manual_seed(1))
    for each in (network, plain):
        each(x).square().sum().backward()
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
    real.step(torch.tensor([0]))
    for layer in real.linear:
        assert not torch.equal(
            layer.weight, plain.layers[0].weight if layer is real.linear[0] else plain.layers[2].weight
        )
        assert torch.equal(layer.operand, layer.weight.bfloat16())


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("outputs", [3, 10, 50, 64])
def test_products_of_inputs_that_all_trials_share_do_not_depend_on_the_company(precision, outputs):
    many = Linear(20, 250, outputs)
    many.start([torch.Generator().manual_seed(i) for i in range(20)])
    many.multiply = precision
    for examples in (2, 37, 600):
        x = torch.randn(250, examples, generator=torch.Generator().manual_seed(1)).to(precision)
        shared = lambda k, x=x: x.as_strided((k, *x.shape), (0, *x.stride()))  # noqa: E731
        with torch.no_grad():
            found = many(shared(20))
            for k in (1, 3) if precision is torch.bfloat16 or outputs % 16 == 0 else ():
                some = Linear(k, 250, outputs)
                some.weight.data, some.multiply = many.weight.data[4 : 4 + k], precision
                assert torch.equal(some(shared(k)), found[4 : 4 + k])
        each = many.weight.detach().to(precision).float() @ x.float()
        torch.testing.assert_close(found, each, rtol=1e-2, atol=5e-2)


class Own(nn.Module):
    """A network of one's own, in which layers are first, shared, used twice, beside their weights, or not at all."""

    def __init__(self, k):
        super().__init__()
        self.binary, self.real, self.spare = BinaryLinear(k, 6, 6), Linear(k, 6, 6), Linear(k, 6, 6)
        self.tied, self.norm = Linear(k, 6, 6), BatchNorm(k, 6)
        self.tied.weight = self.real.weight

    def forward(self, x):
        scale = self.binary.weight.abs().mean(dim=2, keepdim=True)
        return self.norm(self.tied(self.real(self.binary(self.binary(x)) * scale)))


def test_networks_of_ones_own_get_the_gradients_and_updates_that_torch_gives_them():
    ours, generators = Own(2), [torch.Generator().manual_seed(i) for i in range(2)]
    for layer in (ours.real, ours.spare):
        layer.start(generators)
    ours.binary.weight.data.normal_(generator=generators[0])
    theirs = copy.deepcopy(ours)
    real = RealParameters(ours, Recipe(real_weight_decay=0.01, real_schedule="constant"), [{}, {}], 3)
    linear = {"params": [theirs.real.weight, theirs.spare.weight], "weight_decay": 0.01}
    reference = torch.optim.SGD([linear, {"params": theirs.norm.parameters()}], lr=0.1, momentum=0.9)
    for step in range(3):
        x = torch.randn(2, 6, 8, generator=generators[0])
        ours.zero_grad()
        ours(x).square().sum().backward()
        theirs.zero_grad()
        scale = theirs.binary.weight.abs().mean(dim=2, keepdim=True)
        h = theirs.binary.weight @ (theirs.binary.weight @ x) * scale
        h = theirs.real.weight @ (theirs.real.weight @ h)
        theirs.norm(h).square().sum().backward()
        torch.testing.assert_close(ours.binary.weight.grad, theirs.binary.weight.grad, rtol=1e-3, atol=1e-4)
        real.step(torch.tensor([step]))
        reference.step()
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_a_batch_of_one_has_nothing_to_normalise_over():
    norm = BatchNorm(2, 3)
    with pytest.raises(ValueError, match="nothing to normalise over in a batch of one"):
        norm(torch.ones(2, 3, 1))
    norm.eval()
    assert norm(torch.ones(2, 3, 1)).isfinite().all()


@pytest.mark.parametrize(("width", "said"), [(4, "fp32"), (300, "bf16")])
def test_a_training_without_rounded_products_says_so(problem, width, said):
    drawn = [sobol_configuration(FILTER.space, 5, 0)]
    data, budget = problem(torch.bfloat16), Budget(1, 16)
    (result,) = Training(lambda k: Perceptron(k, 40, width, "clip"), FILTER, drawn, [1], data, budget, "bf16").run()
    assert result.precision == said


def test_a_parameter_without_a_recipe_is_refused():
    network = Net(2)
    network.extra = nn.Parameter(torch.zeros(3))
    with pytest.raises(ValueError, match="no recipe for the parameter extra"):
        RealParameters(network, Recipe(), [{}, {}], 1)
