"""What a training costs on one core: by pack size, and which operations take the time.

    python benchmarks/step.py packs [setting=value ...]      # CPU seconds per training, by pack size
    python benchmarks/step.py profile [setting=value ...]    # the PyTorch profiler's table of one pack

Settings are those of `figure8-fsdd`'s task, or others that are given: width=256 snr_db=clean. One thread; each pack
size is measured in turn, `ROUNDS` times over, and the median is printed with the smallest and the largest.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace

from settings import parsed

from hpsearch.system.threads import pin_threads

PACKS, ROUNDS = (1, 2, 5, 10, 20), 3


def main() -> None:
    """The command line."""
    import torch

    from hpsearch.searchers.sobol import sobol_configuration
    from hpsearch.study.kinds import METHOD
    from hpsearch.study.plan import read_plan
    from hpsearch.study.registry import Registry
    from hpsearch.study.shipped import find_study

    what, settings = sys.argv[1], parsed(sys.argv[2:])
    task = replace(read_plan(find_study("figure8-fsdd")).task, **settings)
    task.prepare(lambda *_: None)
    methods = {label: Registry().find(METHOD, label) for label in ("latent", "filter")}

    def train(label: str, k: int, epochs: int | None = None) -> float:
        configurations = [sobol_configuration(methods[label].space, 1, i) for i in range(k)]
        used = replace(task, epochs=epochs) if epochs else task
        used.train(methods[label], configurations, range(k), "cpu")  # data and memory in place
        started = time.process_time()
        used.train(methods[label], configurations, range(k), "cpu")
        return (time.process_time() - started) / k

    if what == "packs":
        print(
            f"{task}\n| method | " + " | ".join(f"pack of {k}" for k in PACKS) + " |\n|" + " --- |" * (len(PACKS) + 1)
        )
        for label in methods:
            seconds: dict[int, list[float]] = {k: [] for k in PACKS}
            for _ in range(ROUNDS):
                for k in PACKS:
                    seconds[k].append(train(label, k, epochs=4) * task.epochs / 4)
            cells = [f"{statistics.median(s):.3f} ({min(s):.3f} to {max(s):.3f})" for s in seconds.values()]
            print(f"| {label} | " + " | ".join(cells) + " |", flush=True)
        return
    for label in methods:
        train(label, task.pack, epochs=1)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
            train(label, task.pack, epochs=2)
        print(
            label, profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=14, max_name_column_width=40)
        )


if __name__ == "__main__":
    pin_threads()
    main()
