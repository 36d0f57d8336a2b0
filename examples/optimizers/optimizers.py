"""A small network on handwritten digits, trained by Lion, which is written here, by Adam and by SGD."""

from functools import partial

import torch
from sklearn.datasets import load_digits

from hpsearch import Choice, DataTask, Float, FunctionMethod, Objective, Result, Space

EPOCHS = 5


class Lion(torch.optim.Optimizer):
    """Sign-momentum steps (Chen et al. 2023, Symbolic Discovery of Optimization Algorithms, alg. 2), without decay."""

    def __init__(self, parameters, lr, beta1, beta2):
        super().__init__(parameters, {"lr": lr, "beta1": beta1, "beta2": beta2})

    @torch.no_grad()
    def step(self):
        """Move each weight by the learning rate, against the sign of its averaged gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                average = self.state[weight].setdefault("average", torch.zeros_like(weight))
                weight -= group["lr"] * average.lerp(weight.grad, 1 - group["beta1"]).sign()
                average.lerp_(weight.grad, 1 - group["beta2"])


def adam(parameters, lr, beta1, beta2):
    """PyTorch's Adam."""
    return torch.optim.Adam(parameters, lr, (beta1, beta2))


def sgd(parameters, lr, kind, momentum=0.0):
    """PyTorch's SGD, which has a momentum unless its kind is plain."""
    return torch.optim.SGD(parameters, lr, momentum, nesterov=kind == "nesterov")


def digits():
    """Images and labels for training, validation and test: the same thirds for all trials."""
    images, labels = map(torch.as_tensor, load_digits(return_X_y=True))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return [(images[part].float() / 16, labels[part]) for part in order.split(599)]


def train(optimizer, data, configuration, seed):
    """Validation accuracy after EPOCHS epochs and after each, and test accuracy."""
    (images, labels), validation, test = data
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    steps, curve = optimizer(network.parameters(), **configuration), []
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels)).split(32):
            network.zero_grad()
            torch.nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            steps.step()
        curve.append(accuracy(network, *validation))
    return Result(curve[-1], metrics={"test_accuracy": accuracy(network, *test)}, curves={"accuracy": curve})


@torch.no_grad()
def accuracy(network, images, labels):
    """Share of the images that the network classifies as labelled."""
    return (network(images).argmax(1) == labels).float().mean().item()


TASK = DataTask(digits, Objective("validation accuracy", chance=0.1, bounds=(0, 1)))
RATE = Float("lr", 1e-5, 1.0, log=True)
AVERAGES = (Float("beta1", 0.0, 0.99), Float("beta2", 0.5, 0.999))
LION = FunctionMethod(partial(train, Lion), Space((RATE, *AVERAGES)))
ADAM = FunctionMethod(partial(train, adam), Space((RATE, *AVERAGES)))
KINDS = ("plain", "heavy ball", "nesterov")
SGD = FunctionMethod(
    partial(train, sgd),
    Space((RATE, Choice("kind", KINDS), Float("momentum", 0.5, 0.99, when={"kind": KINDS[1:]}))),
)
