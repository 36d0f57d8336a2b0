"""Images as a training run reads them: bytes from the cache, cropped and flipped on the device, normalised there.

Where the pixels lie. On a processor all of them stay in the cache's files, which are mapped into memory: a batch
touches the rows that it crops, and the operating system keeps what fits. On a GPU the images that are counted lie
there (50,000 of 224 x 224 take 7.5 GB). The training images do too if they fit beside a network; ImageNet's 252 GB at
256 x 256 do not. They then lie in the machine's memory at places that the GPU may read, and each batch's crops come
from there. That is the GPU's own work, in its own queue: it can be repeated as a part of a recorded step, and no
Python thread has to fetch images ahead of it. 224 rows of 768 bytes an image are 0.7 GB for 4,000 images a second, a
twentieth of what the bus carries.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binarynet import images
from binarynet.training import Data, Labelled
from hpsearch.contracts.errors import TaskError
from hpsearch.system.machine import memory_available

if TYPE_CHECKING:
    from imagenet_task.cache import Cached
    from imagenet_task.datasets.imagenet import Images

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of red, green and blue over ImageNet's training images, as shares of 255; everybody's values."""
SHARE = 0.5
"""How much of a GPU's free memory training images may take; the network's activations need the rest."""
BLOCK = 2**26
"""Bytes that are copied at a time from the cache's files."""


@dataclass(frozen=True)
class Augmented:
    """Training images, each in all crops of a size, flipped or not: 33 x 33 places for 224 in 256.

    These are plain crops, as in AlexNet (Krizhevsky et al. 2012): nothing is resized after the cache, and a crop holds
    three quarters of the image's middle square or more. Recipes that crop 8% to 100% and resize
    (RandomResizedCrop) vary more.

    Attributes:
        pixels: (n, stored, stored, 3), uint8, contiguous; a row of an image is one run of bytes.
        labels: (n,), int64.
        side: of the crops.
    """

    pixels: Tensor
    labels: Tensor
    side: int

    @property
    def places(self) -> int:
        """How many places a crop has along each side."""
        return self.pixels.shape[1] - self.side + 1

    @property
    def variants(self) -> int:
        """How many crops and flips each image has."""
        return 2 * self.places**2

    def batch(self, order: Tensor, variant: Tensor) -> Tensor:
        """Images (k, b, 3, side, side), uint8."""
        image, variant = order.flatten(), variant.flatten()
        flip, place = variant % 2, variant // 2
        along, stored = torch.arange(self.side, device=order.device), self.pixels.shape[1]
        # First whole rows, which lie far away and are read as they lie; then the columns of each, from near.
        rows = image[:, None] * stored + (place // self.places)[:, None] + along
        found = self.pixels.view(-1, 3 * stored).index_select(0, rows.flatten())
        columns = (place % self.places)[:, None] + torch.where(flip[:, None] > 0, self.side - 1 - along, along)
        row = torch.arange(rows.numel(), device=order.device).view(rows.shape)
        pixel = row[:, :, None] * stored + columns[:, None, :]
        cropped = found.view(-1, 3).index_select(0, pixel.flatten())
        return cropped.view(*order.shape, self.side, self.side, 3).permute(0, 1, 4, 2, 3)


class Normalise(images.Normalise):
    """Maps pixels of 0 to 255, (b, 3, h, w), to mean 0 and deviation 1 over ImageNet, in any float type."""

    def __init__(self) -> None:
        super().__init__(MEAN, DEVIATION)


def on_device(cached: Cached, images: Images, resolution: int, held_out: int, device: str) -> Data:
    """Training, validation and test images for a device.

    Validation images are `held_out` of each class of the training images, and training images all others. Test images
    are the publisher's validation images, and stand in for validation images where there are none.
    """
    first = held_out * len(images.classes)  # the listing comes in rounds of one image of each class
    labels, tested = torch.from_numpy(images.training.labels), torch.from_numpy(images.validation.labels)
    test = Labelled(_middle(cached.validation, resolution, device), tested.to(device))
    validation = test
    if held_out:
        validation = Labelled(_middle(cached.training[:first], resolution, device), labels[:first].to(device))
    training = Augmented(_far(cached.training[first:], device), labels[first:].to(device), resolution)
    return Data(training, validation, test)


def _mapped(pixels: NDArray[np.uint8]) -> Tensor:
    """A tensor on the cache's own pages, which nobody may write to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(pixels)


def _middle(pixels: NDArray[np.uint8], side: int, device: str) -> Tensor:
    """The middle of each image, (n, 3, side, side), as it is used to count: on a device, or in the cache's file."""
    margin = (pixels.shape[1] - side) // 2
    middle = pixels[:, margin : margin + side, margin : margin + side]
    if torch.device(device).type == "cpu":
        return _mapped(middle).permute(0, 3, 1, 2)
    return _copied(middle, torch.empty(middle.shape, dtype=torch.uint8, device=device)).permute(0, 3, 1, 2)


def _far(pixels: NDArray[np.uint8], device: str) -> Tensor:
    """Training images where a device can read them: in the cache's file, on a GPU, or in the memory beside it.

    Raises:
        TaskError: if neither the GPU's memory nor the machine's holds them.
    """
    if torch.device(device).type == "cpu":
        return _mapped(pixels)
    free, _ = torch.cuda.mem_get_info(device)
    if pixels.nbytes <= SHARE * free:
        return _copied(pixels, torch.empty(pixels.shape, dtype=torch.uint8, device=device))
    needed, there = 1 << (pixels.nbytes - 1).bit_length(), memory_available()  # torch rounds what it pins up like this
    if there is not None and needed > there:
        raise TaskError(
            f"the training images take {pixels.nbytes / 1e9:,.0f} GB, too much for the GPU ({free / 1e9:,.0f} GB "
            f"free), and {needed / 1e9:,.0f} GB of the machine's memory ({there / 1e9:,.0f} GB free): choose a "
            "smaller resolution, a larger machine, or fewer workers for each GPU"
        )
    own = torch.empty(0, device=device).device  # with its number, which "cuda" alone leaves out
    with torch.cuda.device(own):
        pinned = _copied(pixels, torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True))
        # Pinned memory has the same address for the GPU, which reads it in place: a tensor there copies nothing.
        return torch.as_tensor(_Pinned(pinned), device=own)


class _Pinned:
    """Pinned memory as CUDA's array interface describes it; torch keeps this object as long as the tensor on it."""

    def __init__(self, pinned: Tensor) -> None:
        self.pinned = pinned
        self.__cuda_array_interface__: dict[str, Any] = {
            "shape": tuple(pinned.shape),
            "typestr": "|u1",
            "data": (pinned.data_ptr(), False),
            "version": 3,
        }


def _copied(pixels: NDArray[np.uint8], to: Tensor) -> Tensor:
    """Copy images piece by piece, so that nothing large is held besides."""
    some = max(1, BLOCK // pixels[0].nbytes)
    for first in range(0, len(pixels), some):
        to[first : first + some].copy_(_mapped(np.ascontiguousarray(pixels[first : first + some])))
    return to
