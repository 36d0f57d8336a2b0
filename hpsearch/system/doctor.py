"""What a comparison would find on this machine: versions, processor, GPUs, folders, data; what is slow and why."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias

from hpsearch.contracts.dataset import cache_folder, data_folder
from hpsearch.contracts.errors import TaskError
from hpsearch.system import machine
from hpsearch.system.cores import usable_cores, within_quota
from hpsearch.system.file_system import file_system, is_shared
from hpsearch.system.provenance import processor, relevant_versions

PACKAGE = Path(__file__).resolve().parents[1]
Verdict = Literal["ok", "slow", "wrong", "info"]
Judgement: TypeAlias = tuple[Verdict, str]
DataFinder: TypeAlias = "tuple[str, Callable[[], Path]]"
"""Name of a data set, and a function that finds its folder or raises TaskError."""

# Peak resident memory (VmHWM): Figure 8 on FSDD at 10 dB, width 64, packs of 10, Ax, two workers, 360 trials on
# Linux took 0.56 GB in the driver and 0.49 GB in each worker. Wider networks and larger data take more.
DRIVER_BYTES, WORKER_BYTES = 0.6e9, 0.5e9
LITTLE_SPACE, NO_SPACE = 2e9, 0.1e9  # bytes

OTHER_AX: Judgement = ("wrong", "only the tested Ax proposes the same trials")
OTHER_VERSION: Judgement = ("info", "results may differ in the last bits")

EXTRAS = {
    "pyarrow": "hpsearch export needs it to write Parquet",
    "optuna": "hpsearch export needs it for Optuna",
    "ray": "hpsearch run --executor ray needs it",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what was looked at.
        value: what was found, with units.
        verdict: "ok"; "slow" if it works, but takes longer or is less reliable than need be; "wrong" if it will fail
            or give other results; "info" for the reader to judge.
        remark: why, and what to do; may be empty.
    """

    subject: str
    value: str
    verdict: Verdict = "ok"
    remark: str = ""


def examine(datasets: Sequence[DataFinder] = ()) -> list[Finding]:
    """Look at everything; takes a few seconds, mostly for torch's import. Nothing that it finds is raised.

    Args:
        datasets: data sets whose folders to look for.
    """
    cpuinfo = machine.read(Path("/proc/cpuinfo"))
    usable, quota = usable_cores(), machine.cpu_quota()
    workers = within_quota(usable, quota)
    return [
        Finding("python", f"{platform.python_implementation()} {platform.python_version()}"),
        *versions(relevant_versions(), constraints()),
        vectors(cpuinfo),
        cores(usable, quota),
        busy(machine.load_average(), os.cpu_count() or 1),
        memory(machine.memory_available(), workers),
        *_torch(machine.vectors(cpuinfo)),
        folder(
            "current folder", Path.cwd(),
            ("wrong", "no database can be made here: go elsewhere, or give --database FILE"),
            "readers of a database and its run wait for each other there (DELETE journal): a local disk is quicker",
        ),
        own_folder(
            "cache folder", cache_folder,
            ("wrong", "features cannot be kept: let HPSEARCH_CACHE name a folder that can be written"),
            "every worker reads its features over the network: let HPSEARCH_CACHE name a local folder",
        ),
        own_folder(
            "data folder", data_folder,
            ("info", "nothing can be fetched into it: where data sets are missing, let HPSEARCH_DATA name another"),
            "reading clips is slow there, once for each set of features: let HPSEARCH_DATA name a local copy",
        ),
        *(dataset(name, find) for name, find in datasets),
        Finding(
            "searcher ax", "about 0.4-1 s per proposal in 2-D, 1.2-3.5 s in 6-D", "info",
            "the driver makes one per trial, often the longest part: measure it with hpsearch run STUDY --dry-run",
        ),
        *(extra(name, needed) for name, needed in EXTRAS.items()),
    ]  # fmt: skip


def constraints(package: Path = PACKAGE) -> dict[str, str]:
    """Package -> tested version, from constraints.txt in an installed package or beside a checkout's; else empty."""
    for path in (package / "constraints.txt", package.parent / "constraints.txt"):
        if text := machine.read(path):
            return {_plain(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)}
    return {}


