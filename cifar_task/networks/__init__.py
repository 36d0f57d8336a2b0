"""Networks for images of 32 x 32: plain networks of torch for one trial, one a file, each as `Network`.

`Network(activation_gradient)` takes pixels of 0 to 255, (b, 3, 32, 32), and gives logits (b, 10).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from torch import nn


def names() -> list[str]:
    """Names of all networks that there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> Callable[[str], nn.Module]:
    """The network of that name, which takes the surrogate gradient of its sign activations."""
    network: Callable[[str], nn.Module] = importlib.import_module(f"{__name__}.{name}").Network
    return network
