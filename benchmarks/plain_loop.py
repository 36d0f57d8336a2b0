"""The honest rival: what a good PyTorch user would write in an afternoon for the same comparison.

    python benchmarks/plain_loop.py accuracy [--configurations 8] [--seeds 4]      # does it learn the same?
    python benchmarks/plain_loop.py study filter --trials 25                        # one study, timed

One network after another: nn.Module, nn.BatchNorm1d, a torch.optim.Optimizer for each method, tensors in place of
a DataLoader (which would be slower), and Ax's Client for each study. The same features, layers, budget and recipe
of the real-valued parameters as `figure8-fsdd`; nothing of binarynet is used.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from audio_task.features import cached_features
from audio_task.task import AudioTask
from hpsearch.study.plan import read_plan
from hpsearch.study.shipped import find_study

Configuration = Mapping[str, Any]


class SignSTE(torch.autograd.Function):
    """Sign whose gradient is that of hardtanh."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < 1)


class LatentSign(torch.autograd.Function):
    """Sign of latent weights: a scale of each output unit, and no gradient where |w| > 1, if asked for."""

    @staticmethod
    def forward(ctx: Any, w: Tensor, scaling: bool, clipping: bool) -> Tensor:
        scale = w.abs().mean(dim=1, keepdim=True) if scaling else torch.ones(len(w), 1)
        ctx.save_for_backward(w, scale)
        ctx.clipping = clipping
        return torch.where(w >= 0, scale, -scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        w, scale = ctx.saved_tensors
        gradient = gradient * scale
        return (gradient * (w.abs() <= 1) if ctx.clipping else gradient), None, None


class BinaryLinear(nn.Module):
    """A linear layer whose weight is binary itself, or the sign of a latent one."""

    def __init__(self, inputs: int, outputs: int, latent: Configuration | None) -> None:
        super().__init__()
        self.latent = latent
        noise = torch.randn(outputs, inputs)
        self.weight = nn.Parameter(latent["init"] * noise if latent else torch.where(noise >= 0, 1.0, -1.0))

    def forward(self, x: Tensor) -> Tensor:
        """(b, inputs) -> (b, outputs)."""
        if self.latent is None:
            return F.linear(x, self.weight)
        return F.linear(x, LatentSign.apply(self.weight, self.latent["scaling"], self.latent["clipping"]))


class Network(nn.Module):
    """inputs - width - width - width - 10, batch norm after each layer, sign between them."""

    def __init__(self, inputs: int, width: int, latent: Configuration | None) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width, bias=False)
        nn.init.normal_(self.first.weight, std=math.sqrt(2 / inputs))
        self.binary = nn.ModuleList(BinaryLinear(width, n, latent) for n in (width, width, 10))
        self.norms = nn.ModuleList(nn.BatchNorm1d(n) for n in (width, width, width, 10))

    def forward(self, x: Tensor) -> Tensor:
        """(b, inputs) -> logits (b, 10)."""
        x = self.norms[0](self.first(x))
        for layer, norm in zip(self.binary, list(self.norms)[1:], strict=True):
            x = norm(layer(SignSTE.apply(x)))
        return x


class FilterSGD(torch.optim.Optimizer):
    """Quist et al. (2023), eq. 11-13."""

    def __init__(self, params: Any, alpha: float, gamma: float) -> None:
        super().__init__(params, {"lr": alpha, "gamma": gamma})  # alpha as "lr", so that a scheduler moves it

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # noqa: ARG002 torch asks for it
        """One update."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["m"], state["filtered"] = torch.zeros_like(p), torch.zeros_like(p)
                state["m"].lerp_(p.grad, group["gamma"])
                state["filtered"].lerp_(state["m"], group["lr"])
                p.copy_(torch.where(state["filtered"] == 0, p, -state["filtered"].sign()))


class LatentSGD(torch.optim.Optimizer):
    """Quist et al. (2023), eq. 2-3."""

    def __init__(self, params: Any, lr: float, gamma: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "gamma": gamma, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # noqa: ARG002 torch asks for it
        """One update."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["m"] = torch.zeros_like(p)
                state["m"].lerp_(p.grad, group["gamma"])
                p.sub_(group["lr"] * (state["m"] + group["weight_decay"] * p))


class Data:
    """The features of a study file's task, as tensors; every draw of validation and test is a clip."""

    def __init__(self, study: str) -> None:
        self.plan = read_plan(find_study(study))
        self.spec = self.plan.spec
        self.task: Any = self.plan.task
        assert isinstance(self.task, AudioTask)
        features = cached_features(self.task._corpus, *self.task._noise, lambda *_: None)
        self.inputs = {part: torch.from_numpy(np.array(x)) for part, x in features.inputs.items()}
        self.labels = {part: torch.from_numpy(y) for part, y in features.labels.items()}


