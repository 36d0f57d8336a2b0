"""hpsearch against the plain loop, on slices of Figure 8, alternating.

    python benchmarks/figure8.py [--rounds 3] [--trials 10] [--plain-trials 10] [setting=value ...]

At the settings of `figure8-fsdd`'s task, whose width is 64, and then at width 256 without noise; or at those that are
given. A round is, one after the other, on the same study file:

plain, default threads   one study of each method with plain_loop.py, one after the other, torch's own choice of threads
plain, two processes     the same two studies side by side, one thread each
hpsearch, fp32           `hpsearch run`, all 20 studies of both methods up to their trial `--trials`
hpsearch, auto           the same in the precision that the machine is fast at, where that is not fp32

and gives for each: seconds of wall time and of CPU a training with what it needs besides its proposal, seconds a
proposal that is not quasi-random, the peak of the processes' memory together, and from these the time of the whole,
1,000 trainings and 800 proposals. hpsearch proposes while it trains: its whole is its slice's rate, and its start.
The share of the peak is the arithmetic of the whole's matrix products over what the cores could do meanwhile, by square
products of the precision, measured in each round with a process per core.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from watching import ONE_THREAD, memory

from binarynet.methods import filter as filtering
from binarynet.methods import latent
from hpsearch.contracts.searcher import History
from hpsearch.searchers.botorch import SEARCHER
from hpsearch.searchers.sobol import sobol_configuration
from hpsearch.store.database import Database
from hpsearch.study.plan import read_plan
from hpsearch.study.shipped import find_study
from hpsearch.system.cores import available_cores
from hpsearch.system.machine import precision as precision_on
from hpsearch.system.provenance import processor
from hpsearch.system.rounding import ask_for_even_rounding

PLAIN = Path(__file__).with_name("plain_loop.py")
METHODS, INITIAL = ("latent", "filter"), 5
SETTINGS: tuple[list[str], ...] = ([], ["width=256", "snr_db=clean"])
TRAININGS, PROPOSALS = 500, 400  # of each method in the whole comparison
COLUMNS = (
    "whole, minutes", "trainings a second", "proposals a second", "CPU s a training", "peak MB", "share of the peak",
)  # fmt: skip
PEAK = """
import torch
from hpsearch.system.machine import matrix_gflops
print(matrix_gflops(torch.float32, 1.0), matrix_gflops(torch.bfloat16, 1.0))
"""


def main() -> None:
    """Compare at each of the settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--plain-trials", type=int, default=10)
    parser.add_argument("--proposals", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("settings", nargs="*")
    arguments = parser.parse_args()
    if arguments.proposals:
        ask_for_even_rounding()  # as a run does, whose packs are proposed for together
        print(proposals_a_second())
        return
    for settings in [arguments.settings] if arguments.settings else SETTINGS:
        compare(settings, arguments.rounds, arguments.trials, arguments.plain_trials)


def compare(settings: Sequence[str], rounds: int, trials: int, plain_trials: int) -> None:
    """Run the rounds of one task and print their table."""
    sides = {"plain, default threads": plain_alone, "plain, two processes": plain_in_two, "hpsearch, fp32": ours}
    if precision_on("auto", "cpu") != "fp32":
        sides["hpsearch, auto"] = ours
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    print(f"{processor()}, {available_cores()} cores; {' '.join(settings) or 'as in figure8-fsdd'}")
    with tempfile.TemporaryDirectory(prefix="figure8-") as folder:
        studies = {}
        for precision in ("fp32", "auto"):
            studies[precision] = Path(folder) / f"{precision}.toml"
            studies[precision].write_text(_slice(trials, [*settings, f"precision={precision}"]))
        gflop = gflop_of(read_plan(studies["auto"]).task)
        for number in range(rounds):
            peak = peaks()
            for side, measure in sides.items():
                precision = side.rpartition(" ")[2] if measure is ours else "fp32"
                measured = measure(studies[precision], plain_trials, number)
                speed = peak[precision_on(precision, "cpu")] * available_cores()
                measured[COLUMNS[5]] = len(METHODS) * TRAININGS * gflop / (60 * measured[COLUMNS[0]] * speed)
                found[side].append(measured)
                print(number + 1, side, {k: round(v, 3) for k, v in found[side][-1].items()}, flush=True)
    print(f"\nMedian of {rounds} rounds (smallest to largest):\n\n| | " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * (len(COLUMNS) + 1))
    for side, of_side in found.items():
        print(f"| {side} | " + " | ".join(_spread([r[c] for r in of_side]) for c in COLUMNS) + " |")
    for side in tuple(sides)[:2]:
        for own in tuple(sides)[2:]:
            ratios = [a[COLUMNS[0]] / b[COLUMNS[0]] for a, b in zip(found[side], found[own], strict=True)]
            print(f"\n{side} / {own}, the whole: {_spread(ratios)} times")
    print(f"\n{gflop:.0f} GFLOP a training\n")


def peaks() -> dict[str, float]:
    """GFLOP/s of a core, by precision, while all cores multiply."""
    outputs, _ = watched([[sys.executable, "-c", PEAK]] * available_cores(), ONE_THREAD)
    each = [[float(word) for word in output.split()] for output in outputs]
    return dict(zip(("fp32", "bf16"), (statistics.mean(of_cores) for of_cores in zip(*each, strict=True)), strict=True))


def gflop_of(task: Any) -> float:
    """Operations of the matrix products of one training, in 1e9: its steps, and the evaluations of its curves."""
    data, width = task._data("cpu"), task.width
    weights = [data.validation.inputs.shape[-1] * width, *[width**2] * 2, 10 * width]
    steps = task.epochs * (len(data.training.labels) // task.batch_size)
    forward = 2 * sum(weights)
    seen = (task.epochs - 1) * len(data.watched.labels) + len(data.validation.labels) + len(data.test.labels)
    # Backward, every layer has a product for its weights, and every one but the first another for its inputs.
    return 1e-9 * (steps * task.batch_size * (3 * forward - 2 * weights[0]) + seen * forward)


def plain_alone(study: Path, trials: int, seed: int) -> dict[str, float]:
    """Each method's study after the other."""
    return _plain(study, trials, seed, together=False)


def plain_in_two(study: Path, trials: int, seed: int) -> dict[str, float]:
    """Both at once: a core each, as a user would share out the 40 studies."""
    return _plain(study, trials, seed, together=True)


def _plain(study: Path, trials: int, seed: int, together: bool) -> dict[str, float]:
    commands = [
        [sys.executable, str(PLAIN), "study", m, "--study", str(study), "--trials", str(trials), "--seed", str(seed)]
        for m in METHODS
    ]
    if together:
        outputs, peak = watched(commands, ONE_THREAD)
    else:
        runs = [watched([command], {}) for command in commands]
        outputs, peak = [run[0][0] for run in runs], max(run[1] for run in runs)
    seconds = [json.loads(output.splitlines()[-1]) for output in outputs]
    training = statistics.mean(s["training"] for s in seconds) / trials
    proposing = statistics.mean(s["proposing"] for s in seconds) / (trials - INITIAL)
    side_by_side = len(METHODS) if together else 1
    return {
        COLUMNS[0]: len(METHODS) * (TRAININGS * training + PROPOSALS * proposing) / side_by_side / 60,
        COLUMNS[1]: side_by_side / training,
        COLUMNS[2]: side_by_side / proposing,
        COLUMNS[3]: statistics.mean(s["training_cpu"] for s in seconds) / trials,
        COLUMNS[4]: peak / 1e6,
    }


def ours(study: Path, trials: int, seed: int) -> dict[str, float]:  # noqa: ARG001 a run's seed is its study file's
    """`hpsearch run` with one process per core."""
    file = study.with_name(f"{study.stem}-{seed}.db")
    started = time.time()
    _, peak = watched([[sys.executable, "-m", "hpsearch", "run", str(study), "--database", str(file)]], {})
    wall = time.time() - started
    with Database(file) as database:
        rows = database.all_trials()
    begun, ended = (
        [datetime.fromisoformat(time).timestamp() for time in times]
        for times in ([row.started for row in rows], [row.ended for row in rows])
    )
    rate = len(rows) / (max(ended) - min(begun))
    return {
        COLUMNS[0]: (len(METHODS) * TRAININGS / rate + wall - (max(ended) - min(begun))) / 60,
        COLUMNS[1]: rate,
        COLUMNS[2]: float(watched([[sys.executable, __file__, "--proposals"]], ONE_THREAD)[0][0]),
        COLUMNS[3]: statistics.mean(row.seconds for row in rows),
        COLUMNS[4]: peak / 1e6,
    }


def proposals_a_second() -> float:
    """How many proposals this process makes in a second: packs of ten at 15 trials, both spaces alike."""
    total = 0.0
    for method in (filtering.METHOD, latent.METHOD):
        histories = []
        for study in range(10):
            drawn = tuple(sobol_configuration(method.space, study, i) for i in range(15))
            values = tuple(-sum((u - 0.3) ** 2 for u in method.space.encode(c)) for c in drawn)
            histories.append(History(drawn, values))
        SEARCHER.propose(method.space, histories, range(10))
        started = time.perf_counter()
        SEARCHER.propose(method.space, histories, range(10, 20))
        total += time.perf_counter() - started
    return 20 / total


def watched(commands: Sequence[Sequence[str]], environment: dict[str, str]) -> tuple[list[str], float]:
    """What the commands print, run side by side, and the peak of all their processes' memory in bytes."""
    processes = [
        subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for command in commands
    ]
    peak = 0.0
    while any(process.poll() is None for process in processes):
        peak = max(peak, sum(memory(process.pid) for process in processes))
        time.sleep(0.5)
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"one of {commands} failed")
    return outputs, peak


def _slice(trials: int, settings: Sequence[str]) -> str:
    text = find_study("figure8-fsdd").read_text()
    for name, value in [("trials", str(trials)), *(setting.split("=") for setting in settings)]:
        value = value if re.fullmatch(r"[\d.]+", value) else f'"{value}"'
        text, count = re.subn(rf"^{name} = \S+", f"{name} = {value}", text, count=1, flags=re.MULTILINE)
        if not count:
            raise SystemExit(f"figure8-fsdd has no setting {name}")
    return text


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    main()
