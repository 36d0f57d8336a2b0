"""A teacher's logits of the training images: computed once, kept beside the decoded images, for all trainings.

The teacher sees the middle crop of each image, once. A student sees another crop in every epoch, with the same logits.
In ReActNet (Liu et al. 2020) the teacher sees the student's crop anew in every step: that costs its forward pass as
often, and cannot be kept.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hpsearch.contracts import dataset
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress
from hpsearch.system.stopping import Stopped
from imagenet_task.cache import Cached
from imagenet_task.datasets.imagenet import Part
from imagenet_task.images import Normalise, middle
from imagenet_task.shards import Array, Job, Words, kept

A_SHARD, BATCH = 1_024, 128
"""Images of a shard, and of a forward pass."""
WORDS = Words(
    "the teacher's logits",
    "asking the teacher",
    "asks the teacher",
    "waiting for another process to ask the teacher",
)


@dataclass(frozen=True)
class Teacher:
    """A network that is there to be asked.

    Attributes:
        name: "module:NAME".
        network: takes normalised images (b, 3, s, s) and gives logits (b, classes).
        sha256: of the bytes of the module's file, and of the names, types, shapes and bytes of the network's state.
    """

    name: str
    network: nn.Module
    sha256: str

    @classmethod
    def load(cls, name: str) -> Teacher:
        """Import the module and call NAME in it. Raises TaskError if that gives no network, or another each time."""
        teacher, again = (cls(name, *_made(name)) for _ in range(2))
        if teacher.sha256 != again.sha256:
            raise TaskError(f"teacher: {name}() gives other weights in each call: let it read trained ones from a file")
        return teacher


def logits_of(
    teacher: Teacher,
    cached: Cached,
    images: Part,
    resolution: int,
    classes: int,
    device: str,
    progress: Progress,
    *,
    verify: bool = False,
) -> NDArray[np.float16]:
    """The teacher's logits of the middle crop of every training image, (n, classes), memory-mapped for reading only.

    They come from the cache, or are computed into it, on `device`, in single precision. The cache is a folder named by
    a hash of the images' pixels, the resolution, the number of classes, and the teacher.

    Args:
        teacher: who is asked.
        cached: the images' pixels.
        images: the training images' names, for messages.
        resolution: side of the crops.
        classes: how many logits are wanted.
        device: torch's name of it.
        progress: told in images.
        verify: whether all bytes are compared with their checksums, as in cached_images.

    Raises:
        TaskError: if the teacher cannot take the images, or gives other than finite logits of so many classes; or if
            the cache cannot be written.
    """
    key = hashlib.sha256(json.dumps([cached.sha256, resolution, classes, teacher.sha256, A_SHARD]).encode())
    folder = dataset.cache_folder() / "imagenet" / key.hexdigest()[:32]
    array = Array(folder / "logits.npy", len(cached.training), (classes,), "<f2", A_SHARD)

    def job(_: str, shard: int) -> Job:
        return partial(_ask, teacher, cached.training, images, resolution, array, shard, device)

    found = kept(folder, {"logits": array}, job, WORDS, progress, verify=verify).arrays["logits"]
    teacher.network.cpu()  # where trainings need the GPU's memory
    return found


def _made(name: str) -> tuple[nn.Module, str]:
    """A teacher's network, and its hash."""
    module_name, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not f"{module_name}.".startswith(f"{error.name}."):
            raise TaskError(f"teacher: {module_name} needs the module {error.name}: install it") from error
        raise TaskError(
            f"teacher: there is no module {error.name}: install it, or put {module_name}.py beside the study file"
        ) from error
    except Stopped:
        raise
    except (Exception, SystemExit) as error:  # a module may raise anything while it is imported
        raise TaskError(f"teacher: importing {module_name} raised {_said(error)}: correct it") from error
    if attribute not in vars(module):
        raise TaskError(f"teacher: the module {module_name} has no {attribute}: name a function that is in it")
    make = vars(module)[attribute]
    if not callable(make):
        raise TaskError(
            f"teacher: {name} is a {type(make).__name__}, which cannot be called: name a function without parameters "
            "that returns a network"
        )
    try:
        with torch.random.fork_rng(devices=()):
            network = make()
    except Exception as error:
        raise TaskError(f"teacher: {name}() raised {_said(error)}: correct it") from error
    if not isinstance(network, nn.Module):
        raise TaskError(f"teacher: {name}() gave a {type(network).__name__}: let it return a torch.nn.Module")
    return network.eval().requires_grad_(False), _sha256(module.__file__, network)


def _sha256(file: str | None, network: nn.Module) -> str:
    """A hash of a module's file, where it has one, and of a network's state."""
    found = hashlib.sha256(Path(file).read_bytes() if file else b"")
    for name, value in network.state_dict().items():
        if isinstance(value, Tensor):
            found.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
            found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        else:
            found.update(json.dumps([name, repr(value)]).encode())
    return found.hexdigest()


def _ask(
    teacher: Teacher, pixels: NDArray[np.uint8], images: Part, side: int, array: Array, shard: int, device: str
) -> int:
    """Write the logits of a shard's images to their place; returns their checksum."""
    span, (classes,) = array.span(shard), array.row
    network, normalise = teacher.network.to(device, torch.float32), Normalise().to(device)
    logits = np.empty((len(span), classes), np.float16)
    for first in range(0, len(span), BATCH):
        some = span[first : first + BATCH]
        x = normalise(middle(pixels[some.start : some.stop], side, device).to(torch.float32))
        try:
            with torch.inference_mode():
                found = network(x)
        except Exception as error:
            raise TaskError(
                f"teacher: {teacher.name} raised {_said(error)} on images of {tuple(x.shape)}: let its network take "
                "them, or change the task's resolution"
            ) from error
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        if shape != (len(some), classes):
            raise TaskError(
                f"teacher: {teacher.name} gave {shape} for {len(some)} images, not logits of {(len(some), classes)}: "
                f"let it tell the task's {classes:,} classes apart, in the order of their folders' names"
            )
        halves = found.to(torch.float16)
        if not halves.isfinite().all():
            worst = int((~halves.isfinite().all(dim=1)).nonzero()[0, 0])
            raise TaskError(
                f"teacher: {teacher.name} gave logits beyond the finite numbers of float16 for "
                f"{images.place(some[worst])}: look at its weights, and at whether it expects normalised images"
            )
        logits[first : first + len(some)] = halves.cpu().numpy()
    return array.write(shard, logits)


def _said(error: BaseException) -> str:
    """An error's kind and the first line of what it says."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0].rstrip(' .')}"
