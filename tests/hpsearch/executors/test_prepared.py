"""What workers do before anything is submitted to them."""

import os
import time

import pytest

import hpsearch
from hpsearch.executors.inline import Inline
from hpsearch.executors.processes import Processes
from tests.tools.editing import edited
from tests.tools.studies import OWN_TASK


def begin(folder):
    (folder / str(os.getpid())).touch()
    time.sleep(0.3)


def fail():
    raise ValueError("nobody asks")


def test_every_process_is_prepared_while_nothing_is_submitted(tmp_path):
    executor = Processes(2)
    try:
        executor.prepare(begin, tmp_path)
        assert executor.submit(os.getpid).result() in {int(path.name) for path in tmp_path.iterdir()}
        assert len(list(tmp_path.iterdir())) == 2
    finally:
        executor.close()


@pytest.mark.parametrize("make", [Inline, lambda: Processes(1)])
def test_a_preparation_that_fails_is_nobodys_fault(make):
    executor = make()
    try:
        executor.prepare(fail)
        assert executor.submit(divmod, 7, 2).result() == (3, 1)
    finally:
        executor.close()


def test_what_a_task_needs_is_imported_and_a_module_that_is_not_there_is_no_fault(own_study):
    class_of_its_own = 'class Mine(FunctionTask):\n    imports = ("json.tool", "not.there")\n\n\nTASK = Mine('
    study = own_study(edited(OWN_TASK, "TASK = FunctionTask(", class_of_its_own))
    inline, processes = (
        hpsearch.run(study, study.with_name(f"{name}.db"), executor=name, workers=1, quiet=True).trials.drop(
            columns="seconds"
        )
        for name in ("inline", "processes")
    )
    assert len(inline) == 36
    assert processes.equals(inline)
