"""Packed training: k networks of one shape, each with its own configuration and seed, in one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from binarynet.graphs import Repeated
from binarynet.layer_curves import LayerCurves
from binarynet.layers import Linear, Sign
from binarynet.method import BinaryMethod
from binarynet.real import RealParameters
from binarynet.stacked import Stacked
from binarynet.targets import Targets
from binarynet.task import Recipe
from binarynet.weights import BinaryWeights, Values, binary_weights, start_noise
from hpsearch.contracts.correctness import Correctness
from hpsearch.contracts.objective import Result
from hpsearch.contracts.seeds import derived_seed
from hpsearch.contracts.space import Configuration

PRECISIONS = {
    # name: (parameters, updates and batch norm; operands of matrix products, which sum in fp32)
    "fp32": (torch.float32, torch.float32),
    "bf16": (torch.float32, torch.bfloat16),
    "fp64": (torch.float64, torch.float64),
}


LARGE = 10_000
"""From how many weights on a layer's product pays to have its operands rounded."""


class Examples(Protocol):
    """Training data: n examples, each in several variants (noise draws, crops); a step sees one of them."""

    @property
    def labels(self) -> Tensor:
        """Classes, (n,), int64."""

    @property
    def variants(self) -> int:
        """How many variants each example has."""

    def batch(self, order: Tensor, variant: Tensor) -> Tensor:
        """Inputs (k, b, ...) of the examples `order` (k, b) in the variants `variant` (k, b)."""


@dataclass(frozen=True)
class Variants:
    """Examples that all lie on the device: inputs (variants, n, features) and classes (n,)."""

    inputs: Tensor
    labels: Tensor

    @property
    def variants(self) -> int:
        """How many variants each example has."""
        return len(self.inputs)

    def batch(self, order: Tensor, variant: Tensor) -> Tensor:
        """Inputs (k, b, features)."""
        rows = (variant * self.inputs.shape[1] + order).flatten()  # whole rows are copied faster than by two indices
        return self.inputs.flatten(0, 1).index_select(0, rows).view(*order.shape, -1)


@dataclass(frozen=True)
class Labelled:
    """Validation or test data: inputs (n, ...), the same for all trials, and classes (n,).

    With several `versions` of each example (noise draws), one version of all examples comes after the other.
    """

    inputs: Tensor
    labels: Tensor
    versions: int = 1


@dataclass(frozen=True)
class Data:
    """A task's data as a training run needs it, on the device of the run.

    `watched` is the part of the validation data that the curves count before the last epoch, which counts all of it;
    None stands for all of it. `targets` is what the network is to say of the training data. With `fresh` a training
    sees no variant of an example twice, for which there must be as many as epochs.
    """

    training: Examples
    validation: Labelled
    test: Labelled
    watched: Labelled | None = None
    targets: Targets = Targets()
    fresh: bool = False


@dataclass(frozen=True)
class Budget:
    """Length of a training, and the recipe of the real-valued parameters."""

    epochs: int
    batch_size: int
    recipe: Recipe = Recipe()


