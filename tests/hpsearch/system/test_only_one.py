"""One at a time, also where flock is worth nothing; whoever waits says so once, and no lock stays."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from hpsearch.system import lock as locking
from hpsearch.system import only_one as waiting
from hpsearch.system.only_one import only_one

HOLDER = """
import sys
from pathlib import Path
from hpsearch.system.only_one import only_one

with only_one(Path(sys.argv[1]), "waiting", print):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def lock_file(tmp_path):
    return tmp_path / ".set.lock"


@pytest.fixture
def holder(lock_file):
    """Another process that holds the lock until it is told a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock_file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def entered(lock_file, told):
    """A thread that wants the lock, and says when it has it."""
    has = threading.Event()

    def enter():
        with only_one(lock_file, "waiting for the other", lambda *what: told.append(what)):
            has.set()

    thread = threading.Thread(target=enter)
    thread.start()
    return thread, has


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("how", ["ends", "is killed"])
def test_the_second_waits_until_the_first_is_done_and_says_so_once(holder, lock_file, how):
    told = []
    thread, has = entered(lock_file, told)
    until(lambda: told)
    time.sleep(3 * waiting.POLL)
    assert not has.is_set()
    holder.communicate(b"\n") if how == "ends" else holder.kill()
    thread.join(60)
    assert has.is_set()
    assert told == [("waiting for the other", 0, 1)]
    assert not lock_file.exists()


def test_nobody_is_told_of_a_lock_that_is_free(lock_file):
    with only_one(lock_file, "waiting", pytest.fail):
        assert lock_file.is_file()
    assert not lock_file.exists()


def test_an_error_inside_frees_the_lock_and_is_not_hidden(lock_file):
    with pytest.raises(KeyboardInterrupt), only_one(lock_file, "waiting", pytest.fail):
        raise KeyboardInterrupt
    with only_one(lock_file, "waiting", pytest.fail):
        pass


def test_what_an_older_version_left_is_no_obstacle(lock_file):
    lock_file.touch()
    with only_one(lock_file, "waiting", pytest.fail):
        pass


def test_a_folder_that_is_not_there_is_an_error_and_no_reason_to_wait(tmp_path):
    with pytest.raises(FileNotFoundError), only_one(tmp_path / "none" / "lock", "waiting", pytest.fail):
        pass


@pytest.mark.parametrize("kind", ["local", "each machine alone", "not at all"])
def test_many_at_once_come_one_after_another(lock_file, monkeypatch, kind):
    def useless(*_):
        if kind == "not at all":
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    if kind != "local":
        monkeypatch.setattr(locking.fcntl, "flock", useless)
        monkeypatch.setattr(locking, "is_shared", lambda _: kind == "each machine alone")
    for name, seconds in (("BEAT", 0.05), ("PATIENCE", 60.0), ("CLAIM", 1.0)):
        monkeypatch.setattr(locking, name, seconds)
    monkeypatch.setattr(waiting, "POLL", 0.01)
    inside, most, done = [], [], []

    def enter():
        with only_one(lock_file, "waiting", lambda *_: None):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            inside.pop()
        done.append(1)

    threads = [threading.Thread(target=enter, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(done), max(most)) == (3, 1)
    assert not lock_file.exists()
