"""Kills a comparison with SIGKILL at random instants, again and again, and compares its end with an undisturbed run's.

    python benchmarks/kill.py run benchmarks/kill.csv      # all combinations, resumable; hours beside other work
    python benchmarks/kill.py run benchmarks/kill.csv many # only the one that is killed at least 100 times; or short
    python benchmarks/kill.py table benchmarks/kill.csv    # the Markdown table
    python benchmarks/kill.py parts [N]                    # N times each: a worker, the driver alone, report, confirm,
                                                           # the feature pass, a download (of FSDD, which must be here)
    python benchmarks/kill.py stop [N]                     # how soon Ctrl-C and SIGTERM end a run, N times each

The task is the demo's, cut to 30 or 5 epochs. A run's life is drawn uniformly from 0 to a bound: LIVES times what it
takes to start, later what makes about 120 kills of the whole (8 in the other combinations). Then all its processes get
SIGKILL at once, and the same command goes on. A kill counts as in flight where that run had begun and proposals lay in
the database without results. At the end the trials table must equal the undisturbed one's in every bit: configurations,
objectives, metrics, curves, seeds, states.

The databases stay in hpsearch-kill in the temporary folder; remove them when the code has changed.
"""

from __future__ import annotations

import csv
import http.server
import io
import math
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LIVES = 6.0
COMBINATIONS = [
    # (searcher, pack, workers, trials of each of 20 studies per method, epochs, methods); the first: over 100 kills
    ("botorch", 4, 2, 96, 30, ("latent", "filter")),
    *(("botorch", p, w, 6, 5, ("latent", "filter")) for p, w in ((1, 1), (1, 2), (20, 2))),
    *(("ax", p, w, 6, 5, ("filter",)) for p, w in ((1, 2), (4, 1), (20, 2))),
    *(("botorch", p, w, 6, 5, ("latent", "filter")) for p, w in ((4, 1), (20, 1))),
    *(("ax", p, w, 6, 5, ("filter",)) for p, w in ((1, 1), (4, 2), (20, 1))),
]
REPEATS = 20

STUDY = """
name = "kill"
trials = {trials}
repeats = {repeats}
seed = 5
pack = {pack}
searcher = {{ name = "{searcher}", initial = 5 }}

[task]
name = "audio_task"
corpus = "synthetic"
voices = 40
takes = 3
snr_db = -6.0
draws = 4
evaluation_draws = 2
width = 64
epochs = {epochs}
batch_size = 32
activation_gradient = "clip"

{methods}
"""


def study_text(
    searcher: str = "botorch",
    pack: int = 4,
    trials: int = 8,
    epochs: int = 10,
    labels: Sequence[str] = ("latent", "filter"),
) -> str:
    """A study file."""
    methods = "\n".join(f"[methods.{label}]" for label in labels)
    return STUDY.format(searcher=searcher, pack=pack, trials=trials, epochs=epochs, repeats=REPEATS, methods=methods)


def command(study: Path, file: Path, workers: int) -> list[str]:
    """What a user types."""
    words = ["run", str(study), "--database", str(file), "--workers", str(workers), "--quiet"]
    return [sys.executable, "-m", "hpsearch", *words]


def trials(file: Path) -> list[dict[str, Any]]:
    """Everything of every trial that may not depend on how often it was interrupted."""
    from hpsearch.store.database import Database

    changing = {"run_id", "proposed", "started", "ended", "seconds", "attempts", "host"}
    with Database(file) as database:
        return [{k: v for k, v in row._asdict().items() if k not in changing} for row in database.all_trials()]


def phase(file: Path, runs_before: int) -> str:
    """What the run that was just killed was at: starting, a pack in flight, or neither (proposing, or at its end)."""
    from hpsearch.contracts.errors import DatabaseError
    from hpsearch.store.database import Database

    try:
        with Database(file) as database:
            if len(database.runs()) == runs_before:
                return "starting"
            return "in_flight" if any(states.get("proposed") for states in database.counts().values()) else "between"
    except DatabaseError:
        return "starting"


def runs(file: Path) -> int:
    """How many runs the database knows."""
    from hpsearch.contracts.errors import DatabaseError
    from hpsearch.store.database import Database

    try:
        with Database(file) as database:
            return len(database.runs())
    except DatabaseError:
        return 0


