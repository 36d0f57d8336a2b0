"""Devices without any: their names, their failures, and what becomes of the trials."""

import os
import signal
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest
import torch

from hpsearch.contracts.errors import DeviceError, SpecError
from hpsearch.driver.pack import PackError, train_pack
from hpsearch.executors.inline import Inline
from hpsearch.executors.processes import Processes
from hpsearch.report import write_report
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from hpsearch.system import devices
from tests.hpsearch.executors.worker_calls import (
    dies_on_1,
    fails_on_1,
    never_works,
    raises_device_error,
    where,
    works,
    works_not_on_1,
    works_slowly,
)
from tests.tools.editing import edited
from tests.tools.studies import going_on, run_to_end, started
from tests.tools.waiting import PATIENCE


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that this machine has some; nothing is computed on them."""

    def pretend(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


@pytest.fixture(autouse=True)
def this_process_stays_on_the_cpu(monkeypatch):
    monkeypatch.setattr(devices, "_own", devices.CPU)
    monkeypatch.setattr(devices, "_torch_name", devices.CPU)


class TestNames:
    def test_what_is_there(self, gpus):
        gpus(3)
        assert devices.named("cpu") == ("cpu",)
        assert devices.named("auto") == ("cuda:0", "cuda:1", "cuda:2")
        assert devices.named("cuda:2, cuda:0") == ("cuda:2", "cuda:0")
        assert devices.named("cuda") == ("cuda:0",)
        gpus(0)
        assert devices.named("auto") == ("cpu",)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("gpu", "'gpu' is no device; give cpu, auto"),
            ("cuda:0,cpu", "'cpu' is no device"),
            ("cuda:1,cuda:1", "names a device twice; give --per-device 2"),
            ("cuda:0,cuda:7", "there is no cuda:7 here; of GPUs there are 2 that torch can use: cuda:0 to cuda:1"),
            ("", "'' is no device"),
        ],
    )
    def test_what_is_not_is_one_sentence(self, gpus, text, message):
        gpus(2)
        with pytest.raises(DeviceError, match=message):
            devices.named(text)

    def test_a_gpu_where_there_is_none(self, gpus):
        gpus(0)
        with pytest.raises(DeviceError, match="of GPUs there are none that torch can use; see hpsearch doctor"):
            devices.named("cuda:0")

    @pytest.mark.parametrize(("visible", "expected"), [(None, "1"), ("4,7,2", "7"), ("GPU-a,GPU-b", "GPU-b")])
    def test_a_process_sees_only_its_own_of_those_that_the_driver_saw(self, monkeypatch, visible, expected):
        monkeypatch.setattr(devices, "_visible", visible)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
        devices.use_alone("cuda:1")
        assert os.environ["CUDA_VISIBLE_DEVICES"] == expected
        assert (devices.own(), devices.torch_name()) == ("cuda:1", "cuda")

    def test_this_very_process_names_its_device_in_full(self, gpus, monkeypatch):
        gpus(2)
        chosen = []
        monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
        executor = started("inline", devices="cuda:1")
        assert executor.submit(devices.torch_name).result() == executor.device == "cuda:1"
        assert chosen == ["cuda:1"]
        assert "CUDA_VISIBLE_DEVICES" not in os.environ  # torch has looked already: hiding would do nothing


class TestErrors:
    def test_those_of_a_gpu_are_told_from_the_tasks(self, monkeypatch):
        gone = RuntimeError("CUDA error: unspecified launch failure")
        assert not devices.is_the_devices(gone)  # on a CPU it is somebody's text
        monkeypatch.setattr(devices, "_own", "cuda:0")
        for text in (
            "CUDA error: device-side assert triggered",
            "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
            "No CUDA GPUs are available",
        ):
            assert devices.is_the_devices(RuntimeError(text))
        assert not devices.is_the_devices(RuntimeError("shapes cannot be multiplied"))
        assert not devices.is_the_devices(ValueError("CUDA error: of a user's own"))
        for full in (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ):
            assert not devices.is_the_devices(full)
            assert devices.is_out_of_memory(full)

    def test_want_of_memory(self):
        assert devices.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
        assert devices.is_out_of_memory(MemoryError())
        with pytest.raises(RuntimeError) as refused:
            torch.empty(2**46)
        assert devices.is_out_of_memory(refused.value)
        assert not devices.is_out_of_memory(RuntimeError("CUDA error: invalid argument"))


class TestProcesses:
    @pytest.fixture
    def start(self, gpus):
        started = []

        def make(devices, probe=works, per_device=1):
            gpus(2)
            started.append(Processes(None, devices, per_device, probe))
            return started[-1]

        yield make
        for executor in started:
            executor.close()

    def test_each_worker_sees_one_device(self, start):
        executor = start("auto", per_device=2)
        assert executor.workers == 4
        assert executor.device == "cuda:0, cuda:1 with 2 workers each"
        found = {executor.submit(where).result() for _ in range(40)}
        assert {(own, visible) for own, visible, _ in found} <= {("cuda:0", "0"), ("cuda:1", "1")}

    @pytest.mark.parametrize("fails", [fails_on_1, dies_on_1])
    def test_a_call_moves_from_a_device_that_is_gone(self, start, fails):
        executor = start("cuda:0,cuda:1", works_not_on_1)
        futures = [executor.submit(fails, x) for x in range(6)]
        assert [future.result() for future in futures] == list(range(6))
        assert executor.workers == 1
        assert executor.lost == ["cuda:1 no longer works (cuda:1: fell off the bus); 1 workers are left"]

    def test_where_no_device_is_left_every_call_says_so(self, start):
        executor = start("cuda:0,cuda:1", never_works)
        futures = [executor.submit(raises_device_error) for _ in range(5)]
        for future in [*futures, executor.submit(where)]:
            with pytest.raises(DeviceError, match=r"no device works any more: cuda:. no longer works .* run again"):
                future.result()
        assert executor.workers == 0

    def test_an_error_that_the_device_survives_is_the_calls_own(self, start):
        executor = start("cuda:0")
        first = executor.submit(where).result()
        with pytest.raises(DeviceError, match="device-side assert"):
            executor.submit(raises_device_error).result()
        with pytest.raises(BrokenExecutor, match="died"):
            executor.submit(os._exit, 3).result()
        again = executor.submit(where).result()
        assert again[:2] == first[:2]
        assert again[2] != first[2]  # a process that has seen such an error computes nothing any more
        assert executor.workers == 1

    def test_workers_never_hear_of_ctrl_c(self, start):
        executor = start("cpu", works_slowly)
        status = executor.submit(Path("/proc/self/status").read_text).result()
        (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigBlk"))
        assert int(mask, 16) & 1 << (signal.SIGINT - 1)

    def test_closing_ends_every_call_and_thread_whatever_they_are_doing(self, start):
        for devices_, function in (("cpu", time.sleep), ("cuda:0,cuda:1", time.sleep)):
            executor = start(devices_, works_slowly)
            futures = [executor.submit(function, 2 * PATIENCE) for _ in range(5)]
            while not any(worker.pool for worker in executor._workers):
                time.sleep(0.01)
            began = time.monotonic()
            executor.close()
            assert time.monotonic() - began < PATIENCE  # and not when a call has ended
            assert all(future.done() for future in futures)
            assert executor.lost == []
            assert executor.submit(where).exception() is not None

    def test_a_number_of_workers_is_of_cpus_and_a_number_on_each_of_gpus(self, gpus):
        gpus(1)
        with pytest.raises(SpecError, match="on GPUs give the number of workers on each"):
            started("processes", workers=2, devices="cuda:0")
        with pytest.raises(SpecError, match="workers share GPUs only"):
            started("processes", per_device=2)
        with pytest.raises(SpecError, match="inline takes no address"):
            started("inline", address="auto")


GREEDY_TASK = """
from dataclasses import dataclass
from typing import ClassVar

