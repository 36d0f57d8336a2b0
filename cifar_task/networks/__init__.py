"""Networks for images of 32 x 32: plain torch networks of one trial, one per file, each named `Network`.

`Network(activation_gradient)` takes pixels of 0 to 255, (b, 3, 32, 32), and gives logits (b, 10).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from torch import nn


def names() -> list[str]:
    """Names of all networks."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Callable[[str], nn.Module]:
    """The class of the network with this name; it takes the surrogate gradient of its sign activations."""
    network: Callable[[str], nn.Module] = importlib.import_module(f"{__name__}.{name}").Network
    return network
