"""Whatever is killed, and whenever: the same command goes on, and ends in the same table to the last bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hpsearch import database as databases
from hpsearch.database import Database, DatabaseError
from tests.conftest import OWN_STUDY, OWN_TASK, cli
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


def recorded(file: Path) -> int:
    try:
        with Database(file) as database:
            return sum(states.get("complete", 0) for states in database.counts().values())
    except DatabaseError:
        return 0


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
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # a thread's children are its own
    found = [int(word) for text in lists for word in text.read_text().split()]
    return [p for p in found if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


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


def test_a_run_killed_within_its_transactions_loses_and_doubles_nothing(own_study):
    """Between any two statements: the schema's, a proposal's, a result's, the switch of journals at the end."""
    study = own_study(study=OWN_STUDY.replace("trials = 6", "trials = 2"))
    whole = table(run(study, "whole.db"))
    file, chance = study.with_name("killed.db"), random.Random(0)
    for start in (2, 9, 14):
        file.unlink(missing_ok=True)
        kills, number = 0, start
        while killed_at_statement(study, number):
            kills += 1
            number = chance.randrange(12, 60)  # later in the next run, or it would never come to an end
            assert not file.exists() or file.stat().st_size == 0 or recorded(file) <= len(whole)
        assert kills > 1
        assert table(file) == whole
        assert sorted(path.name for path in study.parent.glob("*killed.db*")) == ["killed.db"]


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