import torch

from hpsearch import Objective, Task
from hpsearch.contracts.objective import finished

TRIED = []


@dataclass(frozen=True)
class Greedy(Task):
    objective: ClassVar = Objective("loss", chance=1.0, direction="minimise")
    methods: ClassVar = None
    pack: ClassVar = 8

    def prepare(self, progress):
        return {{}}

    def train(self, method, configurations, seeds, device):
        TRIED.append(len(seeds))
        if len(seeds) > {most}:
            raise {error}
        return [finished(c["x"] + s % 97) for c, s in zip(configurations, seeds, strict=True)]


TASK = Greedy()
"""
GREEDY_STUDY = """
name = "greedy"
trials = 2
repeats = 7
seed = 1
task = "{module}"
searcher = "random"

[methods.a]
space.x = [0.0, 1.0]
"""


class TestWantOfMemory:
    @pytest.mark.parametrize("error", ['torch.OutOfMemoryError("CUDA out of memory")', "MemoryError()"])
    def test_a_pack_is_halved_until_it_fits_and_the_report_says_so(self, own_study, error):
        study = own_study(GREEDY_TASK.format(most=3, error=error), GREEDY_STUDY)
        file = run_to_end(study)
        tried = sys.modules[read_plan(study).spec.task.name].TRIED
        assert tried == [7, 4, 2, 2, 2, 1, 2, 2, 2, 1]  # and the second pack begins with what fits
        tables = load_tables(file)
        assert tables.trials["state"].tolist() == ["complete"] * 14
        with Database(file) as database:
            rows = database.all_trials()
        assert {row.trained_together for row in rows} == {2}
        assert {row.attempts for row in rows} == {1}
        assert tables.halved == 14
        write_report(file, study.parent / "report")
        page = (study.parent / "report" / "README.md").read_text()
        assert "7; 14 trials were trained in smaller ones, since memory did not suffice" in page

    def test_the_trials_are_those_of_a_machine_with_enough(self, own_study, tmp_path):
        module = own_study(GREEDY_TASK.format(most=8, error="MemoryError()"), GREEDY_STUDY)
        enough = load_tables(run_to_end(module, "enough.db")).trials
        task = read_plan(module).spec.task.name
        sys.modules.pop(task)
        (tmp_path / f"{task}.py").write_text(GREEDY_TASK.format(most=1, error="MemoryError()"))
        little = load_tables(run_to_end(module, "little.db")).trials
        columns = ["method", "repeat", "trial", "objective", "x", "seed"]
        assert little[columns].equals(enough[columns])

    def test_one_trial_that_does_not_fit_alone_fails(self, own_study):
        study = own_study(GREEDY_TASK.format(most=0, error='MemoryError("even one")'), GREEDY_STUDY)
        with pytest.raises(PackError, match="MemoryError: even one"):
            train_pack(read_plan(study).by_name, "a", [{"x": 0.5}] * 2, [1, 2])


FRAGILE_TASK = """
from hpsearch.system import devices
from hpsearch import FunctionTask, Objective


