"""Whatever is killed, and whenever: the same command goes on, and ends in the same table to the last bit."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.store import file as database_file
from hpsearch.store.database import Database
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, recorded, table
from tests.tools.studies import run_to_end as run
from tests.tools.waiting import PATIENCE, until


def command(study: Path, workers: int, name: str = "killed.db") -> list[str]:
    words = ["run", str(study), "--database", str(study.with_name(name)), "--quiet", "--workers", str(workers)]
    return [sys.executable, "-m", "hpsearch", *words]


@pytest.mark.parametrize(("workers", "times"), [(1, 1), (2, 3)])
def test_a_run_killed_again_and_again_ends_in_the_same_table(own_study, gate, workers, times):
    study = own_study(task=gate.task)
    gate.allow(1000)
    whole = table(run(study, "whole.db"))
    file = study.with_name("killed.db")
    for _ in range(times):
        before = recorded(file)
        gate.allow(7)
        process = subprocess.Popen(command(study, workers), start_new_session=True)
        until(lambda before=before: gate.reached() and recorded(file) >= before + 5)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    gate.allow(1000)
    assert subprocess.run(command(study, workers), check=False).returncode == 0
    assert table(file) == whole
    with Database(file) as database:
        assert [bool(row.ended) for row in database.runs()] == [False] * times + [True]


def test_a_packed_run_with_ax_killed_in_the_middle_ends_in_the_same_table(own_study, gate):
    text = edited(edited(OWN_STUDY, '"sobol"', '{{ name = "ax", initial = 2 }}'), "trials = 6", "trials = 4\npack = 2")
    study = own_study(
        gate.task, edited(edited(text, "repeats = 3", "repeats = 2"), "[methods.wide]\nspace.x = [0.0, 10.0]", "")
    )
    gate.allow(1000)
    whole = table(run(study, "whole.db"))
    file = study.with_name("killed.db")
    gate.allow(7)
    process = subprocess.Popen(command(study, 1), start_new_session=True)
    until(lambda: gate.reached() and recorded(file) >= 6)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 6 <= recorded(file) < len(whole) == 8
    gate.allow(1000)
    assert subprocess.run(command(study, 1), check=False).returncode == 0
    assert table(file) == whole


def test_workers_die_with_a_killed_driver(own_study, gate):
    study = own_study(task=gate.task)
    process = subprocess.Popen(command(study, 2))
    until(gate.reached)
    workers = children(process.pid)
    assert len(workers) >= 1
    process.kill()
    process.wait()
    until(lambda: not any(map(alive, workers)))


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


def test_a_worker_that_is_killed_costs_nothing_but_time(own_study, gate):
    study = own_study(task=gate.task)
    gate.allow(1000)
    whole = table(run(study, "whole.db"))
    file = study.with_name("killed.db")
    gate.allow(5)
    process = subprocess.Popen(command(study, 2))
    for _ in range(3):
        until(gate.reached)
        os.kill(children(process.pid)[-1], signal.SIGKILL)
        gate.allow(7)
    gate.allow(1000)
    assert process.wait(PATIENCE) == 0
    assert table(file) == whole
    with Database(file) as database:
        attempts = database.failed_attempts()
    assert 1 <= len({row.at for row in attempts}) <= 3
    assert {row.error for row in attempts} == {
        "BrokenExecutor: the worker process died (killed, out of memory, or crashed)"
    }


def killed_at_statement(study, number):
    """A run that gets SIGKILL when SQLite begins the statement of that number; whether it came so far."""
    if (child := os.fork()) == 0:
        try:
            connect, begun = database_file._connect, []

            def traced(path, write):
                connection = connect(path, write)

                def count(statement):
                    begun.append(statement)
                    if len(begun) == number:
                        os.kill(os.getpid(), signal.SIGKILL)

                if write:
                    connection.set_trace_callback(count)
                return connection

            database_file._connect = traced
            run(study, "killed.db")
        finally:
            os._exit(0)  # whatever happened: this process must not go on with the tests
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_run_killed_at_every_third_statement_loses_and_doubles_nothing(own_study):
    """Of those that SQLite begins: the schema's, a proposal's, a result's, the switch of journals at the end."""
    study = own_study(study=edited(edited(OWN_STUDY, "trials = 6", "trials = 2"), "repeats = 3", "repeats = 1"))
    whole = table(run(study, "whole.db"))
    file, number = study.with_name("killed.db"), 1
    while killed_at_statement(study, number):
        kept = []
        if file.exists() and file.stat().st_size:
            with contextlib.closing(sqlite3.connect(file)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            with contextlib.suppress(DatabaseError), Database(file) as database:  # or it holds no comparison yet
                kept = [row for row in database.all_trials() if row.state == "complete"]
        run(study, "killed.db")
        assert table(file) == whole
        with Database(file) as database:
            rows = database.all_trials()
        assert all(row in rows for row in kept)  # as they were: by the same run, with the same times
        assert sorted(path.name for path in study.parent.glob("*killed.db*")) == ["killed.db"]
        file.unlink()
        number += 3
    assert number > 40


KILLED_WRITING = """
import os, signal, sys
from hpsearch.cli.app import main

written = []

def count(event, arguments):
    if event == "open" and "report" in str(arguments[0]) and set(str(arguments[1])) & set("wxa+"):
        written.append(arguments[0])
        if len(written) == {number}:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
main()
"""


@pytest.mark.parametrize("number", [1, 4, 7])
def test_a_report_that_is_killed_leaves_the_database_alone_and_is_written_anew(own_study, number):
    file = run(own_study())
    before = file.read_bytes()
    words = ["report", str(file), "--to", str(file.with_name("report"))]
    killed = subprocess.run([sys.executable, "-c", KILLED_WRITING.format(number=number), *words], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert cli("report", file, "--to", file.with_name("report")).returncode == 0
    assert cli("report", file, "--to", file.with_name("other")).returncode == 0
    files = {path.name: path.read_bytes() for path in file.with_name("report").iterdir()}
    assert files == {path.name: path.read_bytes() for path in file.with_name("other").iterdir()}
    assert file.read_bytes() == before