def versions(found: Mapping[str, str], tested: Mapping[str, str]) -> list[Finding]:
    """One finding on all tested versions together, and one on each other version. Suffixes ("+cpu") do not matter."""
    same, others = [], []
    for name, version in {"ax-platform": "not installed", **found}.items():
        wanted = tested.get(_plain(name), "")
        if version != "not installed" and (not wanted or wanted.split("+")[0] == version.split("+")[0]):
            same.append(f"{name} {version}")
            continue
        verdict, why = OTHER_AX if name == "ax-platform" else OTHER_VERSION
        value, exactly = (f"{version}, tested with {wanted}", f"=={wanted}") if wanted else (version, "")
        others.append(Finding(name, value, verdict, f"{why}: pip install {name}{exactly}"))
    if tested:
        return [Finding("versions", ", ".join(same), "ok", "as tested"), *others]
    remark = "there is no constraints.txt to compare with: results may differ in the last bits from those of others"
    return [Finding("versions", ", ".join(same), "info", remark), *others]


def vectors(cpuinfo: str) -> Finding:
    """The processor, and whether it lacks the vectors that torch's kernels are written for."""
    value = processor() + (" avx512_bf16" if "avx512_bf16" in machine.vectors(cpuinfo) else "")
    if "avx" in cpuinfo.split() and "avx2" not in machine.vectors(cpuinfo):
        return Finding("processor", value, "slow", "without AVX2 all training is slow: use a newer machine")
    return Finding("processor", value, "ok", "trials repeat to the last bit only on processors of this type")


def cores(usable: int, quota: float | None) -> Finding:
    """Cores for workers; `quota` may be a fraction, and None is no limit."""
    if quota is None or quota >= usable:
        return Finding("cores", f"{usable} usable")
    remark = f"a container or batch job limits them: use --workers {max(int(quota), 1)}, for more wait for each other"
    return Finding("cores", f"{usable} usable, {quota:.3g} at a time", "slow", remark)


def busy(load: float | None, total: int) -> Finding:
    """Load average of the last minute against all cores of the machine, since it counts all their processes."""
    if load is None:
        return Finding("load", "unknown", "info")
    if load <= total:
        return Finding("load", f"{load:.1f} on {total} cores")
    remark = "other programs want the same cores: trials are slow, and measurements unreliable"
    return Finding("load", f"{load:.1f} on {total} cores", "slow", remark)


