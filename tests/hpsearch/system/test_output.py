"""What a task prints is taken in workers and in one's own process, bounded, and everything is as before afterwards."""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from concurrent.futures import BrokenExecutor

import pytest

import hpsearch
from hpsearch.executors.processes import Processes
from hpsearch.system import descriptors
from hpsearch.system.descriptors import MOST
from hpsearch.system.ends import FIRST, GAP, LAST, Ends
from hpsearch.system.output import captured, note, noted
from tests.hpsearch.executors.worker_calls import die, print_and, print_everywhere, print_much, square
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_TASK

GAP_TEXT = GAP.decode()


class TestTheEndsOfALongOutput:
    def test_a_short_one_is_whole(self):
        ends = Ends()
        for _ in range(FIRST + LAST):
            ends.add(b"x")
        assert ends.text() == "x" * (FIRST + LAST)

    @pytest.mark.parametrize("size", [1, 7, 1_000, 12_000])
    def test_a_long_one_loses_its_middle_however_it_comes(self, size):
        data = b"".join(b"%06d\n" % number for number in range(3_000))
        ends = Ends()
        for start in range(0, len(data), size):
            ends.add(data[start : start + size])
        assert ends.text() == (data[:FIRST] + GAP + data[-LAST:]).decode()


@pytest.fixture(scope="module")
def worker():
    executor = Processes(workers=1)
    yield executor
    executor.close()