def longest_life(start: float, work: float) -> float:
    """Bound b of lives uniform from 0 to b that do `work` seconds of work on average, (b - start)^2 / 2b."""
    return start + work + math.sqrt((start + work) ** 2 - start**2)


def killed(study: Path, file: Path, workers: int, start: float, seed: int, planned: int, wanted: int) -> Counter[str]:
    """Run to the end through about `wanted` kills at random instants; returns how many hit each phase."""
    draw, phases = random.Random(seed), Counter({"starting": 0, "in_flight": 0, "between": 0})
    bound, worked = LIVES * start, 0.0
    while True:
        before = runs(file)
        life = draw.uniform(0, bound)
        process = subprocess.Popen(command(study, file, workers), start_new_session=True)
        try:
            if process.wait(life) == 0:
                return phases
            raise SystemExit(f"the run ended by itself with code {process.returncode}")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        phases[phase(file, before)] += 1
        worked += max(0.0, life - start)
        done = len(trials(file)) if runs(file) else 0
        if done and phases.total() >= 5:
            # As fast as until now, what is left would be done after as many kills as are wanted.
            left = worked * (planned - done) / done
            # Three times a start at least, or a run for the last trials would never come to its end.
            bound = max(3 * start, longest_life(start, left / max(1, wanted - phases.total())))
        if phases.total() % 10 == 0:
            print(f"{phases.total()} kills, {dict(phases)}, {done} trials proposed", flush=True)


def undisturbed(study: Path, file: Path, workers: int) -> None:
    """Run to the end without a kill; what an earlier call of this benchmark left goes on."""
    subprocess.run(command(study, file, workers), check=True)


def start_of(study: Path, workers: int) -> float:
    """Seconds until a run has recorded that it began, the median of three."""
    found = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            started, file = time.monotonic(), Path(folder) / "start.db"
            process = subprocess.Popen(command(study, file, workers), start_new_session=True)
            while not runs(file):
                time.sleep(0.05)
            found.append(time.monotonic() - started)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return statistics.median(found)


def children(pid: int) -> list[int]:
    """The worker processes of a driver."""
    import psutil

    found = psutil.Process(pid).children(recursive=True)
    return [child.pid for child in found if "spawn_main" in " ".join(child.cmdline())]


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody waits for does not."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def only_workers(study: Path, file: Path, kills: int, draw: random.Random, pause: float = 6.0) -> str:
    """A run goes on through kills of its workers, at instants uniform within `pause` seconds of the last.

    Much closer, and a trial may lose all its tries, which cannot be told from one that kills its worker.
    """
    import psutil

    hit = 0
    while hit < kills:
        file.unlink(missing_ok=True)
        process = subprocess.Popen(command(study, file, 2))
        while process.poll() is None and hit < kills:
            time.sleep(draw.uniform(0, pause))
            with suppress(psutil.Error, IndexError, ProcessLookupError):
                os.kill(draw.choice(children(process.pid)), signal.SIGKILL)
                hit += 1
        assert process.wait() == 0
    return f"{hit} workers killed"


def only_driver(study: Path, file: Path, kills: int, draw: random.Random) -> str:
    """Workers must be gone soon after their driver, and the next run go on."""
    hit = with_workers = 0
    while hit < kills:
        file.unlink(missing_ok=True)
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            process = subprocess.Popen(command(study, file, 2))
            try:
                code = process.wait(draw.uniform(0, 20) if hit < kills else None)
            except subprocess.TimeoutExpired:
                workers = children(process.pid)
                process.kill()
                code = process.wait()
                hit, with_workers = hit + 1, with_workers + bool(workers)
                gone = time.monotonic() + 5
                while any(alive(pid) for pid in workers):
                    assert time.monotonic() < gone, "a worker outlived its driver"
                    time.sleep(0.05)
        assert code == 0
    return f"{hit} drivers killed, {with_workers} of them with workers, which ended within 5 s"


