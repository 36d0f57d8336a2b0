"""What days of running cost: 5,000 trials of a toy task, as time and memory over trials; and 20 comparisons at once.

    python benchmarks/long_life.py trials benchmarks/long_life.csv   # 20 studies of 250 trials, then one of 5,000
    python benchmarks/long_life.py together                          # 20 comparisons in one folder, beside each other

A training takes no time, so that all there is to see is the driver: proposing (Sobol points), submitting to two worker
processes, and recording each trial durably.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASK = """
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    value = (configuration["x"] - 0.3) ** 2 + 1e-3 * (seed % 97) / 97
    return Result(value, metrics={"test_loss": 2 * value}, curves={"loss": [1.0, value]})


TASK = FunctionTask(objective, Objective("loss", chance=1.0, direction="minimise"))
"""
STUDY = """
name = "toy"
trials = {trials}
repeats = {repeats}
seed = 1
pack = 1
task = "toy_of_this_benchmark"
searcher = "sobol"
[methods.a]
space.x = [0.0, 1.0]
{second}
"""
SECOND = "[methods.b]\nspace.x = [0.0, 10.0]"
STEP = 500


def written(folder: Path, trials: int, repeats: int, second: str) -> Path:
    """A study file with its task beside it."""
    (folder / "toy_of_this_benchmark.py").write_text(TASK)
    study = folder / f"toy-{repeats}x{trials}.toml"
    study.write_text(STUDY.format(trials=trials, repeats=repeats, second=second))
    return study


def measure(study: Path) -> list[dict[str, object]]:
    """Run it; seconds and megabytes of the driver and of its largest worker after every STEP trials."""
    import psutil

    from hpsearch.driver import layout, loop
    from hpsearch.driver.running import Where
    from hpsearch.store.database import Database
    from hpsearch.study.plan import read_plan

    plan, rows, done, process = read_plan(study), [], 0, psutil.Process()
    executor = Where("processes", workers=2).start(plan.found_in)
    try:
        with Database(study.with_suffix(".db"), write=True) as database:
            layout.prepare(database, plan, str(study), lambda *_: None)
            last = time.monotonic()
            for recorded in loop.run(database, plan, executor, {"executor": "processes"}):
                done += len(recorded.results)
                if done % STEP == 0:
                    workers = [child.memory_info().rss for child in process.children(recursive=True)]
                    now = time.monotonic()
                    rows.append({
                        "study": study.stem, "trials": done, "seconds_of_the_last_500": round(now - last, 2),
                        "driver_mb": round(process.memory_info().rss / 1e6, 1),
                        "worker_mb": round(max(workers) / 1e6, 1),
                    })  # fmt: skip
                    print(rows[-1], flush=True)
                    last = now
    finally:
        executor.close()
    return rows


def together(count: int = 20) -> None:
    """Start that many runs at the same moment in one folder; all must give the table that one alone gives."""
    from hpsearch.store.database import Database

    def table(file: Path) -> list[tuple[object, ...]]:
        with Database(file) as database:
            keys = ("method", "repeat", "trial", "seed", "configuration", "objective", "metrics", "curves", "state")
            return [tuple(str(row._asdict()[key]) for key in keys) for row in database.all_trials()]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = written(folder, 20, 5, SECOND)
        command = [sys.executable, "-m", "hpsearch", "run", str(study), "--quiet", "--workers", "1", "--database"]
        subprocess.run([*command, "alone.db"], cwd=folder, check=True)
        started = time.monotonic()
        running = [subprocess.Popen([*command, f"{number}.db"], cwd=folder) for number in range(count)]
        codes = [process.wait() for process in running]
        seconds = time.monotonic() - started
        alone = table(folder / "alone.db")
        equal = sum(table(folder / f"{number}.db") == alone for number in range(count))
        beside = sorted(path.name for path in folder.iterdir() if path.suffix not in (".db", ".py", ".toml"))
    print(f"{count} comparisons of {len(alone)} trials at once: {seconds:.0f} s; exit codes {sorted(set(codes))};")
    print(f"{equal} of {count} equal the one alone; left beside the databases: {beside}")


def main() -> None:
    """The command line."""
    if sys.argv[1] == "together":
        together()
        return
    with tempfile.TemporaryDirectory() as name:
        rows = measure(written(Path(name), 250, 10, SECOND)) + measure(written(Path(name), 5000, 1, ""))
    with Path(sys.argv[2]).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    from hpsearch.system.threads import pin_threads

    pin_threads()
    main()