def memory(available: int | None, workers: int) -> Finding:
    """Available bytes against those that the driver and its workers take."""
    if available is None:
        return Finding("memory", "unknown", "info", f"each worker takes {WORKER_BYTES / 1e9:.1f} GB or more")
    needed = DRIVER_BYTES + workers * WORKER_BYTES
    value = f"{available / 1e9:.1f} GB available, {needed / 1e9:.1f} GB needed with --workers {workers}"
    fitting = int((available - DRIVER_BYTES) // WORKER_BYTES)
    if fitting >= workers:
        return Finding("memory", value)
    if fitting < 1:
        return Finding("memory", value, "wrong", "a run would be killed: end other programs, or use another machine")
    return Finding("memory", value, "slow", f"workers that find none are killed: use --workers {fitting}")


def gpus(torch: Any, driver: bool) -> list[Finding]:
    """One finding for each GPU, or why there is none; `driver` says whether NVIDIA's is loaded."""
    built, devices = torch.version.cuda or torch.version.hip, []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            count = torch.cuda.device_count() if torch.cuda.is_available() else 0
            devices = [torch.cuda.get_device_properties(i) for i in range(count)]
        except RuntimeError as error:
            warnings.warn(str(error), stacklevel=1)
    complaint = " ".join(str(caught[0].message).split()) if caught else ""
    if devices:
        verdict: Verdict = "wrong" if complaint else "ok"
        texts = [f"{d.name}, {d.total_memory / 1e9:.0f} GB, compute capability {d.major}.{d.minor}" for d in devices]
        remark = complaint or "a run trains on it with --devices auto"
        return [Finding(f"gpu {i}", text, verdict, remark) for i, text in enumerate(texts)]
    if built is None and driver:
        return [Finding("gpu", "not used", "slow", "this torch is built without CUDA: see pytorch.org for one with it")]
    if built is None:
        return [Finding("gpu", "none", "info", "training uses the processor")]
    if driver or complaint:
        remark = complaint or "look at nvidia-smi and at CUDA_VISIBLE_DEVICES"
        return [Finding("gpu", f"torch for CUDA {built} can use none", "slow", remark)]
    return [Finding("gpu", "none", "info", f"torch for CUDA {built} has no use here: its CPU build is much smaller")]


def precision(fp32: float, bf16: float, features: Sequence[str]) -> Finding:
    """Measured speeds of matrix products on one thread, in GFLOP/s; `features` are those of machine.vectors."""
    value = f"fp32 {fp32:.3g}, bf16 {bf16:.3g} GFLOP/s per core"
    auto = machine.auto_precision(features)
    if bf16 >= fp32:
        return Finding("matrix products", value, "ok", f'precision = "bf16" pays; "auto" takes {auto}')
    known_without = features and not machine.BF16_VECTORS & set(features)
    why = ", which has neither AMX nor AVX512-BF16" if known_without else ""
    slow = f'precision = "bf16" is {fp32 / bf16:.2g} times as slow on this processor{why}'
    return Finding("matrix products", value, "slow", f'{slow}: take "fp32"; "auto" takes {auto}')


def folder(subject: str, path: Path, unwritable: Judgement, network: str) -> Finding:
    """Whether files can be made in a folder, or where it would be made, and how much fits.

    `unwritable` is the verdict and remark if no file can be made, `network` the remark on a network file system.
    """
    path = path.absolute()
    try:
        there = next(p for p in (path, *path.parents) if p.exists())
        free = shutil.disk_usage(there).free
        kind = file_system(there / "file")
        value = f"{path}{'' if there == path else ' (not made yet)'}, {free / 1e9:.1f} GB free{kind and ', ' + kind}"
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        verdict, remark = unwritable
        return Finding(subject, f"{path}: cannot be written ({error.strerror})", verdict, remark)
    if free < LITTLE_SPACE:
        remark = "the disk is full, or nearly: free some space before a run stops for want of it"
        return Finding(subject, value, "wrong" if free < NO_SPACE else "slow", remark)
    if is_shared(there / "file"):
        return Finding(subject, value, "slow", network)
    return Finding(subject, value)


def own_folder(subject: str, find: Callable[[], Path], unwritable: Judgement, network: str) -> Finding:
    """The same of a folder that hpsearch finds by itself, or why there is none."""
    try:
        return folder(subject, find(), unwritable, network)
    except TaskError as error:
        return Finding(subject, "not found", unwritable[0], str(error))


def dataset(name: str, find: Callable[[], Path]) -> Finding:
    """Where a data set lies, or how to get it."""
    try:
        return Finding(f"data {name}", str(find()), "ok", f"not read: hpsearch data check {name} does")
    except (TaskError, OSError) as error:
        command = f"hpsearch data fetch {name}"
        remark = str(error) if command in str(error) else f"{error}; or fetch it: {command}"
        return Finding(f"data {name}", "not found", "info", remark)


def extra(name: str, needed: str) -> Finding:
    """Whether an optional package is installed, without importing it; `needed` says what needs it."""
    if find_spec(name):
        return Finding(name, "installed")
    return Finding(name, "not installed", "info", f"{needed}: pip install {name}")


def _torch(features: Sequence[str]) -> list[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library of its own is missing
        return [Finding("torch", "cannot be imported", "wrong", str(error))]
    return [
        Finding(
            "torch", f"{torch.__version__}, {torch.get_num_threads()} threads", "info",
            "workers use one thread each: results depend on their number",
        ),
        *gpus(torch, any(Path(path).exists() for path in ("/dev/nvidiactl", "/proc/driver/nvidia/version"))),
        precision(machine.matrix_gflops(torch.float32), machine.matrix_gflops(torch.bfloat16), features),
    ]  # fmt: skip


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
