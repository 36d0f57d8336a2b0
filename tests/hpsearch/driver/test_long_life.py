"""Days of running: trials that cost no more at the end than at the beginning, clocks that jump, machines that sleep."""

import itertools
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from datetime import UTC, datetime, timedelta

from hpsearch.report import write_report
from hpsearch.store import file as databases
from hpsearch.store.tables import load_tables
from hpsearch.system import clock
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, run_to_end, table
from tests.tools.waiting import PATIENCE, until


def test_the_last_trials_of_a_long_study_cost_what_the_first_ones_did(own_study, monkeypatch):
    """In steps of SQLite's machine, which grow with the rows that are looked at, and in memory."""
    study = own_study(study=edited(edited(OWN_STUDY, "trials = 6", "trials = 300"), "repeats = 3", "repeats = 1"))
    connect, steps = databases._connect, itertools.count()

    def counted(path, write):
        connection = connect(path, write)
        connection.set_progress_handler(lambda: next(steps) and 0, 10)
        return connection

    monkeypatch.setattr(databases, "_connect", counted)
    at, memory = [], []
    tracemalloc.start()
    with going_on(study) as records:
        for _ in records:
            at.append(next(steps))
            memory.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(at) == 600
    assert at[-1] - at[-101] < 1.5 * (at[150] - at[50])
    # What grows is the driver's own copy of each trial.
    assert (memory[-1] - memory[100]) / 500 < 2_000


def test_a_clock_that_jumps_changes_no_trial_and_no_duration(own_study, monkeypatch):
    study = own_study()
    whole = load_tables(run_to_end(study, "whole.db")).trials
    now, jumps = time.time(), itertools.cycle([0, -86_400, 3, 40 * 365 * 86_400, -5])
    monkeypatch.setattr("hpsearch.driver.pack.time.time", lambda: now + next(jumps))
    monkeypatch.setattr(
        clock, "now", lambda: (datetime.now(UTC) + timedelta(seconds=next(jumps))).isoformat(timespec="milliseconds")
    )
    file = run_to_end(study)
    trials = load_tables(file).trials
    assert trials.drop(columns="seconds").equals(whole.drop(columns="seconds"))
    assert trials["seconds"].between(0, 3600).all()  # no day, and no 40 years
    assert write_report(file, study.with_name("report"))
    assert cli("status", file).returncode == 0


def test_a_machine_that_sleeps_longer_than_the_time_limit_loses_nothing(own_study, gate):
    study = own_study(task=gate.task, study=edited(OWN_STUDY, "seed = 7", "seed = 7\ntime_limit = 8"))
    gate.allow(5)
    file = study.with_name("slept.db")
    process = subprocess.Popen(
        [sys.executable, "-m", "hpsearch", "run", str(study), "--database", str(file), "--quiet"],
        start_new_session=True,
    )
    until(lambda: gate.reached() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(10)
    gate.allow(1000)
    os.killpg(process.pid, signal.SIGCONT)
    assert process.wait(PATIENCE) == 0
    assert table(file) == table(run_to_end(study, "whole.db"))


def test_several_at_once_in_one_folder_do_not_disturb_each_other(own_study):
    study = own_study(task=OWN_TASK)
    whole = table(run_to_end(study, "whole.db"))
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "hpsearch", "run", str(study), "--database", f"{number}.db", "--quiet",
             "--executor", "inline"], cwd=study.parent,
        )
        for number in range(4)
    ]  # fmt: skip
    assert [process.wait(PATIENCE) for process in running] == [0] * 4
    assert all(table(study.with_name(f"{number}.db")) == whole for number in range(4))
