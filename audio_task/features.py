"""Features of a corpus in noise: computed in parallel, cached by content, standardised by the training part.

A pass over the clips writes shards, so that memory stays bounded and a pass that was killed goes on where
it stopped; then the shards are standardised into one file a part.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from audio_task.cache import cache_folder, write_whole
from audio_task.corpora import PARTS, Clip, Corpus, Part
from audio_task.log_mel import FFT, FLOOR, FRAMES, MELS, log_mel, noisy, one_thread
from binarynet.training import PRECISIONS, Data, Labelled, Variants
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import Progress
from hpsearch.system.children import end_with_driver, importing_main, kill, without_ctrl_c
from hpsearch.system.cores import available_cores
from hpsearch.system.only_one import only_one

CLIPS_A_SHARD = 128
"""With 8 draws 5 MB and, on one core, about a second."""
WORTH_A_PROCESS = 4
"""Shards; a process takes three seconds to start."""
CHECKSUMS = "checksums.json"

Shape = tuple[int, int, int]
"""Axes of a part's features: draws, clips, MELS * FRAMES."""


@dataclass(frozen=True)
class Features:
    """Standardised features of all parts.

    Attributes:
        inputs: part -> (draws, clips, MELS * FRAMES), float32, memory-mapped from the cache.
        labels: part -> (clips,), the digits.
        description: what was computed, in words.
        corpus: the corpus's identity.
        facts: what else of the corpus belongs in the provenance.
        files: all that they are read from: the cache's and the corpus's, whose identity is looked at each time.
    """

    inputs: dict[Part, NDArray[np.float32]]
    labels: dict[Part, NDArray[np.int64]]
    description: str
    corpus: str
    facts: Mapping[str, str | int]
    files: Sequence[Path]


def cached_features(
    corpus: Corpus, snr_db: float | None, draws: int, evaluation_draws: int, progress: Progress, *, verify: bool = False
) -> Features:
    """Features of a corpus, from the cache or computed into it.

    The cache is a folder named by a hash of the corpus's identity, the parts, the settings and what computes
    them. It is filled beside its place and renamed, so that it is whole or absent. With `verify` its bytes are
    compared with their checksums, and computed anew where a disk has changed one.
    """
    clips = corpus.clips()
    identity = corpus.identity(clips, progress)
    parts: dict[Part, list[Clip]] = {part: [clip for clip in clips if clip.part == part] for part in PARTS}
    counts = {part: draws if part == "training" else evaluation_draws for part in PARTS}
    shapes = {part: (counts[part], len(parts[part]), MELS * FRAMES) for part in PARTS}
    folder = cache_folder() / _key(identity, clips, snr_db, counts)
    inputs = _cached(folder, shapes, verify)
    if inputs is None:
        if importing_main():
            # A process of the pass, importing its driver's script, would wait for ever for its own driver.
            raise TaskError("a script that computes features must do it below `if __name__ == '__main__':`")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = folder.with_name(f".{folder.name}.lock")
            with only_one(lock, "waiting for another process to compute the features", progress):
                inputs = _cached(folder, shapes, verify)
                if inputs is None:
                    _fill(folder, corpus, parts, shapes, snr_db, progress)
                    inputs = _cached(folder, shapes, verify)
        except OSError as error:
            why = error.strerror or error  # NumPy's own errors have no strerror
            raise TaskError(
                f"features cannot be kept in {folder.parent}: {why}; make room there, or let HPSEARCH_CACHE name "
                "another folder; what is computed is kept"
            ) from error
        if inputs is None:
            raise TaskError(f"{folder} changed while it was being filled; run again")
    labels = {part: np.array([clip.digit for clip in parts[part]], np.int64) for part in PARTS}
    noise = "clean" if snr_db is None else f"white noise at {snr_db:g} dB SNR"
    sizes = "/".join(str(len(labels[part])) for part in PARTS)
    description = (
        f"{MELS} log-mel bands x {FRAMES} frames, {noise}, {sizes} clips for {'/'.join(PARTS)}, "
        f"{draws} noise draws of each training clip and {evaluation_draws} of the others"
    )
    files = [*(folder / f"{part}.npy" for part in PARTS), *corpus.files(clips)]
    return Features(inputs, labels, description, identity, corpus.facts(clips), files)


