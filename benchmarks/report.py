"""How long the report of a large database takes, and its page to open.

    python benchmarks/report.py [FOLDER]

Makes a database of 20 methods x 40 studies x 100 trials with four to seven hyperparameters, two metrics, a curve of 20
epochs and a few lost trials; times `hpsearch report` on it as a process of its own, and the opening of index.html in
headless Chromium until everything is drawn; then the statistics that cost most, by themselves. Medians of ROUNDS.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

import numpy as np

from hpsearch.contracts.objective import Objective, Result
from hpsearch.contracts.space import Choice, Float, Space, space_as_json
from hpsearch.store.database import Database
from hpsearch.store.rows import Comparison, Measured, MethodRow, NewStudy
from hpsearch.study.schema import Spec

METHODS, STUDIES, TRIALS, EPOCHS, ROUNDS = 20, 40, 100, 20, 3
NOW = "2026-01-01T00:00:00.000+00:00"


def make(path: Path) -> None:
    """Write the database; the objectives are of methods that differ in level and in how fast they are tuned."""
    random = np.random.default_rng(0)
    spaces = {
        f"method-{m:02d}": Space(
            (*tuple(Float(f"h{i}", 0.0001, 1.0, log=True) for i in range(3 + m % 4)), Choice("on", (False, True)))
        )
        for m in range(METHODS)
    }
    resolved = {
        label: {"space": space_as_json(space), "schedules": {}, "settings": {}} for label, space in spaces.items()
    }
    spec = Spec.model_validate(
        {
            "name": "large", "trials": TRIALS, "repeats": STUDIES, "seed": 1, "task": "t",
            "methods": {label: {} for label in spaces},
        }
    )  # fmt: skip
    with Database(path, write=True) as database:
        database.create(
            Comparison(
                name="large", spec=spec, study_file="large.toml", trials=TRIALS, repeats=STUDIES, seed=1,
                pack_size=STUDIES, objective=Objective("validation accuracy", chance=0.1), data={}, created=NOW,
                resolved={"task": {}, "searcher": {}, "methods": resolved},
            ),
            [MethodRow(label, space, {}) for label, space in spaces.items()],
            [NewStudy(label, repeat, repeat, 0) for label in spaces for repeat in range(1, STUDIES + 1)],
        )  # fmt: skip
        run = database.start_run(
            NOW,
            {"command": "hpsearch run large", "processor": "p", "cores": 2, "system": "s", "python": "3", "host": "h",
             "versions": {}, "commit": "c", "executor": "inline", "workers": 0, "device": "cpu"},
        )  # fmt: skip
        measured = Measured(NOW, NOW, 1.5, STUDIES, 1, "h", "cpu")
        for m, space in enumerate(spaces.values()):
            level, speed = 0.9 + 0.002 * m, 0.3 + 0.05 * m
            for trial in range(1, TRIALS + 1):
                studies = [m * STUDIES + s + 1 for s in range(STUDIES)]
                values = level - speed * random.exponential(0.1, STUDIES) / np.sqrt(trial)
                rows, results = [], []
                for study, value in zip(studies, values, strict=True):
                    rows.append(
                        (study, trial, int(random.integers(2**62)), space.decode(random.random(len(space.searched))))
                    )
                    lost = random.random() < 0.01
                    curves = {"train_loss": [float(x) for x in random.random(EPOCHS)]}
                    outcome, reason = ("diverged", "the training loss was nan in epoch 3") if lost else ("complete", "")
                    result = Result(
                        None if lost else float(value), {"test_accuracy": float(value - 0.01), "train_loss": 0.3},
                        curves, outcome, reason,
                    )  # fmt: skip
                    results.append((study, trial, result))
                database.propose(run, NOW, rows)
                database.record(run, results, measured)
        database.end_run(run, NOW)


def open_page(page: Path) -> float:
    """Seconds until the page has drawn everything."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page()
        started = time.perf_counter()
        tab.goto(page.as_uri())
        tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        seconds = time.perf_counter() - started
        assert tab.locator("#trials tbody tr").count() == 25
        browser.close()
    return seconds


def single_statistics() -> None:
    """Seconds of those that resample most, at the sizes that a large report has."""
    from hpsearch.statistics.bootstrap import bootstrap_mean
    from hpsearch.statistics.extra_trials import extra_trials
    from hpsearch.statistics.importance import importance
    from hpsearch.statistics.ranks import mean_ranks

    random = np.random.default_rng(0)
    a, b = (np.maximum.accumulate(random.random((40, 100)), axis=1) for _ in range(2))
    at, finals = random.random((40, 100, 6)), [random.normal(size=40) for _ in range(20)]
    for what, of in (
        ("mean of 40 studies x 100 trials with its band", lambda: bootstrap_mean(a)),
        ("extra trials, 40 studies x 100 trials each", lambda: extra_trials(a, b)),
        (
            "importance of 6 hyperparameters, 40 studies x 100 trials",
            lambda: importance(at, at[..., 0], list("abcdef")),
        ),
        ("ranks of 20 methods, 40 studies each", lambda: mean_ranks(finals)),
    ):
        of()
        times = timeit.repeat(of, number=1, repeat=5)
        print(f"{what}: {statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f}, n = 5)")


def main() -> None:
    """The command line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "large.db"
    if not file.exists():
        make(file)
    print(f"{METHODS} methods x {STUDIES} studies x {TRIALS} trials: {file.stat().st_size / 1e6:.0f} MB", flush=True)
    command = [sys.executable, "-m", "hpsearch", "report", str(file), "--to", str(folder / "report")]
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    print(f"report: {statistics.median(times):.1f} s ({min(times):.1f} to {max(times):.1f}, n = {ROUNDS})", flush=True)
    page = folder / "report" / "index.html"
    times = [open_page(page) for _ in range(ROUNDS)]
    size = page.stat().st_size / 1e6
    print(
        f"page of {size:.1f} MB: {statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f}, n = {ROUNDS})"
    )
    single_statistics()


if __name__ == "__main__":
    main()