def train(data: Data, method: str, configuration: Configuration, seed: int) -> tuple[float, float]:
    """One training; validation and test accuracy."""
    torch.manual_seed(seed)
    task = data.task
    inputs, labels = data.inputs["training"], data.labels["training"]
    network = Network(inputs.shape[2], task.width, configuration if method == "latent" else None)
    weights = [layer.weight for layer in network.binary]
    real = torch.optim.SGD(
        [{"params": network.first.parameters(), "weight_decay": 1e-4}, {"params": network.norms.parameters()}],
        lr=0.1, momentum=0.9,
    )  # fmt: skip
    binary: torch.optim.Optimizer
    if method == "filter":
        binary = FilterSGD(weights, configuration["alpha"], configuration["gamma"])
    else:
        c = configuration
        binary = LatentSGD(weights, c["learning_rate"], c["momentum"], c["weight_decay"])
    steps = len(labels) // task.batch_size
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(o, task.epochs * steps) for o in (real, binary)]
    accuracy = 0.0
    for _ in range(task.epochs):
        network.train()
        order = torch.randperm(len(labels))
        draws = torch.randint(len(inputs), (len(labels),))
        for i in range(steps):
            rows = order[i * task.batch_size : (i + 1) * task.batch_size]
            loss = F.cross_entropy(network(inputs[draws[rows], rows]), labels[rows])
            real.zero_grad()
            binary.zero_grad()
            loss.backward()
            binary.step()
            real.step()
            for scheduler in schedulers:
                scheduler.step()
        accuracy = evaluate(network, data, "validation")
    return accuracy, evaluate(network, data, "test")


@torch.no_grad()
def evaluate(network: nn.Module, data: Data, part: str) -> float:
    """Accuracy on a part."""
    network.eval()
    inputs = data.inputs[part]
    correct = network(inputs.flatten(0, 1)).argmax(dim=1) == data.labels[part].repeat(len(inputs))
    return correct.double().mean().item()


def study(data: Data, method: str, trials: int, seed: int) -> dict[str, float]:
    """One study with Ax's Client; seconds of its proposals and of its trainings, and its best accuracy."""
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    space = data.plan.methods[method].space
    client = Client(random_seed=seed)
    client.configure_experiment(
        parameters=[
            RangeParameterConfig(name=p.name, bounds=(p.low, p.high), parameter_type="float", scaling="log")
            if hasattr(p, "low")
            else ChoiceParameterConfig(name=p.name, values=[False, True], parameter_type="bool", is_ordered=True)
            for p in space.searched
        ]
    )
    client.configure_optimization(objective="accuracy")
    seconds = {"proposing": 0.0, "training": 0.0, "training_cpu": 0.0, "best": 0.0}
    for number in range(trials):
        started = time.perf_counter()
        ((index, configuration),) = client.get_next_trials(max_trials=1).items()
        proposed, cpu = time.perf_counter(), time.process_time()
        accuracy, _ = train(data, method, configuration, 1000 * seed + number)
        seconds["training"] += time.perf_counter() - proposed
        seconds["training_cpu"] += time.process_time() - cpu
        client.complete_trial(index, raw_data={"accuracy": accuracy})
        seconds["proposing"] += proposed - started
        seconds["best"] = max(seconds["best"], accuracy)
    return seconds


def same_accuracy(data: Data, configurations: int, seeds: int) -> None:
    """Print both sides' mean validation accuracy on the same random configurations, with their difference."""
    from hpsearch.searchers.sobol import sobol_configuration

    for method in data.spec.methods:
        loaded = data.plan.methods[method]
        drawn = [sobol_configuration(loaded.space, 7, i) for i in range(configurations)]
        ours, plain = [], []
        for configuration in drawn:
            results = data.task.train(loaded, [configuration] * seeds, list(range(seeds)), "cpu")
            ours.append([result.objective for result in results])
            plain.append([train(data, method, configuration, seed)[0] for seed in range(seeds)])
        difference = np.mean(plain, axis=1) - np.mean(ours, axis=1)
        error = 1.96 * math.sqrt((np.var(plain, axis=1, ddof=1) + np.var(ours, axis=1, ddof=1)).mean() / seeds)
        print(
            f"{method}: {configurations} configurations x {seeds} seeds: plain {np.mean(plain):.4f}, "
            f"packed {np.mean(ours):.4f}, mean difference {difference.mean():+.4f} "
            f"+- {error / math.sqrt(configurations):.4f} (95%), largest {np.abs(difference).max():.4f}"
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("accuracy", "study"))
    parser.add_argument("method", nargs="?", choices=("latent", "filter"), default="filter")
    parser.add_argument("--study", default="figure8-fsdd")
    parser.add_argument("--configurations", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    data = Data(arguments.study)
    if arguments.what == "accuracy":
        same_accuracy(data, arguments.configurations, arguments.seeds)
    else:
        seconds = study(data, arguments.method, arguments.trials, arguments.seed)
        print(json.dumps(seconds))


if __name__ == "__main__":
    main()
