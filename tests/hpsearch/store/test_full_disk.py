"""Disks that are full or read-only: one sentence, nothing worsened, and the same command goes on afterwards."""

import subprocess

import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.report import write_report
from hpsearch.store import file as databases
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end

LONG = edited(OWN_STUDY, "trials = 6", "trials = 120")


@pytest.fixture
def disk(tmp_path):
    """A disk of half a megabyte of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", folder], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def trials(file):
    return load_tables(file).trials.drop(columns="seconds")


def test_a_full_disk_stops_the_run_with_a_sentence_and_keeps_everything(own_study, disk):
    study = own_study(study=LONG)
    whole = trials(run_to_end(study, "whole.db"))
    with pytest.raises(DatabaseError, match=r"run\.db: cannot be written: .*(full|disk I/O).*kept: run again"):
        run_to_end(study, "disk/run.db")
    kept = trials(disk / "run.db")
    done = kept[kept["state"] == "complete"]
    assert 10 < len(done) < len(whole)
    columns = ["method", "repeat", "trial"]
    assert done.reset_index(drop=True).equals(whole.merge(done[columns], on=columns)[done.columns])
    subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
    assert trials(run_to_end(study, "disk/run.db")).equals(whole)


def test_a_file_that_may_grow_no_further(own_study, monkeypatch):
    """The same where nothing can be mounted: SQLite says of its own limit what it says of a full disk."""
    study, connect = own_study(study=LONG), databases._connect

    def limited(path, write):
        connection = connect(path, write)
        if write:
            connection.execute("PRAGMA max_page_count=25")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(databases, "_connect", limited)
        with pytest.raises(DatabaseError, match=r"run\.db: cannot be written: .*full.*kept: run again"):
            run_to_end(study)
    assert len(trials(study.with_name("run.db"))) > 10
    assert trials(run_to_end(study)).equals(trials(run_to_end(study, "whole.db")))


def test_a_read_only_disk(own_study, disk, tmp_path):
    study = own_study()
    file = run_to_end(study, "disk/run.db")
    before = file.read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(DatabaseError, match=r"run\.db: cannot be written there: Read-only file system"):
        Database(file, write=True)
    assert write_report(file, tmp_path / "report")
    assert file.read_bytes() == before


def test_a_file_that_may_not_be_written(own_study, monkeypatch):
    file = run_to_end(own_study())
    before = file.read_bytes()
    connect = databases._connect
    monkeypatch.setattr(databases, "_connect", lambda path, _: connect(path, False))  # as SQLite opens it then
    with pytest.raises(DatabaseError, match=r"run\.db: .*readonly"):
        Database(file, write=True).start_run("2026-01-01", {})
    assert file.read_bytes() == before