def objective(configuration, seed):
    if devices.own() == "cuda:1":
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered")
    return configuration["x"] + seed % 97


TASK = FunctionTask(objective, Objective("loss", chance=1.0, direction="minimise"))
"""


def finished(study, name, executor):
    with going_on(study, name, executor) as records:
        for _ in records:
            pass
    trials = load_tables(study.parent / name).trials
    return trials.drop(columns="seconds")


def test_a_comparison_loses_no_trial_to_a_device_and_ends_as_without_it(own_study, gpus):
    study = own_study(FRAGILE_TASK, GREEDY_STUDY)
    expected = finished(study, "cpu.db", Inline())
    gpus(2)
    executor = Processes(None, "auto", 1, works_not_on_1)
    try:
        found = finished(study, "gpus.db", executor)
    finally:
        executor.close()
    assert executor.lost
    assert found.equals(expected)
    assert found["state"].tolist() == ["complete"] * 14


def test_without_any_device_nothing_is_recorded_and_the_run_goes_on_later(own_study, gpus):
    study = own_study(edited(FRAGILE_TASK, '== "cuda:1"', '!= "cpu"'), GREEDY_STUDY)
    gpus(2)
    executor = Processes(None, "auto", 1, never_works)
    try:
        with pytest.raises(DeviceError, match="everything finished is kept: run again"):
            finished(study, "run.db", executor)
    finally:
        executor.close()
    with Database(study.parent / "run.db") as database:
        assert {row.state for row in database.all_trials()} == {"proposed"}
    found = finished(study, "run.db", Inline())
    assert found.equals(finished(study, "cpu.db", Inline()))
