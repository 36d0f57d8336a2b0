"""Who may write a file: refused and told, or taken over from the dead, also where flock is worth nothing."""

import errno
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.store.database import Database
from hpsearch.system import file_system
from hpsearch.system import lock as locking
from hpsearch.system.lock import HeldError, Lock

HOLDER = """
import sys, time
from pathlib import Path
from hpsearch.system.lock import Lock

lock = Lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "c.db")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_holds_it(holder, tmp_path):
    with pytest.raises(HeldError, match=rf"process {holder.pid} on \S+, since 2\d\d\d-.*\+00:00"):
        Lock(tmp_path / "c.db")


def test_who_holds_it_is_told_without_taking_it(holder, tmp_path):
    lock_file = tmp_path / ".c.db.lock"
    before = (lock_file.read_bytes(), lock_file.stat().st_mtime_ns)
    said = locking.holder(tmp_path / "c.db")
    assert re.fullmatch(rf"process {holder.pid} on \S+, since 2\d\d\d-.*\+00:00", said)
    (tmp_path / "link.db").symlink_to("c.db")
    assert locking.holder(tmp_path / "link.db") == said
    assert (lock_file.read_bytes(), lock_file.stat().st_mtime_ns) == before
    holder.kill()
    holder.wait()
    assert locking.holder(tmp_path / "c.db") == ""
    assert lock_file.read_bytes() == before[0]  # nobody's, and left to the next who takes it


def test_nobody_holds_what_was_never_locked_or_is_released(tmp_path):
    assert locking.holder(tmp_path / "c.db") == ""
    assert list(tmp_path.iterdir()) == []
    lock = Lock(tmp_path / "c.db")
    assert locking.holder(tmp_path / "c.db").startswith(f"process {os.getpid()} on ")
    lock.release()
    assert locking.holder(tmp_path / "c.db") == ""


def test_a_look_at_who_holds_it_does_not_keep_a_taker_from_it(tmp_path, monkeypatch):
    looks = []
    flock = locking.fcntl.flock

    def looked_at(file, how):
        """Somebody looks at the very instant that the lock is taken."""
        if how & locking.fcntl.LOCK_EX and not looks:
            looks.append(os.open(tmp_path / ".c.db.lock", os.O_RDONLY))
            flock(looks[0], locking.fcntl.LOCK_SH)
            threading.Timer(0.02, os.close, looks).start()
        flock(file, how)

    monkeypatch.setattr(locking, "GLANCE", 60.0)
    monkeypatch.setattr(locking.fcntl, "flock", looked_at)
    Lock(tmp_path / "c.db").release()
    assert looks


def test_a_lock_file_that_may_not_be_read_is_somebodys(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert locking.holder(tmp_path / "c.db") == "somebody"


def test_what_a_killed_process_left_is_taken_over_at_once(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert (tmp_path / ".c.db.lock").is_file()
    said = []
    Lock(tmp_path / "c.db", said.append).release()
    assert (said, list(tmp_path.iterdir())) == ([], [])


def test_a_lock_that_names_a_process_of_the_same_number_is_no_obstacle(tmp_path):
    first = Lock(tmp_path / "c.db")
    left = (tmp_path / ".c.db.lock").read_bytes()  # this very process, which lives
    first.release()
    (tmp_path / ".c.db.lock").write_bytes(left)
    Lock(tmp_path / "c.db").release()


def test_a_lock_file_that_was_removed_by_hand_stops_its_holder(tmp_path):
    first = Lock(tmp_path / "c.db")
    (tmp_path / ".c.db.lock").unlink()
    second = Lock(tmp_path / "c.db")
    with pytest.raises(HeldError):
        first.check()
    second.check()
    second.release()


def test_a_shared_folder_with_a_blank_in_its_name(tmp_path, monkeypatch):
    (tmp_path / "mounts").write_text("/dev/a / ext4 rw 0 0\nserver:/x /mnt/my\\040share nfs4 rw 0 0\n")
    monkeypatch.setattr(file_system, "MOUNTS", tmp_path / "mounts")
    assert file_system.is_shared(Path("/mnt/my share/run.db"))
    assert not file_system.is_shared(Path("/mnt/mine/run.db"))


def test_a_full_disk_is_no_reason_to_be_refused_a_local_lock(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(locking.os, "write", full)
    lock = Lock(tmp_path / "c.db")
    with pytest.raises(HeldError):
        Lock(tmp_path / "c.db")
    lock.release()


class TestWhereTheSystemsLocksAreWorthNothing:
    @pytest.fixture(autouse=True, params=["each machine alone", "not at all"])
    def _weak(self, request, monkeypatch):
        def useless(*_):
            if request.param == "not at all":
                raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(locking.fcntl, "flock", useless)
        monkeypatch.setattr(locking, "is_shared", lambda _: request.param == "each machine alone")
        for name, seconds in (("BEAT", 0.05), ("PATIENCE", 1.0), ("CLAIM", 0.2)):
            monkeypatch.setattr(locking, name, seconds)

    @pytest.fixture
    def _patient(self, monkeypatch):
        """On a busy machine a living holder may be late."""
        monkeypatch.setattr(locking, "PATIENCE", 60.0)
        monkeypatch.setattr(locking, "CLAIM", 3.0)

    @pytest.mark.usefixtures("_patient")
    def test_one_that_counts_is_alive(self, tmp_path):
        first, said = Lock(tmp_path / "c.db"), []
        with pytest.raises(HeldError, match=f"process {os.getpid()} on"):
            Lock(tmp_path / "c.db", said.append)
        assert len(said) == 1
        assert "to see whether that still runs" in said[0]
        first.check()
        first.release()
        assert list(tmp_path.iterdir()) == []

    def test_one_that_stands_still_is_dead(self, tmp_path):
        held = Lock(tmp_path / "c.db")
        left = json.loads((tmp_path / ".c.db.lock").read_bytes())
        held.release()
        (tmp_path / ".c.db.lock").write_text(json.dumps({**left, "host": "gone", "machine": "gone", "token": "t"}))
        said = []
        lock = Lock(tmp_path / "c.db", said.append)
        assert "process" in said[0]
        assert "on gone, since" in said[0]
        lock.check()
        lock.release()

    def test_who_counts_is_told(self, tmp_path, monkeypatch):
        monkeypatch.setattr(locking, "PATIENCE", 60.0)
        lock, said = Lock(tmp_path / "c.db"), []
        assert locking.holder(tmp_path / "c.db", said.append).startswith(f"process {os.getpid()} on ")
        assert "waiting 60 s" in said[0]
        lock.check()
        lock.release()

    def test_who_stands_still_is_nobody(self, tmp_path):
        held = Lock(tmp_path / "c.db")
        left = json.loads((tmp_path / ".c.db.lock").read_bytes())
        held.release()
        (tmp_path / ".c.db.lock").write_text(json.dumps({**left, "host": "gone", "machine": "gone", "token": "t"}))
        said = []
        assert locking.holder(tmp_path / "c.db", said.append) == ""
        assert "on gone, since" in said[0]

    def test_a_dead_process_of_this_machine_is_not_waited_for(self, tmp_path):
        held = Lock(tmp_path / "c.db")
        left = json.loads((tmp_path / ".c.db.lock").read_bytes())
        held.release()
        with subprocess.Popen([sys.executable, "-c", ""]) as dead:
            dead.wait()
        (tmp_path / ".c.db.lock").write_text(json.dumps({**left, "pid": dead.pid, "token": "t"}))
        said = []
        Lock(tmp_path / "c.db", said.append).release()
        assert said == []

    def test_one_that_slept_too_long_writes_nothing_any_more(self, tmp_path):
        sleeper = Database(tmp_path / "c.db", write=True)
        sleeper._lock._released.set()  # it counts no more
        sleeper._lock._counting.join()
        other = Database(tmp_path / "c.db", write=True)
        with pytest.raises(DatabaseError, match=rf"c\.db: taken over meanwhile by process {os.getpid()}"):
            sleeper.end_run(1, "now")
        other.end_run(1, "now")
        other.close()

    @pytest.mark.usefixtures("_patient")
    def test_of_those_that_come_at_the_same_instant_one_gets_it(self, tmp_path):
        got, refused = [], []
        together = threading.Barrier(8)

        def take():
            together.wait()
            try:
                got.append(Lock(tmp_path / "c.db"))
            except HeldError:
                refused.append(1)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(got), len(refused)) == (1, 7)
        got[0].release()

    def test_a_lock_file_of_nonsense_is_waited_out(self, tmp_path):
        (tmp_path / ".c.db.lock").write_bytes(b"\0\xff" * 99)
        said = []
        Lock(tmp_path / "c.db", said.append).release()
        assert "left by somebody" in said[0]
