"""Ctrl-C, SIGTERM and a terminal that goes away: what stops a run, how soon, with what said, and what is kept."""

import os
import select
import signal
import subprocess
import sys

import pytest

from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from tests.tools.editing import edited
from tests.tools.studies import OWN_TASK, recorded, run_to_end
from tests.tools.waiting import PATIENCE, hears_ctrl_c, until

# In steps: a signal between the last look for one and a long sleep's beginning would be heard after it only.
SLEEP = "import time; [time.sleep(0.01) for _ in range(100 * 600)]"


def command(study, *words):
    return [sys.executable, "-m", "hpsearch", "run", str(study), "--database", "own.db", *words]


def started(study, *words, **named):
    return subprocess.Popen(
        command(study, *words), cwd=study.parent, stderr=subprocess.PIPE, text=True,
        preexec_fn=hears_ctrl_c, start_new_session=True, **named,
    )  # fmt: skip


def asked_while_training(study):
    """An inline run that got Ctrl-C once its task had said that it trains, past the capture of what tasks print."""
    process = subprocess.Popen(
        command(study, "--executor", "inline"), cwd=study.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"training\n"
    process.send_signal(signal.SIGINT)
    return process


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("words", [(), ("--executor", "inline", "--quiet")])
def test_a_signal_stops_the_run_and_says_how_to_go_on(own_study, gate, sign, code, words):
    study = own_study(task=gate.task)
    gate.allow(10)
    process = started(study, *words)
    file = study.with_name("own.db")
    until(lambda: gate.reached() and recorded(file) >= 2)
    os.killpg(process.pid, sign)  # as a terminal or a batch system sends it: to the workers, too
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert "everything finished is in own.db; the same command goes on" in said
    assert "Traceback" not in said
    # A clean stop leaves one file, in which the run has its end.
    assert sorted(path.name for path in study.parent.glob("*own.db*")) == ["own.db"]
    with Database(file) as database:
        assert database.runs()[-1].ended
        assert 2 <= sum(states.get("complete", 0) for states in database.counts().values()) <= 10


def test_a_signal_before_the_first_trial_leaves_nothing(own_study):
    study = own_study(task=edited(OWN_TASK, "TASK =", f"print('loading', flush=True); {SLEEP}\nTASK ="))
    process = started(study, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "loading\n"
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list(study.parent.glob("*own.db*")) == []


def test_a_second_one_stops_at_once(own_study):
    stubborn = f"""
    import sys
    try:
        print("training", file=sys.__stdout__, flush=True); {SLEEP}
    except BaseException:
        print("stubborn", file=sys.__stdout__, flush=True); {SLEEP}
"""
    study = own_study(task=edited(OWN_TASK, "configuration, seed):", f"configuration, seed):{stubborn}"))
    process = asked_while_training(study)
    assert process.stdout.readline() == b"stubborn\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130


def shown(terminal):
    """Take what is written on a terminal, as its window does: who writes waits for that."""
    while select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 65536)
    return True


def test_a_terminal_that_goes_away_does_not_matter(own_study, gate):
    study = own_study(task=gate.task)
    gate.allow(5)
    file = study.with_name("own.db")
    child, terminal = os.forkpty()
    if child == 0:
        os.chdir(study.parent)
        os.execv(sys.executable, command(study, "--workers", "1"))
    until(lambda: shown(terminal) and gate.reached())
    os.close(terminal)  # the kernel sends SIGHUP, and whatever is written from now on is an error
    gate.allow(1000)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert recorded(file) == 36
    assert (
        load_tables(file)
        .trials.drop(columns="seconds")
        .equals(load_tables(run_to_end(study, "whole.db")).trials.drop(columns="seconds"))
    )


def test_nor_while_a_confirmation_runs(own_study, gate):
    gate.allow(36)
    file = run_to_end(own_study(task=gate.task))
    gate.allow(1)
    child, terminal = os.forkpty()
    if child == 0:
        os.chdir(file.parent)
        os.execv(sys.executable, [sys.executable, "-m", "hpsearch", "confirm", file.name, "--trust", "--seeds", "2"])
    until(lambda: shown(terminal) and gate.reached())
    os.close(terminal)
    gate.allow(1000)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (file.parent / "run-confirm-report" / "README.md").is_file()


def test_a_run_without_any_output_to_write_to(own_study):
    study = own_study()
    words = " ".join(command(study, "--executor", "inline"))
    assert subprocess.run(f"exec {words} <&- >&- 2>&-", shell=True, cwd=study.parent, check=False).returncode == 0
    assert recorded(study.with_name("own.db")) == 36


def test_what_was_finished_when_it_was_asked_to_stop_is_recorded(own_study, monkeypatch):
    study = own_study()
    record, calls = Database.record, []

    def interrupted(self, *arguments, **named):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt  # in the middle of recording
        return record(self, *arguments, **named)

    monkeypatch.setattr(Database, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_to_end(study, executor="inline")
    assert len(calls) == 6
    assert recorded(study.with_name("run.db")) == len(load_tables(study.with_name("run.db")).trials)
    run_to_end(study)
    whole = load_tables(run_to_end(study, "whole.db")).trials
    assert load_tables(study.with_name("run.db")).trials.drop(columns="seconds").equals(whole.drop(columns="seconds"))


def test_a_task_that_swallows_everything_is_stopped_after_its_trial(own_study):
    deaf = f"""
    import sys
    try:
        print("training", file=sys.__stdout__, flush=True); {SLEEP}
    except BaseException:
        pass
"""
    study = own_study(task=edited(OWN_TASK, "configuration, seed):", f"configuration, seed):{deaf}"))
    process = asked_while_training(study)
    assert process.wait(PATIENCE) == 130
    assert recorded(study.with_name("own.db")) == 1


@pytest.mark.parametrize("name", ["report", "check"])
def test_other_commands_stop_with_the_usual_code_and_no_traceback(own_study, name):
    file = run_to_end(own_study())
    at_work = f"""
import sys
from hpsearch.__main__ import main
from hpsearch.store import database

def slowly(*_):
    print("at work", flush=True); {SLEEP}

database.Database.existing = slowly
main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", at_work, name, str(file)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=hears_ctrl_c,
    )  # fmt: skip
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in said
