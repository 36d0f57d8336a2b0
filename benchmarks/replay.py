"""Whether trials of a published result repeat to the last bit on this machine.

    python benchmarks/replay.py reports/figure8-fsdd/figure8-fsdd.db 50     # needs FSDD; three minutes

Trains that many trials again, spread evenly over methods, studies and trials, each alone where the run trained
ten together, and counts those of which every number agrees: objective, metrics, and each epoch of each curve.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hpsearch.driver.replay import replay
from hpsearch.store.database import Database
from hpsearch.system.provenance import processor
from hpsearch.system.threads import pin_threads


def main(file: Path, count: int) -> None:
    """Replay, and print one line per trial that differs, and the counts."""
    with Database(file) as database:
        rows = [row for row in database.all_trials() if row.state != "proposed"]
    chosen = [rows[i] for i in np.linspace(0, len(rows) - 1, count).round().astype(int)]
    agreeing, numbers, reasons = 0, 0, set()
    for row in chosen:
        found = replay(file, row.method, row.repeat, row.trial, lambda *_: None)
        agreeing, numbers = agreeing + (not found.differing), numbers + found.numbers
        reasons |= set(found.incomparable)
        if found.differing:
            print(f"{row.method} {row.repeat} {row.trial}: {'; '.join(found.differing)}", flush=True)
    print(f"{agreeing} of {len(chosen)} trials agree in every bit, {numbers} numbers compared; {processor()}")
    for reason in sorted(reasons):
        print(f"not comparable: {reason}")


if __name__ == "__main__":
    pin_threads()
    main(Path(sys.argv[1]), int(sys.argv[2]))
