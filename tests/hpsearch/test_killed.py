"""Whatever is killed, and whenever: the same command goes on, and ends in the same table to the last bit."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hpsearch import database as databases
from hpsearch.database import Database, DatabaseError
from tests.conftest import OWN_STUDY, OWN_TASK, cli, recorded, until
from tests.conftest import run_to_end as run
from tests.hpsearch.test_comparison import table

SLOW_TASK = OWN_TASK.replace(
    "def objective(configuration, seed):", "def objective(configuration, seed):\n    import time; time.sleep(0.05)"
)


@pytest.mark.parametrize(("workers", "times"), [(1, 1), (2, 3)])
def test_a_run_killed_again_and_again_ends_in_the_same_table(own_study, workers, times):
    study = own_study(task=SLOW_TASK, study=OWN_STUDY.replace("trials = 6", "trials = 16"))
    whole = table(run(study, "whole.db"))
    file = study.parent / "killed.db"
    command = [
        sys.executable,
        "-m",
        "hpsearch.cli",
        "run",
        str(study),
        "--database",
        str(file),
        "--workers",
        str(workers),
    ]
    kills = 0
    for attempt in range(12):
        process = subprocess.Popen([*command, "--quiet"], start_new_session=True)
        before = recorded(file)
        if attempt < times:
            # In the middle of the work: after some records of this attempt's own, and before its end.
            while process.poll() is None and recorded(file) < before + 7 + 5 * attempt:
                time.sleep(0.03)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                kills += 1
            process.wait()
        elif process.wait() == 0:
            break
    assert kills == times
    assert table(file) == whole
    with Database(file) as database:
        assert [bool(row["ended"]) for row in database.runs()] == [False] * times + [True]


def test_a_packed_run_with_ax_killed_in_the_middle_ends_in_the_same_table(own_study):
    text = OWN_STUDY.replace('"sobol"', '{{ name = "ax", initial = 2 }}').replace("trials = 6", "trials = 4\npack = 2")
    study = own_study(
        study=text.replace("repeats = 3", "repeats = 2").replace("[methods.wide]\nspace.x = [0.0, 10.0]", "")
    )
    whole = table(run(study, "whole.db"))
    file = study.with_name("killed.db")
    command = [sys.executable, "-m", "hpsearch.cli", "run", str(study), "--database", str(file), "--quiet"]
    process = subprocess.Popen(command, start_new_session=True)
    while process.poll() is None and recorded(file) < 6:
        time.sleep(0.03)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 6 <= recorded(file) < len(whole) == 8
    assert subprocess.run(command, check=False).returncode == 0
    assert table(file) == whole


def test_workers_die_with_a_killed_driver(own_study):
    study = own_study(task=OWN_TASK.replace("value = ", "import time; time.sleep(30); value = "))
    file = study.parent / "killed.db"
    process = subprocess.Popen(
        [sys.executable, "-m", "hpsearch.cli", "run", str(study), "--database", str(file), "--quiet"]
    )
    deadline = time.monotonic() + 60
    while not (workers := children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert workers
    process.kill()
    process.wait()
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))


def children(pid: int) -> list[int]:
    threads = [path.name for path in Path(f"/proc/{pid}/task").glob("*")]  # a thread's children are its own
    found = [int(word) for thread in threads for word in of(pid, f"task/{thread}/children").split()]
    return [p for p in found if b"spawn_main" in of(p, "cmdline")]


def of(pid: int, what: str) -> bytes:
    """A file of /proc about a process; empty if that has ended."""
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def alive(pid: int) -> bool:
    """A process that ended and that nobody waits for is there, and dead."""
    return of(pid, "stat").rpartition(b")")[2].split()[:1] not in ([], [b"Z"], [b"X"])


def test_a_worker_that_is_killed_costs_nothing_but_time(own_study):
    study = own_study(task=SLOW_TASK, study=OWN_STUDY.replace("trials = 6", "trials = 16"))
    whole = table(run(study, "whole.db"))
    file = study.parent / "killed.db"
    command = [sys.executable, "-m", "hpsearch.cli", "run", str(study), "--database", str(file), "--workers", "2"]
    process = subprocess.Popen([*command, "--quiet"])
    for count in (5, 30, 60):
        until(lambda count=count: recorded(file) >= count)
        os.kill(children(process.pid)[-1], signal.SIGKILL)
    assert process.wait(60) == 0
    assert table(file) == whole
    with Database(file) as database:
        attempts = database.failed_attempts()
    assert 1 <= len({row["at"] for row in attempts}) <= 3
    assert {row["error"] for row in attempts} == {
        "BrokenExecutor: the worker process died (killed, out of memory, or crashed)"
    }


def killed_at_statement(study, number):
    """A run that gets SIGKILL when SQLite begins the statement of that number; whether it came so far."""
    if (child := os.fork()) == 0:
        connect, begun = databases._connect, []

        def traced(path, write):
            connection = connect(path, write)

            def count(statement):
                begun.append(statement)
                if len(begun) == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            if write:
                connection.set_trace_callback(count)
            return connection

        databases._connect = traced
        try:
            run(study, "killed.db")
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_run_killed_at_every_third_statement_loses_and_doubles_nothing(own_study):
    """Of those that SQLite begins: the schema's, a proposal's, a result's, the switch of journals at the end."""
    study = own_study(study=OWN_STUDY.replace("trials = 6", "trials = 2").replace("repeats = 3", "repeats = 1"))
    whole = table(run(study, "whole.db"))
    file, number = study.with_name("killed.db"), 1
    while killed_at_statement(study, number):
        kept = []
        if file.exists() and file.stat().st_size:
            with contextlib.closing(sqlite3.connect(file)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            with contextlib.suppress(DatabaseError), Database(file) as database:  # or it holds no comparison yet
                kept = [row for row in database.all_trials() if row["state"] == "complete"]
        run(study, "killed.db")
        assert table(file) == whole
        with Database(file) as database:
            rows = database.all_trials()
        assert all(row in rows for row in kept)  # as they were: by the same run, with the same times
        assert sorted(path.name for path in study.parent.glob("*killed.db*")) == ["killed.db"]
        file.unlink()
        number += 3
    assert number > 40


def test_a_report_that_is_killed_leaves_the_database_alone_and_is_written_anew(own_study):
    file = run(own_study())
    before = file.read_bytes()
    command = [sys.executable, "-m", "hpsearch.cli", "report", str(file), "--to", str(file.with_name("report"))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: len(list(file.with_name("report").glob("*"))) >= 3)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert cli("report", file, "--to", file.with_name("report")).returncode == 0
    assert cli("report", file, "--to", file.with_name("other")).returncode == 0
    files = {path.name: path.read_bytes() for path in file.with_name("report").iterdir()}
    assert files == {path.name: path.read_bytes() for path in file.with_name("other").iterdir()}
    assert file.read_bytes() == before
