"""What keeps a worker from beginning spends no trial: a full /dev/shm, no memory, a kill while it had no work."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hpsearch.contracts.errors import DeviceError
from hpsearch.executors import processes
from hpsearch.executors.processes import Processes
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import recorded
from tests.tools.waiting import PATIENCE, until


def test_a_run_whose_workers_cannot_begin_spends_no_trial_and_goes_on_later(own_study, monkeypatch: pytest.MonkeyPatch):
    study = own_study()
    file = study.parent / "own.db"
    study.write_text(edited(study.read_text(), "trials = 6", "trials = 2"))
    assert cli("run", study, "--executor", "inline", "--quiet", cwd=study.parent).returncode == 0
    study.write_text(edited(study.read_text(), "trials = 2", "trials = 5"))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(processes, "ProcessPoolExecutor", full)
        done = cli("run", study, "--workers", "2", "--quiet", cwd=study.parent)
    assert done.returncode == 4
    assert "no worker can begin any more" in done.stderr
    assert "No space left on device" in done.stderr
    assert "run again" in done.stderr
    assert (recorded(file), recorded(file, "failed")) == (12, 0)
    assert cli("run", study, "--workers", "1", "--quiet", cwd=study.parent).returncode == 0
    assert (recorded(file), recorded(file, "failed")) == (30, 0)
    assert cli("check", file, "--trust", cwd=study.parent).returncode == 0


def test_a_worker_that_was_killed_while_it_had_no_work_is_replaced_before_the_next_call():
    executor = Processes(workers=1)
    try:
        first = executor.submit(os.getpid).result()
        os.kill(first, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{first}").exists() or "\nState:\tZ" in Path(f"/proc/{first}/status").read_text())
        assert executor.submit(os.getpid).result() != first
        assert executor.lost == []
    finally:
        executor.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_cannot_begin_leaves_its_call_to_the_others_if_there_are_any(
    monkeypatch: pytest.MonkeyPatch, workers: int
):
    pool, made = processes.ProcessPoolExecutor, []

    def sometimes(*arguments: object, **more: object):
        made.append(len(made))
        if len(made) <= processes.STARTS:
            raise OSError(12, "Cannot allocate memory")
        return pool(*arguments, **more)

    monkeypatch.setattr(processes, "ProcessPoolExecutor", sometimes)
    executor = Processes(workers=workers)
    try:
        if workers == 1:
            with pytest.raises(DeviceError, match="Cannot allocate memory"):
                executor.submit(os.getpid).result(PATIENCE)
        else:
            assert executor.submit(os.getpid).result(PATIENCE) != os.getpid()
        assert executor.workers == workers - 1
        assert len(executor.lost) == 1
    finally:
        executor.close()
