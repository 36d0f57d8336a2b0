"""`status` says whether a comparison runs: it asks the lock, not what a run that was killed has left in the file."""

import os
import re
import shlex
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

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
    assert re.fullmatch(
        rf"running: process {os.getpid()} on \S+, begun (just now|\d+ s ago); about \d+ s left; "
        r"last result (just now|\d+ s ago)",
        said,
    )


def test_the_time_left_is_that_of_the_pace_so_far(study):
    with going_on(study, "own.db") as records:
        for _ in range(12):  # of 36 trials
            next(records)
        file = study.with_name("own.db")
        now = datetime.now(UTC)
        at = {
            name: (now - timedelta(minutes=m)).isoformat(timespec="milliseconds")
            for name, m in (("begun", 8), ("last", 2))
        }
        change(file, "UPDATE runs SET started = ?", at["begun"])
        change(file, "UPDATE trials SET ended = ? WHERE ended IS NOT NULL", at["last"])
        assert last_line(file).endswith("; about 12 min left; last result 2 minutes ago")


def test_before_its_first_result_there_is_no_pace(study):
    with going_on(study, "own.db") as records:
        next(records)
        change(study.with_name("own.db"), "UPDATE trials SET state = 'proposed', ended = NULL")
        assert last_line(study.with_name("own.db")).endswith("; no result yet")


def test_while_the_data_is_prepared_it_says_so(tmp_path):
    file = tmp_path / "new.db"
    with Database(file, write=True):
        shutil.copy(file, tmp_path / "left.db")
        said = last_line(file)
        assert re.fullmatch(rf"running: process {os.getpid()} on \S+, begun just now; it prepares its data", said)
    done = cli("status", tmp_path / "left.db")
    assert (done.returncode, "holds no comparison" in done.stderr) == (3, True)


def test_a_stopped_one_says_when_and_the_command_that_goes_on(study):
    file = study.with_name("own file.db")
    with going_on(study, file.name) as records:
        next(records)
    # It was run by pytest, so what does the same is said.
    line = last_line(file)
    command = shlex.join(["hpsearch", "run", str(study), "--database", str(file)])
    assert re.fullmatch(rf"stopped: (just now|\d+ s ago); go on with: {re.escape(command)}", line)
    words = shlex.split(line.split("go on with: hpsearch ")[1])
    assert cli(*words, "--quiet", "--executor", "inline").returncode == 0
    assert last_line(file).startswith("finished ")


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
    change(
        file, "UPDATE runs SET ended = ?", (datetime.now(UTC) - timedelta(hours=3)).isoformat(timespec="milliseconds")
    )
    assert last_line(file) == "finished 3 hours ago"
    (file.parent / f".{file.name}.lock").write_text("left by a crash")
    assert last_line(file) == "finished 3 hours ago"
