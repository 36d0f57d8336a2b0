"""Does a task's objective tell configurations apart? Spread between configurations over spread between seeds.

    python benchmarks/separation.py [setting=value ...]

For each method, 30 random configurations of its space with one seed each, and 5 of them with 8 seeds
each: the standard deviation of the validation objective between configurations, that between seeds
(pooled within configurations), and their ratio. A search on a task whose ratio is near 1 chases noise.
Only validation data is looked at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
from settings import parsed

from hpsearch.contracts.searcher import History
from hpsearch.searchers.random import SEARCHER
from hpsearch.study.kinds import METHOD, TASK
from hpsearch.study.registry import Registry
from hpsearch.study.settings import with_settings
from hpsearch.system.cores import available_cores

CONFIGURATIONS, REPEATED, SEEDS = 30, 5, 8


def train(settings: Mapping[str, object], label: str, configurations: list, seeds: list[int]) -> list[float]:
    """Validation objectives of one pack."""
    task = with_settings(Registry().find(TASK, "audio_task"), settings, "task")
    method = Registry().find(METHOD, label)
    return task.objective.counted([r.objective for r in task.train(method, configurations, seeds, "cpu")])


def main() -> None:
    """Print one line per method."""
    settings = parsed(sys.argv[1:])
    task = with_settings(Registry().find(TASK, "audio_task"), settings, "task")
    print(settings, task.prepare(lambda *_: None), flush=True)
    with ProcessPoolExecutor(available_cores()) as processes:
        for label in ("latent", "filter"):
            space = Registry().find(METHOD, label).space
            drawn = SEARCHER.propose(space, [History()] * CONFIGURATIONS, list(range(CONFIGURATIONS)))
            jobs = [(c, 1000 + i) for i, c in enumerate(drawn)]
            jobs += [(c, 2000 + s) for c in drawn[:REPEATED] for s in range(SEEDS)]
            packs = [jobs[start : start + task.pack] for start in range(0, len(jobs), task.pack)]
            futures = [
                processes.submit(train, settings, label, [c for c, _ in pack], [s for _, s in pack]) for pack in packs
            ]
            values = np.concatenate([future.result() for future in futures])
            between, repeated = values[:CONFIGURATIONS], values[CONFIGURATIONS:].reshape(REPEATED, SEEDS)
            configuration_sd = between.std(ddof=1)
            seed_sd = np.sqrt(repeated.var(axis=1, ddof=1).mean())
            print(
                f"{label}: sd between {CONFIGURATIONS} configurations {configuration_sd:.4f}, "
                f"between {SEEDS} seeds (pooled over {REPEATED}) {seed_sd:.4f}, "
                f"ratio {configuration_sd / seed_sd:.1f}; objective from {between.min():.3f} "
                f"over {np.median(between):.3f} to {between.max():.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
