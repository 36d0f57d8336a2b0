"""Networks for large images: plain torch networks of one trial, one per file, each named `Network`.

`Network(activation_gradient, classes, resolution)` takes pixels of 0 to 255, (b, 3, s, s), with s = resolution, one of
`Network.resolutions`, and gives logits (b, classes).
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol

from torch import nn


class ForImages(Protocol):
    """The class of a network."""

    resolutions: range
    """Sides of the square images that it takes."""

    def __call__(self, activation_gradient: str, classes: int, resolution: int) -> nn.Module:
        """A network with this surrogate gradient of its sign activations, for so many classes and images so large."""


def names() -> list[str]:
    """Names of all networks."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> ForImages:
    """The class of the network with this name."""
    network: ForImages = importlib.import_module(f"{__name__}.{name}").Network
    return network