class Training:
    """One pack: k networks of one shape, trained and measured together.

    A trial's weights, minibatch order and choice of variants come from three streams of its own seed, and
    no sum runs over trials, so its result is the same in any company (bit for bit on a CPU).

    Everything that a step or an evaluation reads and writes lies at a fixed place on the device, and nothing is
    read back within an epoch. So a GPU can repeat both as graphs, and never waits for Python.

    Args:
        build: makes a packed network of k trials: (k, b, ...) inputs -> (k, classes, b) logits.
        method: sets and moves the weights of the network's binary layers.
        configurations: one per trial, from the method's space.
        seeds: one per trial.
        data: inputs in any type that the network takes; they are used in the precision of the matrix products.
        budget: epochs of whole minibatches; what does not fill the last one waits for another epoch. A configuration
            may have parts of its recipe, for its own trial.
        precision: a name in PRECISIONS.
        device: torch's name of the device.
        layer_curves: whether results have the curves of binarynet.layer_curves too.

    Raises:
        ValueError: the data are to be fresh, and have fewer variants than there are epochs.
    """

    def __init__(
        self,
        build: Callable[[int], nn.Module],
        method: BinaryMethod,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        data: Data,
        budget: Budget,
        precision: str = "fp32",
        device: str = "cpu",
        layer_curves: bool = False,
    ) -> None:
        self.k, self.n, self.data = len(configurations), len(data.training.labels), data
        self.epochs, self.device = budget.epochs, device
        if data.fresh and data.training.variants < budget.epochs:
            raise ValueError(
                f"{budget.epochs} epochs of fresh data need as many variants of each example, "
                f"and there are {data.training.variants}"
            )
        dtype, multiply = PRECISIONS[precision]
        batch = min(budget.batch_size, self.n)
        self.steps_per_epoch = self.n // batch
        steps = budget.epochs * self.steps_per_epoch

        self.network = build(self.k)
        start_generators = _streams(seeds, "weights")
        for module in self.network.modules():
            if isinstance(module, Linear | Stacked):
                module.start(start_generators)
                small = isinstance(module, Linear) and module.weight[0].numel() < LARGE
                module.multiply = dtype if small else multiply
        rounds = any(getattr(module, "multiply", dtype) is not dtype for module in self.network.modules())
        self.precision = precision if rounds or multiply is dtype else "fp32"
        self.network.to(device, dtype)
        self.values = Values(method, configurations, steps, dtype, device)
        self.steps_done = torch.zeros(1, dtype=torch.int64, device=device)
        noise = start_noise(binary_weights(self.network), start_generators).to(device, dtype)
        self.weights = BinaryWeights(self.network, method, self.values.at(self.steps_done), noise, start_generators)

        self.progress = torch.zeros((), dtype=dtype, device=device) if method.activation else None
        if method.activation:
            for activation in _activations(self.network):
                activation.gradient, activation.progress = method.activation, self.progress

        self.real = RealParameters(self.network, budget.recipe, configurations, steps)

        self.trials_epochs = [_epochs(seed, self.n, data.training.variants, data.fresh) for seed in seeds]
        self.order = torch.zeros(self.k, self.n, dtype=torch.int64, device=device)
        self.variant = torch.zeros_like(self.order)
        self.first = torch.arange(batch, device=device)
        self.now = self.first.clone()
        self.loss = torch.zeros(self.k, dtype=torch.float64, device=device)
        self.watched = data.watched or data.validation
        self.correct = torch.zeros(self.k, dtype=torch.int64, device=device)
        self.losses = torch.zeros(budget.epochs, self.k, dtype=torch.float64, device=device)
        self.accuracies, self.flip_ratios = torch.zeros_like(self.losses), torch.zeros_like(self.losses)
        self.weights.show(self.values.at(self.steps_done), training=True)  # the first update's flips count from these
        steps = self.steps_per_epoch
        self.layers = LayerCurves(self.weights, budget.epochs, steps) if layer_curves else None

    def run(self) -> list[Result]:
        """Train to the end of the budget.

        Returns:
            One result per trial. The objective is the validation accuracy; the metrics are test_accuracy and
            train_loss. The curves, with one value per epoch, are train_loss, validation_accuracy (of what is watched,
            and in the last epoch of all validation data, which is the objective) and flip_ratio: the mean over updates
            of the share of binary weights that change sign (Quist et al. 2023, eq. 18). A trial is "diverged" if its
            loss or its method's state leaves the finite numbers.
        """
        step = Repeated(self.step, self.device)
        evaluate = Repeated(lambda: self.evaluate(self.watched), self.device)
        for epoch in range(self.epochs):
            self.begin()
            for _ in range(self.steps_per_epoch):
                step()
            if epoch < self.epochs - 1:
                evaluate()
                self.end(epoch, self.watched)
        right = self.evaluate(self.data.validation)
        self.end(self.epochs - 1, self.data.validation)
        return self.results(right)

    def begin(self) -> None:
        """Begin an epoch: draw the examples' order and variants on the CPU, from each trial's own streams."""
        orders, variants = zip(*map(next, self.trials_epochs), strict=True)
        self._send(self.order, orders)
        self._send(self.variant, variants)
        self.now.copy_(self.first)
        self.loss.zero_()
        self.weights.flips.zero_()
        self.weights.begin_epoch(self.values.at(self.steps_done))
        if self.layers is not None:
            self.layers.begin()

    def step(self) -> None:
        """Train on one minibatch of each trial."""
        h = self.values.at(self.steps_done)
        order, variant = self.order.index_select(1, self.now), self.variant.index_select(1, self.now)
        self.weights.show(h, training=True)
        if self.progress is not None:
            self.progress.copy_(h["progress"][0])  # the trials of a pack are equally far
        self.network.train()
        logits = self.network(self.data.training.batch(order, variant))
        loss = self.data.targets.loss(logits, self.data.training.labels[order], order)
        self.network.zero_grad()
        # The sum over trials of each trial's mean: every trial's gradient is its own.
        loss.sum().backward()  # type: ignore[no-untyped-call]
        if self.layers is not None:
            self.layers.learned()
        self.weights.step(h)
        self.real.step(self.steps_done)
        self.loss += loss.detach()
        self.now += len(self.now)
        self.steps_done += 1

    def evaluate(self, counted: Labelled) -> Tensor:
        """Count the examples that each trial classifies correctly; returns which, (k, n)."""
        self.weights.show(self.values.at(self.steps_done - 1), training=False)
        right = _right(self.network, self.k, counted)
        self.correct.copy_(right.sum(dim=1))
        return right

    def end(self, epoch: int, counted: Labelled) -> None:
        """Note the epoch's values of the curves, the accuracy on what was counted."""
        self.losses[epoch] = self.loss / self.steps_per_epoch
        self.accuracies[epoch] = self.correct.double() / len(counted.labels)
        self.flip_ratios[epoch] = self.weights.flips.double() / (max(1, self.weights.count) * self.steps_per_epoch)
        if self.layers is not None:
            self.layers.end(epoch)

    def results(self, validated: Tensor) -> list[Result]:
        """One result per trial, after the last epoch; `validated` says what it classified correctly then, (k, n)."""
        tested = _right(self.network, self.k, self.data.test)
        test = (tested.sum(dim=1).double() / len(self.data.test.labels)).tolist()
        curves = [values.T.tolist() for values in (self.losses, self.accuracies, self.flip_ratios)]
        correct = zip(_correct(validated, self.data.validation), _correct(tested, self.data.test), strict=True)
        of_trials = zip(*curves, test, self.weights.not_finite(), strict=True)
        results = [
            replace(_result(*of_trial), precision=self.precision, correct={"validation": validation, "test": test})
            for of_trial, (validation, test) in zip(of_trials, correct, strict=True)
        ]
        if self.layers is None:
            return results
        return [
            replace(result, curves={**result.curves, **own})
            for result, own in zip(results, self.layers.of_trials(), strict=True)
        ]

    def _send(self, place: Tensor, rows: tuple[Tensor, ...]) -> None:
        stacked = torch.stack(rows)
        # From pinned memory the copy waits in the GPU's queue, and Python goes on.
        place.copy_(stacked.pin_memory() if place.is_cuda else stacked, non_blocking=True)


