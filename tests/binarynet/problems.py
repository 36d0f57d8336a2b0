"""A small classification problem."""

from __future__ import annotations

import torch

from binarynet.training import Data, Labelled, Variants


def small_problem(dtype=torch.float32, features=40, variants=2):
    """Ten noisy prototypes in 40 dimensions: 320 training examples in some variants, 100 of the others."""
    random = torch.Generator().manual_seed(5)
    prototypes = torch.randn(10, features, generator=random, dtype=torch.float64)

    def part(n, variants):
        labels = torch.arange(n) % 10
        noise = torch.randn(variants, n, features, generator=random, dtype=torch.float64)
        return (prototypes[labels] + 1.5 * noise).to(dtype), labels

    inputs, labels = part(320, variants)
    (validation, held), (test, tested) = part(100, 1), part(100, 1)
    return Data(Variants(inputs, labels), Labelled(validation[0], held), Labelled(test[0], tested))
