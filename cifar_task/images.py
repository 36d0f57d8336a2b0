"""Images on the device: uint8 throughout, cropped and flipped there, normalised by the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binarynet import images
from binarynet.training import Data, Labelled
from cifar_task.datasets.cifar10 import SIDE, Images

PAD = 4
"""Width of the black border that an image gets before a crop of its own size, as in He et al. (2016)."""
CROPS = 2 * PAD + 1
WHOLE = SIDE + 2 * PAD
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Mean and deviation of red, green and blue over the training images, as shares of 255."""


@dataclass(frozen=True)
class Augmented:
    """Training images, each in 162 variants: 9 x 9 places of the crop, flipped or not.

    Attributes:
        padded: (n, 40, 40, 3), uint8; a pixel's colours lie together, so that a crop copies rows of them.
        labels: (n,), int64.
    """

    padded: Tensor
    labels: Tensor

    @property
    def variants(self) -> int:
        """How many crops and flips each image has."""
        return 2 * CROPS * CROPS

    def batch(self, order: Tensor, variant: Tensor) -> Tensor:
        """Images (k, b, 3, 32, 32), uint8."""
        image, variant = order.flatten(), variant.flatten()
        flip, place = variant % 2, variant // 2
        along = torch.arange(SIDE, device=order.device)
        rows = (place // CROPS)[:, None] + along
        columns = (place % CROPS)[:, None] + torch.where(flip[:, None] > 0, SIDE - 1 - along, along)
        pixel = (image[:, None] * WHOLE + rows)[:, :, None] * WHOLE + columns[:, None, :]
        found = self.padded.view(-1, 3).index_select(0, pixel.flatten())
        return found.view(*order.shape, SIDE, SIDE, 3).permute(0, 1, 4, 2, 3)


class Normalise(images.Normalise):
    """Maps pixels of 0 to 255, (b, 3, h, w), to mean 0 and deviation 1 over the training images, in any float type."""

    def __init__(self) -> None:
        super().__init__(MEAN, DEVIATION)


def on_device(images: Images, test: Images, sizes: tuple[int, int, int], device: str, split_seed: int) -> Data:
    """Training, validation and test images of these sizes, on a device.

    Validation images are the first ones in the order that the split's seed gives, and training images those that
    follow. Test images are the publisher's first. Without validation images the test images stand in for them.
    """
    training, validation, tested = sizes
    # RandomState's streams are frozen; those of NumPy's newer generators may change between versions.
    order = np.random.RandomState(split_seed).permutation(len(images.labels))
    chosen = order[validation : validation + training]
    padded = np.pad(images.pixels[chosen].transpose(0, 2, 3, 1), ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0)))

    def labelled(source: Images, which: NDArray[np.int64]) -> Labelled:
        pixels, labels = source.pixels[which], source.labels[which]
        return Labelled(torch.from_numpy(pixels).to(device), torch.from_numpy(labels).to(device))

    held_out = labelled(test, np.arange(tested))
    return Data(
        Augmented(torch.from_numpy(padded).to(device), torch.from_numpy(images.labels[chosen]).to(device)),
        labelled(images, order[:validation]) if validation else held_out,
        held_out,
    )
