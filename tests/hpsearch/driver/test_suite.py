"""Running a suite: every setting ends as it would alone, whatever fails beside it and whenever the run is killed."""

import os
import signal
import subprocess
import sys
from contextlib import closing

import pytest

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import silent
from hpsearch.driver.display import Display
from hpsearch.driver.layout import prepare
from hpsearch.driver.loop import Ended, run_all
from hpsearch.driver.running import Where, run_suite_shown
from hpsearch.executors.inline import Inline
from hpsearch.store.database import Database
from hpsearch.store.suite import suite_in
from hpsearch.study.suite import read_suite
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, recorded, run_to_end, table
from tests.tools.waiting import until

SUITE = """
name = "varied"
study = "own.toml"

[settings.short]
trials = 2

[settings."as given"]

[settings.other]
searcher = "random"
"""
SETTINGS = {"short": "trials = 2", "as-given": "trials = 6", "other": "trials = 6"}


def alone(folder):
    """Each setting's trials as its study alone has them, run without a suite."""
    found = {}
    for stem, trials in SETTINGS.items():
        text = edited((folder / "own.toml").read_text(), "trials = 6", trials)
        text = edited(text, 'searcher = "sobol"', 'searcher = "random"') if stem == "other" else text
        (folder / "alone.toml").write_text(text)
        found[stem] = table(run_to_end(folder / "alone.toml", f"alone-{stem}.db"))
    return found


def of_suite(folder):
    return {setting.file.stem: table(setting.file) for setting in suite_in(folder).settings}


@pytest.fixture
def suite_file(own_study, gate):
    """A suite beside an own study whose trainings wait at a gate."""
    study = own_study(task=gate.task)
    path = study.with_name("varied.toml")
    path.write_text(SUITE)
    return path


def test_a_suite_killed_at_any_time_ends_in_the_tables_of_its_studies_alone(suite_file, gate):
    folder = suite_file.parent
    gate.allow(1000)
    whole = alone(folder)
    words = [sys.executable, "-m", "hpsearch", "run", str(suite_file), "--database", str(folder / "out"), "--quiet"]
    words += ["--workers", "2"]
    files = [folder / "out" / f"{stem}.db" for stem in SETTINGS]
    for more in (5, 21):  # in the first setting; while the second and the third share the workers
        before = sum(map(recorded, files))
        gate.allow(more + 2)
        process = subprocess.Popen(words, start_new_session=True)
        until(lambda more=more, before=before: gate.reached() and sum(map(recorded, files)) >= before + more)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert 0 < sum(map(recorded, files)) < sum(map(len, whole.values()))
    gate.allow(1000)
    assert subprocess.run(words, check=False).returncode == 0
    assert of_suite(folder / "out") == whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    (folder / "suite_run_task.py").write_text(OWN_TASK)
    (folder / "own.toml").write_text(OWN_STUDY.format(module="suite_run_task"))
    (folder / "varied.toml").write_text(SUITE)
    return folder


def test_a_setting_begins_when_those_before_it_leave_a_worker_idle(folder):
    suite = read_suite(folder / "varied.toml")
    (folder / "shared").mkdir()
    begun, seen = [], []

    def comparisons():
        for setting in suite.settings:
            begun.append(setting.label)
            database = Database(folder / "shared" / f"{setting.stem}.db", write=True)
            prepare(database, setting.plan, "own.toml", silent)
            yield database, setting.plan

    with closing(run_all(comparisons(), Inline(), {"executor": "inline"})) as records:
        for database, told in records:
            if isinstance(told, Ended):
                seen.append((database.path.stem, told.error, len(begun)))
                database.close()
    assert [stem for stem, *_ in seen] == list(SETTINGS)
    assert [error for _, error, _ in seen] == [None] * 3
    assert seen[0][2] <= 2  # the third was not opened before its turn


def test_one_setting_that_fails_stops_no_other(folder):
    text = 'name = "faulty"\nstudy = "own.toml"\n[settings.faulty]\ntask.name = "faulty_suite_task"\n[settings.sound]\n'
    task = edited(OWN_TASK, "    value =", '    raise RuntimeError("no such luck")\n    value =')
    (folder / "faulty_suite_task.py").write_text(task)
    (folder / "faulty.toml").write_text(text)
    with Display(quiet=True) as display:
        failed = run_suite_shown(read_suite(folder / "faulty.toml"), folder / "f", Where("inline"), display)
    assert list(failed) == ["faulty"]
    assert isinstance(failed["faulty"], TaskError)
    assert "no such luck" in str(failed["faulty"])
    assert recorded(folder / "f" / "sound.db") == 36


def test_a_folder_whose_database_holds_another_comparison_is_refused_for_that_setting_alone(folder):
    (folder / "g").mkdir()
    run_to_end(folder / "own.toml", "g/other.db")  # searched by sobol, and the suite's is random
    with Display(quiet=True) as display:
        failed = run_suite_shown(read_suite(folder / "varied.toml"), folder / "g", Where("inline"), display)
    assert list(failed) == ["other"]
    assert "searcher.name" in str(failed["other"])


def test_commands_take_the_folder(folder):
    ran = cli("run", "varied.toml", "--executor", "inline", "--database", "h", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    said = cli("status", "h", cwd=folder).stdout
    assert said.startswith("varied: 3 of 3 settings are finished\n")
    rows = [line.split()[:3] for line in said.splitlines()[2:]]
    assert rows == [["short", "finished", "12"], ["as", "given", "finished"], ["other", "finished", "36"]]
    checked = cli("check", "h", cwd=folder)
    assert checked.returncode == 0
    assert checked.stdout.count("nothing is wrong with") == 3
    (folder / "h" / "other.db").unlink()
    assert "waiting" in cli("status", "h", cwd=folder).stdout.splitlines()[-1]
    assert cli("run", "varied.toml", "--dry-run", cwd=folder).returncode == 2


def test_a_suite_is_confirmed_into_files_beside_its_databases(folder):
    (folder / "small.toml").write_text('name = "small"\nstudy = "own.toml"\n[vary]\ntrials = [1, 2]\n')
    assert cli("run", "small.toml", "--executor", "inline", cwd=folder).returncode == 0
    words = ("confirm", "small", "--along", "all", "--seeds", "2", "--executor", "inline", "--trust")
    done = cli(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    confirmed = [setting.confirmed for setting in suite_in(folder / "small").settings]
    assert [file and file.name for file in confirmed] == [f"trials-{n}-confirm-along.db" for n in (1, 2)]
    assert all(recorded(file) >= 12 for file in confirmed)  # two seeds of each of six studies' choices
    assert cli(*words, "--database", "x.db", cwd=folder).returncode == 2