class TestInAWorker:
    def test_whoever_prints_is_heard_in_order_and_by_nobody_else(self, worker, capfd):
        said = worker.submit(print_everywhere).result()
        assert said == "out\nerr\nraw\nfrom C\nchild\nhanded on\n"
        assert capfd.readouterr() == ("", "")

    def test_of_much_the_ends_are_kept(self, worker):
        lines = 10_000
        said = worker.submit(print_much, lines).result()
        first, gap, last = said.partition(GAP_TEXT)
        assert gap
        assert (len(first), len(last)) == (FIRST, LAST)
        assert first.startswith("line 0000000\nline 0000001\n")
        assert last.endswith(f"line {lines - 2:07d}\nline {lines - 1:07d}\n")

    def test_its_file_does_not_grow_for_ever_and_says_the_same_when_it_is_shortened(self):
        file = descriptors.new_file()
        for number in range(MOST // 8 + 1):
            os.write(file, b"%07d\n" % number)
        said = descriptors.text_of(file)
        descriptors.shorten(file)
        assert os.fstat(file).st_size == FIRST + len(GAP) + LAST
        assert descriptors.text_of(file) == said
        os.write(file, b"and on\n")
        assert descriptors.text_of(file) == said[: FIRST + len(GAP)] + (said + "and on\n")[-LAST:]
        os.close(file)

    def test_a_dead_workers_last_words_come_with_the_error(self, worker):
        for _ in range(2):
            with pytest.raises(BrokenExecutor, match="died") as raised:
                worker.submit(print_and, die).result()
            assert noted(raised.value) == "before the end\n"
        with pytest.raises(BrokenExecutor, match="died") as raised:
            worker.submit(die).result()  # which has printed nothing
        assert noted(raised.value) == ""
        assert worker.submit(square, 3).result() == 9

    def test_and_those_of_one_that_takes_too_long(self):
        executor = Processes(workers=1, time_limit=2.0)
        try:
            assert executor.submit(square, 3).result() == 9  # imports what the limit is not for
            with pytest.raises(TimeoutError, match="time limit of 2 s") as raised:
                executor.submit(print_and, time.sleep, 600).result()
        finally:
            executor.close()
        assert noted(raised.value) == "before the end\n"

    def test_its_files_are_closed_with_it(self):
        executor = Processes(workers=2)
        files = [worker.output for worker in executor._workers]
        assert len({os.fstat(file).st_ino for file in files}) == 2
        executor.close()
        for file in files:
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(file)


class TestInOnesOwnProcess:
    def test_prints_bytes_and_logs_are_taken_and_all_is_as_before(self, capfd):
        streams = sys.stdout, sys.stderr, sys.stdin
        log = logging.getLogger("test_output")
        log.propagate = False
        handler = logging.StreamHandler()
        log.addHandler(handler)
        said = []

        def train():
            with captured() as printed:
                print("out")
                sys.stdout.buffer.write(b"bytes\n")
                print("err", file=sys.stderr)
                log.warning("logged")
                log.addHandler(logging.StreamHandler(sys.stdout))
                assert sys.stdout.fileno() == streams[0].fileno()  # a child that is handed the stream needs one
                said.append(printed())
                raise KeyError

        with pytest.raises(KeyError):
            train()
        assert said == ["out\nbytes\nerr\nlogged\n"]
        assert (sys.stdout, sys.stderr, sys.stdin) == streams
        assert [one.stream for one in log.handlers] == [sys.stderr, sys.stdout]
        assert capfd.readouterr() == ("", "")
        log.warning("again")
        assert capfd.readouterr() == ("again\n", "again\n")
        log.handlers.clear()

    def test_a_stream_that_somebody_kept_is_another_name_for_the_old_one(self, capsys):
        with captured():
            kept = sys.stdout
        print("afterwards", file=kept)
        assert capsys.readouterr().out == "afterwards\n"

    def test_without_any_output_it_is_taken_all_the_same(self, monkeypatch):
        monkeypatch.setattr(sys, "stdout", None)
        with captured() as printed:
            print("heard")
        assert printed() == "heard\n"
        assert sys.stdout is None

    def test_who_asks_a_person_shows_what_is_asked(self, capsys, monkeypatch):
        """A debugger in a task, on a terminal."""

        class Terminal(io.StringIO):
            def isatty(self):
                return True

        monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
        with captured() as printed:
            print("before")
            print("go on? ", end="")
            assert sys.stdin.isatty()
            assert capsys.readouterr().out == ""
            assert sys.stdin.readline() == "yes\n"
            print("after")
        assert printed() == "before\ngo on? after\n"
        assert capsys.readouterr().out == "before\ngo on? after\n"

    def test_a_notebook_keeps_its_streams_and_its_log(self, own_study, capsys):
        loud = "configuration, seed):\n    print('trained')"
        study = own_study(edited(OWN_TASK, "configuration, seed):", loud))
        handler = logging.StreamHandler()
        streams = sys.stdout, sys.stderr, handler.stream
        log = logging.getLogger("notebook")
        log.addHandler(handler)
        tables = hpsearch.run(study, study.with_name("own.db"), executor="inline", quiet=True)
        assert len(tables.trials) == 36
        assert (sys.stdout, sys.stderr, handler.stream) == streams
        assert capsys.readouterr() == ("", "")
        log.handlers.clear()


def test_an_error_carries_what_was_printed():
    error = ValueError("no")
    note(error, "")
    assert noted(error) == ""
    note(error, "printed")
    assert noted(error) == "printed"


LOUD = "configuration, seed):\n    print('trained', seed); import sys; print('complained', file=sys.stderr)"


@pytest.mark.parametrize("terminal", [{}, {"FORCE_COLOR": "1", "TERM": "xterm"}])
def test_no_task_writes_into_the_display(own_study, terminal):
    study = own_study(edited(OWN_TASK, "configuration, seed):", LOUD))
    done = cli("run", study, "--executor", "inline", cwd=study.parent, **terminal)
    assert done.returncode == 0
    assert "finished: own.db" in done.stderr
    assert ("\x1b[" in done.stderr) == bool(terminal)  # bars that are drawn anew and anew
    assert "trained" not in done.stdout + done.stderr
    assert "complained" not in done.stdout + done.stderr


def test_quiet_is_quiet_from_the_import_of_the_task_on(own_study):
    task = (
        edited(OWN_TASK, "configuration, seed):", LOUD)
        + """
print("imported")


class Loud(FunctionTask):
    def prepare(self, progress):
        print("prepared")
        return {}


TASK = Loud(objective, TASK.objective)
"""
    )
    study = own_study(task)
    done = cli("run", study, "--executor", "inline", "--quiet", cwd=study.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    study.with_name("own.db").unlink()
    assert "prepared" in cli("run", study, "--executor", "inline", cwd=study.parent).stdout


SHOWN = """
from dataclasses import dataclass
from hpsearch import Objective, Result, Task


@dataclass(frozen=True)
class Shown(Task):
    objective = Objective("loss", chance=1.0, direction="minimise")
    pack = 3

    def train(self, method, configurations, seeds, device):
        print(f"\\x1b[31mred\\x1b[0m {len(configurations)}\\n10%\\r20%\\x07")
        if len(configurations) > 1 and configurations[0]["x"] < 0.25:
            raise OSError("together")
        return [Result(c["x"]) for c in configurations]


TASK = Shown()
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    (folder / "shown_task.py").write_text(SHOWN)
    (folder / "shown.toml").write_text(
        'name = "shown"\ntrials = 4\nrepeats = 3\nseed = 1\ntask = "shown_task"\nsearcher = "sobol"\n'
        "[methods.only]\nspace.x = [0.0, 1.0]\n[methods.still]\nspace.x = [0.5, 1.0]\n"
    )
    assert cli("run", folder / "shown.toml", "--executor", "inline", cwd=folder).returncode == 0
    return folder / "shown.db"


class TestTheCommandThatShowsIt:
    def log(self, file, *words):
        done = cli("trials", file, "--log", *words)
        return done.returncode, done.stdout, done.stderr

    def test_a_pack_shares_its_output_which_takes_no_command_of_the_terminal(self, file):
        expected = "still, study 2, trial 1, with 2 others:\n  red 3\n  10%\n  20%\\x07\n"
        assert self.log(file, "still", 2, 1) == (0, expected, "")

    def test_attempts_that_failed_come_first(self, file):
        trials = hpsearch.load(file).trials
        first = trials[(trials["method"] == "only") & (trials["repeat"] == 1) & (trials["x"] < 0.25)].iloc[0]
        code, said, _ = self.log(file, "only", 1, first["trial"])
        name, text = f"only, study 1, trial {first['trial']}", "  10%\n  20%\\x07\n"
        assert code == 0
        assert said == (
            f"{name}, attempt 1, which failed, with 2 others:\n  red 3\n{text}"
            f"{name}, attempt 2, which failed, with 2 others:\n  red 3\n{text}"
            f"{name}:\n  red 1\n{text}"
        )

    def test_what_is_not_there_is_said(self, file):
        assert self.log(file, "other", 1, 1)[::2] == (
            2, f"hpsearch: {file}: has no trial of 'other'; there are only, still\n",
        )  # fmt: skip
        assert self.log(file, "only", 1, 9)[2].endswith("studies are 1 to 3 and trials 1 to 4\n")

    def test_it_is_no_part_of_the_table(self, file):
        assert "20%" not in cli("trials", file, "--csv").stdout

    def test_a_trial_that_printed_nothing_says_so(self, own_study):
        study = own_study()
        cli("run", study, "--executor", "inline", cwd=study.parent)
        said = self.log(study.with_name("own.db"), "wide", 1, 1)[1]
        assert said == "wide, study 1, trial 1: printed nothing, or before hpsearch kept that\n"
