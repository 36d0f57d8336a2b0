"""What networks for images have in common: pixels in, and one plain network for each trial of a pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from binarynet.method import binary
from binarynet.stacked import Stacked
from binarynet.training import Budget, Data, Training
from hpsearch.contracts.method import Method
from hpsearch.contracts.objective import Result
from hpsearch.contracts.space import Configuration


class Normalise(nn.Module):
    """Maps pixels of 0 to 255, (b, 3, h, w), to mean 0 and deviation 1 over a data set, in any float type.

    Args:
        mean: of red, green and blue over the data set, as shares of 255.
        deviation: likewise.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("deviation", deviation)):
            self.register_buffer(name, 255 * torch.tensor(values).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise in the buffers' precision; the result has that of x."""
        return ((x - self.mean) / self.deviation).to(x.dtype)


def train_stacked(
    build: Callable[[], nn.Module],
    method: Method,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    data: Data,
    budget: Budget,
    precision: str,
    device: str,
    layer_curves: bool,
) -> list[Result]:
    """One run of all configurations, each with a network that `build` makes; the rest is as in Training."""
    if device != "cpu":
        use_tensor_cores_as_asked()
    return Training(
        lambda k: Stacked(k, build),
        binary(method),
        configurations,
        seeds,
        data,
        budget,
        precision,
        device,
        layer_curves,
    ).run()


def use_tensor_cores_as_asked() -> None:
    """Let the GPU's convolutions find their fastest kernels, and keep single precision for those that ask for it."""
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False  # or "fp32" would round operands to 10 bits there
