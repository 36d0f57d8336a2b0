"""`status` says whether a comparison runs: it asks the lock, not what a run that was killed has left in the file."""

import os
import re
import shlex
import shutil
import sqlite3

import pytest

from hpsearch.store.database import Database
from tests.tools.commands import cli
from tests.tools.studies import going_on, run_to_end


def last_line(file):
    done = cli("status", file, COLUMNS="40")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()[-1]


@pytest.fixture
def study(own_study):
    return own_study()


def change(file, sql, *values):
    with sqlite3.connect(file) as connection:
        connection.execute(sql, values)
    connection.close()


def test_while_it_runs_it_says_who_runs_it_and_since_when(study):
    with going_on(study, "own.db") as records:
        next(records)
        said = last_line(study.with_name("own.db"))
    assert re.fullmatch(rf"running: process {os.getpid()} on \S+, since 2\d\d\d-\d\d-\d\dT[\d:]+\+00:00", said)


def test_while_the_data_is_prepared_it_says_so(tmp_path):
    file = tmp_path / "new.db"
    with Database(file, write=True):
        shutil.copy(file, tmp_path / "left.db")
        assert re.fullmatch(rf"running: process {os.getpid()} on \S+, since \S+; it prepares its data", last_line(file))
    done = cli("status", tmp_path / "left.db")
    assert (done.returncode, "holds no comparison" in done.stderr) == (3, True)


def test_a_stopped_one_says_when_and_the_command_that_goes_on(study):
    file = study.with_name("own file.db")
    with going_on(study, file.name) as records:
        next(records)
    with Database(file) as database:
        ended = database.runs()[-1].ended
    # It was run by pytest, so what does the same is said.
    line = last_line(file)
    assert (
        line == f"stopped: {ended}; go on with: {shlex.join(['hpsearch', 'run', str(study), '--database', str(file)])}"
    )
    words = shlex.split(line.split("go on with: hpsearch ")[1])
    assert cli(*words, "--quiet", "--executor", "inline").returncode == 0
    assert last_line(file).startswith("finished: 2")


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ("hpsearch run 'my study.toml' --workers 2", "hpsearch run 'my study.toml' --workers 2"),
        ("__main__.py confirm own.db --seeds 3", "hpsearch confirm own.db --seeds 3"),
        ("hpsearch run $(reboot)", "hpsearch run '$(reboot)'"),
        ("reboot now", None),
        ("hpsearch data fetch", None),
        ("no end of 'a word", None),
        ("", None),
    ],
)
def test_a_killed_one_goes_on_with_its_last_command(study, recorded, said):
    file = study.with_name("own.db")
    with going_on(study, file.name) as records:
        next(records)
    change(file, "UPDATE runs SET ended = NULL, provenance = json_set(provenance, '$.command', ?)", recorded)
    said = said or shlex.join(["hpsearch", "run", str(study), "--database", str(file)])
    assert last_line(file) == f"stopped: killed, or its machine was; go on with: {said}"


def test_what_was_laid_out_only_goes_on_too(study):
    file = run_to_end(study)
    for table in ("attempts", "trials", "runs"):
        change(file, f"DELETE FROM {table}")
    assert last_line(file).startswith("stopped: before its first trial; go on with: hpsearch run ")


def test_a_finished_one_says_when(study):
    file = run_to_end(study)
    with Database(file) as database:
        ended = database.runs()[-1].ended
    assert last_line(file) == f"finished: {ended}"
    (file.parent / f".{file.name}.lock").write_text("left by a crash")
    assert last_line(file) == f"finished: {ended}"
