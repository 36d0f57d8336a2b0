"""CIFAR-10's files in their publisher's layout, filled with images that a network can learn."""

import numpy as np
import pytest

from cifar_task.datasets import cifar10


def records(seed):
    """Ten thousand records, equally many a class: a thousand images, ten times over."""
    random = np.random.default_rng(seed)
    prototypes = np.random.default_rng(0).integers(0, 160, (10, 3, 8, 8))
    labels = np.arange(1000) % 10
    pixels = prototypes[labels].repeat(4, axis=2).repeat(4, axis=3) + random.integers(0, 96, (1000, 3, 32, 32))
    block = np.concatenate([labels[:, None], pixels.reshape(1000, -1)], axis=1).astype(np.uint8)
    return np.tile(block, (10, 1))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The folder of the six files."""
    folder = tmp_path_factory.mktemp("data") / "cifar-10-batches-bin"
    folder.mkdir()
    for seed, name in enumerate((*cifar10.TRAINING, *cifar10.TEST)):
        records(seed).tofile(folder / name)
    return folder


@pytest.fixture
def cifar(made, monkeypatch):
    """The same, where tasks look for it."""
    monkeypatch.setenv("HPSEARCH_DATA", str(made.parent))
    return made