def other_command(words: list[str], kills: int, draw: random.Random, seconds: float, made: Path) -> int:
    """Kill a command at instants uniform over what it takes, then let it finish; returns how many kills hit it."""
    hit = 0
    while hit < kills:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            if process.wait(draw.uniform(0, seconds)):
                raise SystemExit(f"{words} failed after a kill")
            shutil.rmtree(made, ignore_errors=True)  # it was done: begin anew
            made.with_suffix(".db").unlink(missing_ok=True)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            hit += 1
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    return hit


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def feature_pass(folder: Path, kills: int, draw: random.Random) -> str:
    """Kill a run at instants uniform over an undisturbed one's pass; the cache must end in the same bytes."""

    def run(cache: Path, seconds: float | None) -> bool:
        words = command(study, cache.with_suffix(".db"), 1)
        process = subprocess.Popen(words, start_new_session=True, env=os.environ | {"HPSEARCH_CACHE": str(cache)})
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return False

    def computed(cache: Path) -> dict[str, bytes]:
        return {name: found for name, found in contents(cache).items() if not Path(name).name.startswith(".")}

    study = folder / "features.toml"
    text = study_text("sobol", 1, 1, 1).replace(", initial = 5", "").replace("repeats = 20", "repeats = 1")
    study.write_text(text.replace("voices = 40", "voices = 400"))
    whole, at = folder / "cache-whole", []
    process = subprocess.Popen(
        command(study, folder / "cache-whole.db", 1), env=os.environ | {"HPSEARCH_CACHE": str(whole)}
    )
    started = time.monotonic()
    while process.poll() is None:
        if any(whole.glob("audio/.partial-*")):
            at.append(time.monotonic() - started)
        time.sleep(0.01)
    expected = computed(whole)
    hit = within = number = 0
    equal = True
    while hit < kills:
        cache, number = folder / f"cache-{number}", number + 1
        while not run(cache, draw.uniform(at[0], at[-1]) if hit < kills else None):
            hit, within = hit + 1, within + any(cache.glob("audio/.partial-*"))
        equal &= computed(cache) == expected
    return f"{hit} kills of a run that computes features, {within} within the pass; caches equal in every byte: {equal}"


