"""Does bf16 in the matrix products cost accuracy? The same configurations and seeds in both precisions.

    python benchmarks/precision.py [--configurations 8] [--seeds 5]

`figure8-fsdd`'s task; the first configurations of Sobol's sequence in each method's space. For each method: the mean
difference in validation accuracy, bf16 - fp32, with its 95% interval over configurations (each the mean over seeds),
beside the standard deviation between seeds of one configuration in fp32.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
from scipy import stats

from hpsearch.searchers.sobol import sobol_configuration
from hpsearch.study.kinds import METHOD
from hpsearch.study.plan import read_plan
from hpsearch.study.registry import Registry
from hpsearch.study.shipped import find_study
from hpsearch.system.cores import available_cores
from hpsearch.system.threads import pin_threads

METHODS = ("latent", "filter")


def accuracies(label: str, precision: str, index: int, seeds: int) -> list[float]:
    """Validation accuracy of one configuration, one a seed."""
    task = replace(read_plan(find_study("figure8-fsdd")).task, precision=precision)
    method = Registry().find(METHOD, label)
    configuration = sobol_configuration(method.space, 7, index)
    return [r.objective for r in task.train(method, [configuration] * seeds, list(range(seeds)), "cpu")]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    read_plan(find_study("figure8-fsdd")).task.prepare(lambda *_: None)
    n = arguments.configurations
    with ProcessPoolExecutor(available_cores(), get_context("spawn"), pin_threads) as pool:
        jobs = {
            (label, precision): [pool.submit(accuracies, label, precision, i, arguments.seeds) for i in range(n)]
            for label in METHODS
            for precision in ("fp32", "bf16")
        }
        found = {key: np.array([job.result() for job in futures]) for key, futures in jobs.items()}
    for label in METHODS:
        full, half = found[label, "fp32"], found[label, "bf16"]
        difference = half.mean(axis=1) - full.mean(axis=1)
        error = stats.t.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n)
        between_seeds = np.sqrt(full.var(axis=1, ddof=1).mean())
        print(
            f"{label}: {n} configurations x {arguments.seeds} seeds: fp32 {full.mean():.4f}, bf16 {half.mean():.4f}, "
            f"difference {difference.mean():+.4f} +- {error:.4f} (95%), between seeds {between_seeds:.4f}"
        )


if __name__ == "__main__":
    pin_threads()
    main()
