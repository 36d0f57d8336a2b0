"""A small classification problem, and a method that tells what it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from binarynet.training import Data, Labelled, Variants
from hpsearch.space import Space


@pytest.fixture(scope="session")
def problem():
    """Ten noisy prototypes in 40 dimensions: 320 training examples in two variants, 100 of the others."""

    def make(dtype=torch.float32, features=40):
        random = torch.Generator().manual_seed(5)
        prototypes = torch.randn(10, features, generator=random, dtype=torch.float64)

        def part(n, variants):
            labels = torch.arange(n) % 10
            noise = torch.randn(variants, n, features, generator=random, dtype=torch.float64)
            return (prototypes[labels] + 1.5 * noise).to(dtype), labels

        inputs, labels = part(320, 2)
        (validation, held), (test, tested) = part(100, 1), part(100, 1)
        return Data(Variants(inputs, labels), Labelled(validation[0], held), Labelled(test[0], tested))

    return make


@dataclass(frozen=True)
class Recording:
    """Another method, noting the gradients it gets and the binary weights it leaves at every step."""

    method: Any
    gradients: list = field(default_factory=list)
    binary: list = field(default_factory=list)

    @property
    def space(self) -> Space:
        return self.method.space

    @property
    def schedules(self):
        return self.method.schedules

    def start(self, noise, h):
        state = self.method.start(noise, h)
        self.binary.append(state["binary"].clone())
        return state

    def weights(self, state, h, training):
        return self.method.weights(state, h, training)

    def gradient(self, state, gradient, h):
        return self.method.gradient(state, gradient, h)

    def update(self, state, gradient, h):
        self.gradients.append(gradient.clone())
        self.method.update(state, gradient, h)
        self.binary.append(state["binary"].clone())


@pytest.fixture
def recording():
    return Recording