def download(folder: Path, kills: int, draw: random.Random) -> str:
    """Kill a fetch from a server on this machine, which takes its time; the data set must end in the same bytes."""
    from hpsearch.study.kinds import DATASET
    from hpsearch.study.registry import Registry

    recordings = Registry().find(DATASET, "fsdd").find()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(recordings.glob("*.wav")):
            archive.write(path, f"fsdd-master/recordings/{path.name}")
    body, ranges, begun = packed.getvalue(), [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
            ranges.append(start)
            begun.append(time.monotonic())
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Type", "application/zip")
            self.send_header("ETag", '"one"')
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            with suppress(OSError):
                for at in range(start, len(body), 2**16):
                    self.wfile.write(body[at : at + 2**16])
                    time.sleep(0.01)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/fsdd.zip"
    hit = number = 0
    span, equal = (0.0, 0.0), True
    while hit < kills:
        data, number = folder / f"data-{number}", number + 1
        data.mkdir()
        words = [sys.executable, "-m", "hpsearch", "data", "fetch", "fsdd", "--data", str(data), "--from", address]
        done = False
        while not done:
            started = time.monotonic()
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                # The first is not disturbed, and tells when its download begins and when it has ended.
                done = process.wait(draw.uniform(*span) if span[1] and hit < kills else None) == 0
                span = span if span[1] else (begun[0] - started, time.monotonic() - started)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                hit += 1
        names = {path.name: path.read_bytes() for path in data.rglob("*.wav")}
        equal &= names == {path.name: path.read_bytes() for path in recordings.glob("*.wav")}
        equal &= not list(data.glob(".fetching-*"))
    server.shutdown()
    resumed = sum(start > 0 for start in ranges)
    return f"{hit} kills of a download, resumed in its middle {resumed} times; recordings equal in every byte: {equal}"


def stop(count: int) -> None:
    """Seconds from a signal to the whole process group, as a terminal sends it, to the run's end with its exit code.

    At instants uniform from 1 to 20 s of a run's life, with packs that take seconds (200 epochs).
    """
    draw = random.Random(2)
    with tempfile.TemporaryDirectory() as name:
        study = Path(name) / "stop.toml"
        study.write_text(study_text(epochs=200))
        for sign, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for words in (["--workers", "2"], ["--executor", "inline"]):
                seconds = []
                while len(seconds) < count:
                    file = Path(name) / f"{sign}-{len(seconds)}-{len(words[1])}.db"
                    run = [sys.executable, "-m", "hpsearch", "run", str(study), "--database", str(file), *words]
                    process = subprocess.Popen(
                        [*run, "--quiet"], start_new_session=True, stderr=subprocess.DEVNULL,
                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                    )  # fmt: skip
                    time.sleep(draw.uniform(1, 20))
                    asked = time.monotonic()
                    os.killpg(process.pid, sign)
                    assert process.wait() == code, process.returncode
                    seconds.append(time.monotonic() - asked)
                found = f"median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s, n = {count}"
                print(f"{sign.name}, {' '.join(words)}: {found}", flush=True)


def parts(kills: int) -> None:
    """Kills of one part or another command, each `kills` times, and whether the end is the undisturbed one's."""
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study, whole = folder / "kill.toml", folder / "whole.db"
        study.write_text(study_text())
        undisturbed(study, whole, 2)
        expected, before = trials(whole), whole.read_bytes()
        for kill in (only_workers, only_driver):
            said = kill(study, folder / "killed.db", kills, draw)
            print(f"{said}; trials equal in every bit: {trials(folder / 'killed.db') == expected}", flush=True)
        for what, words in (("report", []), ("confirm", ["--seeds", "2", "--workers", "2", "--quiet"])):
            made, other = folder / f"whole-{what}", folder / f"other-{what}"
            words = [sys.executable, "-m", "hpsearch", what, str(whole), *words]
            files = (lambda place: ["--database", str(place) + ".db"]) if what == "confirm" else (lambda _: [])
            started = time.monotonic()
            subprocess.run([*words, *files(other), "--to", str(other)], stdout=subprocess.DEVNULL, check=True)
            seconds = time.monotonic() - started
            hit = other_command([*words, *files(made), "--to", str(made)], kills, draw, seconds, made)
            if what == "confirm":
                equal = trials(made.with_suffix(".db")) == trials(other.with_suffix(".db"))
                print(f"{what} killed {hit} times; its trials equal in every bit: {equal}", flush=True)
            else:
                equal = contents(made) == contents(other)
                print(f"{what} killed {hit} times; files equal in every byte: {equal}", flush=True)
            print(f"the comparison's file is unchanged: {whole.read_bytes() == before}", flush=True)
        print(feature_pass(folder, kills, draw), flush=True)
        print(download(folder, kills, draw), flush=True)


def main() -> None:
    """The command line."""
    if sys.argv[1] in ("parts", "stop"):
        {"parts": parts, "stop": stop}[sys.argv[1]](int((sys.argv[2:] or ["20"])[0]))
        return
    what, out = sys.argv[1], Path(sys.argv[2])
    done = list(csv.DictReader(out.open())) if out.exists() else []
    if what == "table":
        print("| searcher | pack | workers | trials | kills | starting | in flight | between | equal in every bit |")
        print("|---" * 9 + "|")
        for row in done:
            print("| " + " | ".join(row.values()) + " |")
        return
    chosen = {"many": COMBINATIONS[:1], "short": COMBINATIONS[1:]}.get((sys.argv[3:] or [""])[0], COMBINATIONS)
    for combination in chosen:
        searcher, pack, workers, length, epochs, labels = combination
        if any((r["searcher"], r["pack"], r["workers"]) == (searcher, str(pack), str(workers)) for r in done):
            continue
        folder = Path(tempfile.gettempdir()) / "hpsearch-kill" / f"{searcher}-{pack}-{workers}"
        folder.mkdir(parents=True, exist_ok=True)
        study, whole, file = folder / "kill.toml", folder / "whole.db", folder / "killed.db"
        study.write_text(study_text(searcher=searcher, pack=pack, trials=length, epochs=epochs, labels=labels))
        file.unlink(missing_ok=True)
        print(f"{searcher}, packs of {pack}, {workers} workers, {len(labels) * REPEATS * length} trials", flush=True)
        undisturbed(study, whole, workers)
        planned = len(labels) * REPEATS * length
        sizes = (planned, 120 if combination == COMBINATIONS[0] else 8)
        phases = killed(study, file, workers, start_of(study, workers), COMBINATIONS.index(combination), *sizes)
        equal = trials(whole) == trials(file)
        row = {
            "searcher": searcher, "pack": pack, "workers": workers, "trials": planned,
            "kills": phases.total(), **phases, "equal": "yes" if equal else "NO",
        }  # fmt: skip
        print(row, flush=True)
        new = not out.exists()
        with out.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


if __name__ == "__main__":
    from hpsearch.system.threads import pin_threads

    pin_threads()
    main()