def on_device(features: Features, device: str, precision: str) -> Data:
    """Features as tensors; of validation and test every draw counts as a clip of its own."""
    _, multiply = PRECISIONS[precision]
    inputs = {part: torch.from_numpy(features.inputs[part]).to(device, multiply) for part in PARTS}
    labels = {part: torch.from_numpy(features.labels[part]).to(device) for part in PARTS}

    def flat(part: Part) -> Labelled:
        return Labelled(inputs[part].flatten(0, 1), labels[part].repeat(len(inputs[part])), len(inputs[part]))

    return Data(Variants(inputs["training"], labels["training"]), flat("validation"), flat("test"))


def _cached(folder: Path, shapes: Mapping[Part, Shape], verify: bool) -> dict[Part, NDArray[np.float32]] | None:
    """The arrays of a cache folder, or None where one is missing, cut short, of another shape, or no longer as written.

    Copy on write: workers share the pages, and torch wants arrays that could be written.
    """
    try:
        arrays = {part: np.load(folder / f"{part}.npy", mmap_mode="c") for part in shapes}
        if verify and json.loads((folder / CHECKSUMS).read_bytes()) != _checksums(folder):
            return None
    except (OSError, ValueError, EOFError):
        return None
    whole = all((arrays[part].shape, arrays[part].dtype) == (shape, np.float32) for part, shape in shapes.items())
    return arrays if whole else None


def _checksums(folder: Path) -> dict[str, int]:
    """CRC-32 of each part's file, which finds what a disk did, at a gigabyte a second."""
    found: dict[str, int] = {}
    for part in PARTS:
        with (folder / f"{part}.npy").open("rb") as file:
            found[part] = 0
            while block := file.read(2**20):
                found[part] = zlib.crc32(block, found[part])
    return found


def _key(identity: str, clips: Sequence[Clip], snr_db: float | None, counts: dict[Part, int]) -> str:
    sources = [Path(__file__), Path(__file__).with_name("log_mel.py")]
    made_by = [version("librosa"), version("numpy"), *(hashlib.sha256(p.read_bytes()).hexdigest() for p in sources)]
    split = hashlib.sha256(json.dumps([(clip.name, clip.part) for clip in clips]).encode()).hexdigest()
    settings = [identity, split, snr_db, counts, MELS, FRAMES, FFT, FLOOR]
    return hashlib.sha256(json.dumps([*settings, *made_by]).encode()).hexdigest()[:32]


def _fill(
    folder: Path,
    corpus: Corpus,
    parts: dict[Part, list[Clip]],
    shapes: Mapping[Part, Shape],
    snr_db: float | None,
    progress: Progress,
) -> None:
    partial_folder = folder.with_name(f".partial-{folder.name}")
    shards = {
        part: _compute(corpus, clips, shapes[part][0], snr_db, partial_folder / part) for part, clips in parts.items()
    }
    _run([job for _, jobs in shards.values() for job in jobs], sum(map(len, parts.values())), progress)
    files = {part: paths for part, (paths, _) in shards.items()}
    mean, deviation = _statistics(files["training"], shapes["training"])
    for part in PARTS:
        write_whole(
            partial_folder / "whole" / f"{part}.npy",
            partial(_write_standardised, files[part], shapes[part], mean, deviation),
        )
    checksums = json.dumps(_checksums(partial_folder / "whole")).encode()
    write_whole(partial_folder / "whole" / CHECKSUMS, lambda file: file.write(checksums))
    shutil.rmtree(folder, ignore_errors=True)  # one that lost a file
    (partial_folder / "whole").rename(folder)
    shutil.rmtree(partial_folder)


