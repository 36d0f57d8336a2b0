"""Packed training: k networks of one shape, each with its own configuration and seed, in one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor, nn

from binarynet.layers import BatchNorm, Linear
from binarynet.schedules import factors
from binarynet.weights import BinaryWeights, Schedule, binary_layers, start_noise
from hpsearch.space import Configuration
from hpsearch.task import Method, Result, derived_seed

PRECISIONS = {
    # name: (parameters, updates and batch norm; operands of matrix products, which sum in fp32)
    "fp32": (torch.float32, torch.float32),
    "bf16": (torch.float32, torch.bfloat16),
    "fp64": (torch.float64, torch.float64),
}


class Examples(Protocol):
    """Training data: n examples, each in several variants (noise draws, crops) of which a step sees one."""

    @property
    def labels(self) -> Tensor:
        """Classes, (n,), int64."""

    @property
    def variants(self) -> int:
        """How many variants each example has."""

    def batch(self, order: Tensor, variant: Tensor) -> Tensor:
        """Inputs (k, b, ...) of the examples `order` (k, b) in the variants `variant` (k, b)."""


@dataclass(frozen=True)
class Labelled:
    """Validation or test data: inputs (n, ...), the same for all trials, and classes (n,)."""

    inputs: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Data:
    """What a training run needs of its task's data, on the device it runs on."""

    training: Examples
    validation: Labelled
    test: Labelled


@dataclass(frozen=True)
class Budget:
    """Length of a training and the recipe of the real-valued parameters.

    Those follow torch.optim.SGD, cosine-decayed; weight decay spares batch norm. The values are those of
    Quist et al. (2023), section 4.
    """

    epochs: int
    batch_size: int
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4


def train(
    build: Callable[[int], nn.Module],
    method: Method,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    data: Data,
    budget: Budget,
    precision: str = "fp32",
    device: str = "cpu",
) -> list[Result]:
    """Train one pack and measure it.

    A trial's weights, minibatch order and choice of variants come from three streams of its own seed, and
    no sum runs over trials, so its result is the same in any company (bit for bit on a CPU).

    Args:
        build: makes a packed network of k trials: (k, b, ...) inputs -> (k, classes, b) logits.
        method: sets and moves the weights of the network's binary layers.
        configurations: one a trial, of the method's space.
        seeds: one a trial.
        data: inputs in any floating type; they are used in the precision of the matrix products.
        budget: epochs of whole minibatches; what does not fill the last one waits for another epoch.
        precision: a name in PRECISIONS.
        device: of torch.

    Returns:
        One result a trial: validation accuracy as the objective, the metrics test_accuracy and
        train_loss, and the curves train_loss and validation_accuracy, a value an epoch. A trial whose
        loss or method's state leaves the finite numbers is "diverged".
    """
    k, n = len(configurations), len(data.training.labels)
    dtype, multiply = PRECISIONS[precision]
    batch = min(budget.batch_size, n)
    steps_per_epoch = n // batch
    steps = budget.epochs * steps_per_epoch

    network = build(k)
    start_generators = _streams(seeds, "weights")
    for module in network.modules():
        if isinstance(module, Linear):
            module.start(start_generators)
            module.multiply = multiply
    network.to(device, dtype)
    schedule = Schedule(method, configurations, steps, dtype, device)
    layers = binary_layers(network)
    noise = start_noise(layers, start_generators).to(device, dtype)
    weights = BinaryWeights(layers, method, schedule.at(0), noise)
    optimizer = _optimizer(network, budget)
    learning_rates = [budget.learning_rate * factor for factor in factors("cosine", steps)]

    orders, variants = _streams(seeds, "order"), _streams(seeds, "variants")
    train_loss, accuracy = [], []
    for epoch in range(budget.epochs):
        order = torch.stack([torch.randperm(n, generator=g) for g in orders]).to(device)
        variant = torch.stack([torch.randint(data.training.variants, (n,), generator=g) for g in variants]).to(device)
        total = torch.zeros(k, dtype=torch.float64, device=device)
        network.train()
        for i in range(steps_per_epoch):
            step = epoch * steps_per_epoch + i
            now = slice(i * batch, (i + 1) * batch)
            h = schedule.at(step)
            weights.show(h, training=True)
            logits = network(data.training.batch(order[:, now], variant[:, now]))
            loss = _loss(logits, data.training.labels[order[:, now]])
            network.zero_grad()
            # The sum over trials of each trial's mean: every trial's gradient is its own.
            loss.sum().backward()  # type: ignore[no-untyped-call]
            weights.step(h)
            for group in optimizer.param_groups:
                group["lr"] = learning_rates[step]
            optimizer.step()
            total += loss.detach()
        weights.show(schedule.at(step), training=False)
        train_loss.append((total / steps_per_epoch).tolist())
        accuracy.append(_accuracy(network, k, data.validation))
    test = _accuracy(network, k, data.test)
    broken = weights.not_finite()
    return [
        _result([losses[i] for losses in train_loss], [rates[i] for rates in accuracy], test[i], broken[i])
        for i in range(k)
    ]


def _result(train_loss: list[float], accuracy: list[float], test: float, broken: str) -> Result:
    curves = {"train_loss": train_loss, "validation_accuracy": accuracy}
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
    """One generator a trial for one purpose; on the CPU, so that a GPU draws the same numbers."""
    return [Generator().manual_seed(derived_seed(seed, name)) for seed in seeds]


def _optimizer(network: nn.Module, budget: Budget) -> torch.optim.SGD:
    normal = [p for m in network.modules() if isinstance(m, BatchNorm) for p in (m.weight, m.bias)]
    binary = [layer.weight for layer in binary_layers(network)]
    spared = {id(p) for p in (*normal, *binary)}
    decayed = [p for p in network.parameters() if id(p) not in spared]
    groups = [
        {"params": decayed, "weight_decay": budget.weight_decay},
        {"params": normal, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=budget.learning_rate, momentum=budget.momentum)


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each trial, (k,), from logits (k, classes, b) and labels (k, b)."""
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none").mean(dim=1)


@torch.no_grad()
def _accuracy(network: nn.Module, k: int, data: Labelled, chunk: int = 1024) -> list[float]:
    """Share of examples classified correctly by each trial's network, (k,)."""
    network.eval()
    correct = torch.zeros(k, dtype=torch.int64, device=data.labels.device)
    for inputs, labels in zip(torch.split(data.inputs, chunk), torch.split(data.labels, chunk), strict=True):
        logits = network(inputs.expand(k, *inputs.shape))
        correct += (logits.argmax(dim=1) == labels).sum(dim=1)
    return [int(c) / len(data.labels) for c in correct]
