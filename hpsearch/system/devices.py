"""Devices: which ones a run uses, how a worker sees only its own, and what their failures look like."""

from __future__ import annotations

import os
import re

from hpsearch.contracts.errors import DeviceError

CPU = "cpu"
VISIBLE = "CUDA_VISIBLE_DEVICES"
_visible = os.environ.get(VISIBLE)
_own, _torch_name = CPU, CPU


def named(text: str) -> tuple[str, ...]:
    """Devices as the user names them: "cpu", "cuda:0,cuda:1", or "auto" for every GPU of this machine.

    Without a GPU "auto" is the CPU. Raises DeviceError for any other name, and for a GPU that is not there.
    """
    if text == "auto":
        return tuple(f"cuda:{index}" for index in range(_gpus())) or (CPU,)
    names = tuple("cuda:0" if name.strip() == "cuda" else name.strip() for name in text.split(","))
    if names == (CPU,):
        return names
    if wrong := [name for name in names if not re.fullmatch(r"cuda:\d+", name)]:
        raise DeviceError(f"--devices: {wrong[0]!r} is no device; give cpu, auto, or GPUs as in cuda:0,cuda:1")
    if len(set(names)) < len(names):
        raise DeviceError(f"--devices: {text} names a device twice; give --per-device 2 for two workers on each")
    there = _gpus()
    if missing := [name for name in names if int(name.removeprefix("cuda:")) >= there]:
        what = f"{there} that torch can use: cuda:0 to cuda:{there - 1}" if there else "none that torch can use"
        raise DeviceError(f"--devices: there is no {missing[0]} here; of GPUs there are {what}; see hpsearch doctor")
    return names


def _gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def use_alone(device: str, hide: bool = True) -> None:
    """From now on this process trains on `device`, and sees no other GPU.

    Call this before torch looks for GPUs. With `hide` False the caller has already hidden the other GPUs.
    """
    global _own, _torch_name
    if device != CPU and hide:
        index = int(device.removeprefix("cuda:"))
        os.environ[VISIBLE] = _visible.split(",")[index] if _visible else str(index)
    _own, _torch_name = device, CPU if device == CPU else "cuda"


def use_here(device: str) -> None:
    """From now on this process, which may have looked for GPUs before, trains on `device`."""
    global _own, _torch_name
    if device != CPU:
        import torch

        torch.cuda.set_device(device)
    _own = _torch_name = device


def own() -> str:
    """The device of this process, by the name that the user gave it."""
    return _own


def torch_name() -> str:
    """The device of this process, by the name that torch gives it in this process."""
    return _torch_name


def probe() -> None:
    """Compute something on this process's device. Raises DeviceError if that fails."""
    import torch

    try:
        torch.ones(8, device=torch_name()).sum().item()
    except Exception as error:  # any error means that the device does not work, unless it is only full
        if is_out_of_memory(error):
            return
        raise DeviceError(f"{_own}: {' '.join(str(error).split())[:200]}") from None


def is_the_devices(error: BaseException) -> bool:
    """Whether an error may come from this process's device rather than the task, so that the process is lost."""
    if _own == CPU or is_out_of_memory(error):
        return False
    if any(kind.__name__ == "AcceleratorError" for kind in type(error).__mro__):
        return True
    broken = r"(CUDA|HIP|cuDNN|CUBLAS|CUFFT|CUSOLVER) ?(error|driver|_STATUS)|No CUDA GPUs|NVML"
    return isinstance(error, RuntimeError) and re.search(broken, str(error), re.IGNORECASE) is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, so that a smaller pack may succeed."""
    if isinstance(error, MemoryError) or any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    said = r"out of memory|_ALLOC_FAILED|can't allocate memory"  # by torch, its libraries and its CPU allocator
    return isinstance(error, RuntimeError) and re.search(said, str(error)) is not None


def free_memory() -> None:
    """Give back the device's memory that torch keeps for later."""
    import gc
    import sys

    gc.collect()
    if torch_name() != CPU and "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()
