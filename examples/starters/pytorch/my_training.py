"""What is trained: a network in PyTorch, by two optimizers. Put your data, your network and your optimizers here."""

from functools import partial

import torch

from hpsearch import DataTask, Float, FunctionMethod, Objective, Result, Space

EPOCHS = 5


def data():
    """Inputs and labels for training, validation and test; called once in each process."""
    draw = torch.Generator().manual_seed(0)  # the same data for all trials
    inputs = torch.randn(1200, 8, generator=draw)
    labels = (inputs[:, 0] * inputs[:, 1] + inputs[:, 2] > 0).long()
    return list(zip(inputs.split(400), labels.split(400), strict=True))


def sgd(parameters, lr, momentum):
    """PyTorch's SGD."""
    return torch.optim.SGD(parameters, lr, momentum)


def adam(parameters, lr):
    """PyTorch's Adam."""
    return torch.optim.Adam(parameters, lr)


def train(optimizer, data, configuration, seed):
    """Train once with these hyperparameters; all that is random comes from the seed."""
    (inputs, labels), validation, test = data
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    steps, curve = optimizer(network.parameters(), **configuration), []
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(labels)).split(40):
            steps.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
            steps.step()
        curve.append(accuracy(network, *validation))
    # The search sees the first number alone; the metrics are for the report.
    return Result(curve[-1], metrics={"test_accuracy": accuracy(network, *test)}, curves={"accuracy": curve})


@torch.no_grad()
def accuracy(network, inputs, labels):
    """Share of the inputs that the network classifies as labelled."""
    return (network(inputs).argmax(1) == labels).float().mean().item()


# What `train` returns: its name, what guessing gives (a trial that fails counts with it), and its bounds.
TASK = DataTask(data, Objective("validation accuracy", chance=0.5, bounds=(0, 1)))

RATE = Float("lr", 1e-4, 1.0, log=True)
SGD = FunctionMethod(partial(train, sgd), Space((RATE, Float("momentum", 0.0, 0.99))))
ADAM = FunctionMethod(partial(train, adam), Space((RATE,)))