Job = Callable[[], int]
"""Computes a shard and returns its number of clips."""


def _compute(
    corpus: Corpus, clips: Sequence[Clip], draws: int, snr_db: float | None, folder: Path
) -> tuple[list[Path], list[Job]]:
    """The part's shards, and a job for each, also for those that are there from before."""
    paths: list[Path] = []
    jobs: list[Job] = []
    for first in range(0, len(clips), CLIPS_A_SHARD):
        paths.append(folder / f"{first:06d}.npy")
        jobs.append(partial(_compute_shard, corpus, clips[first : first + CLIPS_A_SHARD], draws, snr_db, paths[-1]))
    return paths, jobs


def _compute_shard(corpus: Corpus, clips: Sequence[Clip], draws: int, snr_db: float | None, path: Path) -> int:
    if not _is_whole(path, (draws, len(clips), MELS * FRAMES)):
        raw = np.empty((draws, len(clips), MELS * FRAMES), np.float32)
        with one_thread():
            for number, clip in enumerate(clips):
                raw[:, number] = log_mel(noisy(clip.name, corpus.samples(clip), snr_db, draws))
        write_whole(path, partial(_write_checked, raw))
    return len(clips)


def _write_checked(raw: NDArray[np.float32], file: BinaryIO) -> None:
    """An .npy file with the CRC-32 of its array behind it, which nobody but `_is_whole` reads."""
    np.save(file, raw)
    file.write(zlib.crc32(raw.data).to_bytes(4, "big"))


def _is_whole(path: Path, shape: Shape) -> bool:
    """Whether a shard of an earlier pass is there and as it was written."""
    try:
        raw = np.load(path)
        return bool(raw.shape == shape) and zlib.crc32(raw.data).to_bytes(4, "big") == path.read_bytes()[-4:]
    except (OSError, ValueError, EOFError):
        return False


def _run(jobs: Sequence[Job], clips: int, progress: Progress) -> None:
    """All jobs, in processes where there are enough of them."""
    done = 0
    progress("computing features", done, clips)
    if len(jobs) <= WORTH_A_PROCESS:
        for job in jobs:
            done += job()
            progress("computing features", done, clips)
        return
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(available_cores(), spawned, end_with_driver) as pool:
        try:
            with without_ctrl_c():
                futures = [pool.submit(job) for job in jobs]
            for future in as_completed(futures):
                done += future.result()
                progress("computing features", done, clips)
        except BrokenProcessPool as error:
            raise TaskError(
                "a process that computes features died (killed, out of memory, or begun by a script that lacks "
                "`if __name__ == '__main__':`); what is computed is kept"
            ) from error
        except BaseException:
            kill(pool)  # what they were writing is not whole, and so not there
            raise


def _statistics(shards: Sequence[Path], shape: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of each feature over draws and clips, row by row in the order NumPy has for a whole array."""

    def over_all(of: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        draws, clips, features = shape
        total = np.zeros(features)
        for draw in range(draws):
            for path in shards:
                rows = of(np.load(path, mmap_mode="r")[draw].astype(np.float64))
                total = np.add.reduce(np.concatenate([total[None], rows]), axis=0)
        return total / (draws * clips)

    mean = over_all(lambda rows: rows)
    deviation = np.sqrt(over_all(lambda rows: np.square(rows - mean)))
    return mean, deviation + 1e-6  # a band may be silent throughout


def _write_standardised(
    shards: Sequence[Path],
    shape: Shape,
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    file: BinaryIO,
) -> None:
    """An .npy file of all shards, draw by draw, written without holding more than one of them."""
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for draw in range(shape[0]):
        for path in shards:
            rows = np.load(path, mmap_mode="r")[draw]
            file.write(np.asarray((rows - mean) / deviation, np.float32).tobytes())