def _result(train_loss: list[float], accuracy: list[float], flips: list[float], test: float, broken: str) -> Result:
    curves = {"train_loss": train_loss, "validation_accuracy": accuracy, "flip_ratio": flips}
    metrics = {"test_accuracy": test, "train_loss": train_loss[-1]}
    bad = next((epoch for epoch, loss in enumerate(train_loss, 1) if not math.isfinite(loss)), None)
    if bad is not None:
        reason = f"the training loss was {train_loss[bad - 1]} in epoch {bad}"
    elif broken:
        reason = f"the method's {broken} left the finite numbers"
    else:
        return Result(accuracy[-1], metrics, curves)
    return Result(accuracy[-1], metrics, curves, outcome="diverged", reason=reason)


def _streams(seeds: Sequence[int], name: str) -> list[Generator]:
    """One generator per trial for one purpose; on the CPU, so that a run on a GPU draws the same numbers."""
    return [Generator().manual_seed(derived_seed(seed, name)) for seed in seeds]


def _epochs(seed: int, n: int, variants: int, fresh: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """What a trial sees in one epoch after the other: examples in random order, (n,), and a variant of each, (n,).

    Where they are to be fresh, all examples go through one random order of the variants, in a circle, each from a
    random place: no variant of an example comes again before all others have been seen.
    """
    (orders,), (choices,) = _streams([seed], "order"), _streams([seed], "variants")
    if not fresh:
        while True:
            yield torch.randperm(n, generator=orders), torch.randint(variants, (n,), generator=choices)
    circle, place = torch.randperm(variants, generator=choices), torch.randint(variants, (n,), generator=choices)
    while True:
        order = torch.randperm(n, generator=orders)
        yield order, circle[place[order]]
        place = (place + 1) % variants


def _activations(network: nn.Module) -> Iterator[Sign]:
    """The sign activations of a packed network."""
    for module in network.modules():
        if isinstance(module, Sign):
            yield module
        elif isinstance(module, Stacked):
            yield from _activations(module.network)


@torch.no_grad()
def _right(network: nn.Module, k: int, data: Labelled, chunk: int = 1024) -> Tensor:
    """Which of the data each trial's network classifies correctly, (k, n), bool."""
    network.eval()
    right = []
    # Evenly: a product with one example alone is rounded by k.
    chunk = -(-len(data.labels) // -(-len(data.labels) // chunk))
    for inputs, labels in zip(torch.split(data.inputs, chunk), torch.split(data.labels, chunk), strict=True):
        # With a step of 0 from trial to trial, also where there is but one: layers see by it that all share the inputs.
        logits = network(inputs.as_strided((k, *inputs.shape), (0, *inputs.stride())))
        right.append(logits.argmax(dim=1) == labels)
    return torch.cat(right, dim=1)


def _correct(right: Tensor, data: Labelled) -> list[Correctness]:
    """How often each example was classified correctly, of its versions, for each trial; `right` is (k, n)."""
    counts = right.view(len(right), data.versions, -1).sum(dim=1)
    return [Correctness(of_trial, data.versions) for of_trial in counts.tolist()]
