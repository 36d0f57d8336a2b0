"""The feature pass over 30,000 clips: time, and peak memory of all its processes together.

    python benchmarks/features.py            # 3 GB of disk below $TMPDIR meanwhile, some minutes
    python benchmarks/features.py --kill     # also kills the pass half-way, and times what is left of it

It makes a tree as AudioMNIST's publisher lays it out, of one-second clips at 48 kHz, runs the pass that
`figure8-audiomnist` needs, and deletes everything again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np
import psutil
from watching import ONE_THREAD, memory

from audio_task.corpora.audiomnist import DIGITS, PUBLISHED_RATE, REPETITIONS, SPEAKERS
from hpsearch.study.plan import read_plan
from hpsearch.study.shipped import find_study
from hpsearch.system.provenance import processor


def main() -> None:
    """Make the tree and measure, or be the pass that is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--pass", action="store_true", dest="feature_pass", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.feature_pass:
        print(read_plan(find_study("figure8-audiomnist")).task.prepare(lambda *_: None)["features"])
        return
    with tempfile.TemporaryDirectory(prefix="features-", ignore_cleanup_errors=True) as folder:
        started = time.monotonic()
        make_tree(Path(folder) / "data" / "AudioMNIST" / "data")
        print(f"made 30,000 clips in {time.monotonic() - started:.0f} s; {processor()}, {os.cpu_count()} cores")
        environment = {
            **os.environ,
            "HPSEARCH_DATA": f"{folder}/data",
            "HPSEARCH_CACHE": f"{folder}/cache",
            **ONE_THREAD,
        }
        measure("features of 30,000 clips", environment)
        measure("again, from the cache", environment)
        sizes = [path.stat().st_size for path in Path(f"{folder}/cache").rglob("*") if path.is_file()]
        print(f"cache: {sum(sizes) / 1e6:.0f} MB in {len(sizes)} files")
        if arguments.kill:
            environment["HPSEARCH_CACHE"] = f"{folder}/second-cache"
            measure("killed after 30 s", environment, kill_after=30)
            measure("the rest of it", environment)


def make_tree(folder: Path) -> None:
    """60 x 10 x 50 one-second clips of noise, each different: the pass's cost does not depend on what is said."""
    random = np.random.default_rng(0)
    noise = (3000 * random.standard_normal(4 * PUBLISHED_RATE)).astype("<i2")
    for speaker in SPEAKERS:
        (folder / f"{speaker:02d}").mkdir(parents=True)
        for digit in DIGITS:
            for repetition in REPETITIONS:
                start = random.integers(3 * PUBLISHED_RATE)
                name = f"{digit}_{speaker:02d}_{repetition}.wav"
                with wave.open(str(folder / f"{speaker:02d}" / name), "wb") as file:
                    file.setparams((1, 2, PUBLISHED_RATE, 0, "NONE", ""))
                    file.writeframes(noise[start : start + PUBLISHED_RATE].tobytes())


def measure(what: str, environment: dict[str, str], kill_after: float | None = None) -> None:
    """Run the pass in a process of its own and print its wall time and the peak of its tree's memory."""
    started, peak = time.monotonic(), 0.0
    process = subprocess.Popen([sys.executable, __file__, "--pass"], env=environment, stdout=subprocess.PIPE, text=True)
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        if kill_after is not None and time.monotonic() - started > kill_after:
            for child in [*tree.children(recursive=True), tree]:
                child.kill()
        time.sleep(0.2)
    seconds = time.monotonic() - started
    assert process.stdout is not None
    said = process.stdout.read().strip()
    print(f"{what}: {seconds:.0f} s, peak {peak / 1e6:.0f} MB in all its processes; {said or 'killed'}", flush=True)


if __name__ == "__main__":
    main()
