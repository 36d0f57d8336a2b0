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

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binarynet import images
from binarynet.quantizers import whole_vectors
from binarynet.targets import Targets
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
BITS = 15
"""Of each number that says where a resized crop lies."""
SMALLEST, WIDEST = 0.08, 4 / 3
"""Of a resized crop: its least share of an image's area, and how many times it may be as wide as high, or as high as
wide."""
BLOCK = 2**26
"""Bytes that are copied at a time from the cache's files."""


@dataclass(frozen=True)
class Augmented:
    """Training images, each in all crops of a size, flipped or not: 33 x 33 places for 224 in 256.

    These are plain crops, as in AlexNet (Krizhevsky et al. 2012): nothing is resized after the cache, and a crop holds
    three quarters of the image's middle square or more. `Resized` varies more.

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


@dataclass(frozen=True)
class Resized:
    """Training images, each in crops of 8% to 100% of its area, 3/4 to 4/3 as wide as high, and flips of them.

    Area and logarithm of the ratio are uniform, and so is the place (Szegedy et al. 2015; torchvision's
    RandomResizedCrop). Ours: the area is that of the cached middle square; a side that would be longer than the image's
    is cut to it, where torchvision draws again; crops begin and end between pixels; and a pixel is the bilinear mean of
    the four next to it, without a filter that widens where a crop shrinks, which it does by 8/7 at most.

    Attributes: as those of Augmented.
    """

    pixels: Tensor
    labels: Tensor
    side: int

    variants: ClassVar[int] = 2 ** (1 + 4 * BITS)
    """The lowest bit of a variant is the flip; area, ratio, and the place down and along have BITS each."""

    def boxes(self, variant: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Top, left, height and width of crops, as shares of the image's side, each of the shape of `variant`, (k, b).

        Both height and width are positive; the flip is not in them.
        """
        area, ratio, down, along = (
            (variant >> (1 + BITS * i) & (2**BITS - 1)).to(torch.float32) / 2**BITS for i in range(4)
        )
        area = SMALLEST + (1 - SMALLEST) * area
        ratio = whole_vectors(torch.exp, (2 * ratio - 1) * math.log(WIDEST))  # width / height
        height, width = (area / ratio).sqrt().clamp(max=1.0), (area * ratio).sqrt().clamp(max=1.0)
        return down * (1 - height), along * (1 - width), height, width

    def batch(self, order: Tensor, variant: Tensor) -> Tensor:
        """Images (k, b, 3, side, side), uint8."""
        top, left, height, width = (share.flatten()[:, None] for share in self.boxes(variant))
        centre = (torch.arange(self.side, device=order.device) + 0.5) / self.side
        across = torch.where(variant.flatten()[:, None] % 2 > 0, 1 - centre, centre)
        y, x = 2 * (top + height * centre) - 1, 2 * (left + width * across) - 1  # -1 and 1 are the image's edges
        each = len(x), self.side, self.side
        grid = torch.stack([x[:, None, :].expand(each), y[:, :, None].expand(each)], dim=-1)
        whole = self.pixels.index_select(0, order.flatten()).permute(0, 3, 1, 2).to(torch.float32)
        cropped = torch.nn.functional.grid_sample(whole, grid, "bilinear", "border", align_corners=False)
        return cropped.round_().to(torch.uint8).view(*order.shape, 3, self.side, self.side)


CROPS: Mapping[str, type[Augmented | Resized]] = {"plain": Augmented, "resized": Resized}


class Normalise(images.Normalise):
    """Maps pixels of 0 to 255, (b, 3, h, w), to mean 0 and deviation 1 over ImageNet, in any float type."""

    def __init__(self) -> None:
        super().__init__(MEAN, DEVIATION)


def on_device(
    cached: Cached,
    images: Images,
    resolution: int,
    held_out: int,
    device: str,
    crops: Literal["plain", "resized"] = "plain",
    smoothing: float = 0.0,
    logits: NDArray[np.float16] | None = None,
    share: float = 1.0,
) -> Data:
    """Training, validation and test images for a device.

    Validation images are `held_out` of each class of the training images, and training images all others. Test images
    are the publisher's validation images, and stand in for validation images where there are none.

    Args:
        cached: all images.
        images: their listing.
        resolution: side of the crops.
        held_out: validation images of each class.
        device: where they will be read.
        crops: of the training images: a name in CROPS.
        smoothing: of the labels, as in binarynet.targets.
        logits: a teacher's, of all images in `cached.training`, (n, classes).
        share: the teacher's in the loss.
    """
    first = held_out * len(images.classes)  # the listing comes in rounds of one image of each class
    labels, tested = torch.from_numpy(images.training.labels), torch.from_numpy(images.validation.labels)
    test = Labelled(middle(cached.validation, resolution, device), tested.to(device))
    validation = test
    if held_out:
        validation = Labelled(middle(cached.training[:first], resolution, device), labels[:first].to(device))
    training = CROPS[crops](_far(cached.training[first:], device), labels[first:].to(device), resolution)
    taught = None if logits is None else _far(logits[first:].view(np.uint8), device, "the teacher's logits")
    return Data(
        training,
        validation,
        test,
        targets=Targets(smoothing, None if taught is None else taught.view(torch.float16), share),
    )


def _mapped(pixels: NDArray[np.uint8]) -> Tensor:
    """A tensor on the cache's own pages, which nobody may write to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(pixels)


def middle(pixels: NDArray[np.uint8], side: int, device: str) -> Tensor:
    """The middle of each image, (n, 3, side, side), as it is used to count: on a device, or in the cache's file."""
    margin = (pixels.shape[1] - side) // 2
    cut = pixels[:, margin : margin + side, margin : margin + side]
    if torch.device(device).type == "cpu":
        return _mapped(cut).permute(0, 3, 1, 2)
    return _copied(cut, torch.empty(cut.shape, dtype=torch.uint8, device=device)).permute(0, 3, 1, 2)


def _far(pixels: NDArray[np.uint8], device: str, what: str = "the training images") -> Tensor:
    """Bytes of training images where a device can read them: in the cache's file, on a GPU, or in the memory beside it.

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
            f"{what} take {pixels.nbytes / 1e9:,.0f} GB, too much for the GPU ({free / 1e9:,.0f} GB "
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
