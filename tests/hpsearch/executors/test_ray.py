"""The Ray executor on a cluster of several nodes on this machine."""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from hpsearch.contracts.errors import DeviceError, SpecError, TaskError
from hpsearch.data.shared_files import bundle
from hpsearch.executors.ray import Ray
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from tests.hpsearch.executors.worker_calls import (
    broken_here,
    broken_once,
    device_together,
    die,
    fail_as_asked,
    node_and_folders,
    read_shared,
    square,
    threads_and_modules,
    works,
    works_not_on_0,
)
from tests.tools.studies import run_to_end, started
from tests.tools.waiting import PATIENCE, until

ray = pytest.importorskip("ray")

# On one worker of xdist, for there is one Ray in a process, and starting it takes longer than most of the tests.
pytestmark = pytest.mark.xdist_group("ray")

STUDY = """
name = "slow"
trials = 4
repeats = 3
seed = 3
task = "{module}"
searcher = "sobol"

[methods.a]
space.x = [0.0, 1.0]

[methods.b]
space.x = [1.0, 2.0]
"""


@pytest.fixture(scope="module")
def cluster():
    """A head that trains nothing, and two nodes of one worker each."""
    from ray.cluster_utils import Cluster

    # Of the nodes; short, for Ray's sockets lie in it, and a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="n") as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("TMPDIR", folder)
        # Ray gives a node half a minute to start, which a busy machine may not manage: its clock goes slowly.
        slow = SimpleNamespace(monotonic=lambda: time.monotonic() / 10, sleep=time.sleep, time=time.time)
        environment.setattr(ray._private.node, "time", slow)
        yield from running(Cluster)


def running(kind):
    # A node that is gone is to be noticed in a second and not in half a minute.
    checks = {"health_check_period_ms": 300, "health_check_failure_threshold": 3, "health_check_initial_delay_ms": 0}
    cluster = kind(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": checks}
    )
    cluster.nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    yield cluster
    cluster.shutdown()


@pytest.fixture
def executor(cluster):
    executor = started("ray", address=cluster.address)
    yield executor
    executor.close()


def test_calls_run_on_all_nodes_pinned_and_without_ax_and_fail_alone(executor):
    assert (executor.workers, executor.waiting) == (2, 1)
    futures = [executor.submit(square, x) for x in range(6)]
    failing = executor.submit(fail_as_asked)
    assert [future.result(PATIENCE) for future in futures] == [0, 1, 4, 9, 16, 25]
    with pytest.raises(ValueError, match=r"^as asked$"):
        failing.result(PATIENCE)
    assert executor.submit(threads_and_modules).result(PATIENCE) == (1, "1", False)


def test_a_worker_that_always_dies_of_a_call_fails_that_call(executor, monkeypatch):
    executor._task = executor._task.options(max_retries=1)
    with pytest.raises(BrokenExecutor, match="the worker or its node died"):
        executor.submit(die).result(PATIENCE)
    assert executor.submit(square, 3).result(PATIENCE) == 9


def test_files_reach_nodes_that_do_not_have_them_once(executor, tmp_path, monkeypatch):
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    contents = {"data/set/a.bin": np.random.default_rng(0).bytes(300_000), "data/set/b": b"", "cache/x/c.npy": b"xyz"}
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    files = [tmp_path / name for name in contents]
    executor.share(files)
    _, data, _ = executor.submit(node_and_folders).result(PATIENCE)
    assert data == str(tmp_path / "data")  # a node that sees the files is sent nothing
    for file in files:
        file.unlink()
    names = ["HPSEARCH_DATA/set/a.bin", "HPSEARCH_DATA/set/b", "HPSEARCH_CACHE/x/c.npy"]
    found = {executor.submit(read_shared, names).result(PATIENCE) for _ in range(6)}
    assert {content for _, content, _ in found} == {tuple(contents.values())}
    assert len({times for _, _, times in found}) == 1  # nothing was written a second time on this machine


def test_only_files_of_the_two_folders_can_be_shared(tmp_path, monkeypatch):
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path / "data"))
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(TaskError, match="mine lies in neither the data folder nor the cache folder"):
        bundle([tmp_path / "mine"], lambda contents: contents)


def test_files_that_links_lead_to_are_shared_by_their_names(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_bytes(b"far")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "set").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    shared = bundle([tmp_path / "data" / "set" / "a"], lambda contents: contents)
    (tmp_path / "elsewhere" / "a").unlink()
    shared.settle(lambda contents: contents)
    assert Path(os.environ["HPSEARCH_DATA"], "set", "a").read_bytes() == b"far"
    (tmp_path / f"hpsearch-{os.getuid()}").chmod(0o777)
    with pytest.raises(TaskError, match="not a folder of this user's alone: remove it, or let TMPDIR name"):
        shared.settle(lambda contents: contents)


def on_gpus(cluster, probe):
    return Ray(devices="cuda", address=cluster.address, probe=probe)


@pytest.fixture(scope="class")
def gpu_nodes(cluster):
    """Two nodes that say they have a GPU each; nothing is computed on it."""
    nodes = [cluster.add_node(num_cpus=1, num_gpus=1) for _ in range(2)]
    yield
    for node in nodes:
        cluster.remove_node(node)


@pytest.mark.usefixtures("gpu_nodes")
class TestOfNodesWithGpus:
    def test_a_node_whose_device_is_broken_gets_no_more_calls(self, cluster):
        executor = on_gpus(cluster, works_not_on_0)
        try:
            assert executor.workers == 2
            with pytest.raises(DeviceError, match=r"no device works any more: node .* everything finished is kept"):
                executor.submit(broken_here).result(PATIENCE)
            assert len(executor.lost) == 2
            assert executor.workers == 0
        finally:
            executor.close()

    def test_a_call_moves_from_a_node_whose_device_is_broken(self, cluster, tmp_path):
        executor = on_gpus(cluster, works_not_on_0)
        flag = tmp_path / "first"
        try:
            nodes = [executor.submit(broken_once, str(flag)).result(PATIENCE) for _ in range(4)]
            assert len(executor.lost) == 1
            assert len(set(nodes)) == 1
            assert nodes[0] != flag.read_text()
            assert executor.workers == 1
        finally:
            executor.close()

    def test_an_error_that_the_device_survives_is_the_calls_own(self, cluster, tmp_path):
        executor = on_gpus(cluster, works)
        try:
            with pytest.raises(DeviceError, match="uncorrectable ECC"):
                executor.submit(broken_once, str(tmp_path / "first")).result(PATIENCE)
            assert executor.submit(square, 5).result(PATIENCE) == 25  # in another process: that one has seen an error
            assert executor.lost == []
        finally:
            executor.close()


def test_workers_take_shares_of_the_gpus_that_a_node_says_it_has(cluster, tmp_path):
    node = cluster.add_node(num_cpus=2, num_gpus=1)  # it has none, and nothing is computed on it
    try:
        executor = started("ray", devices="auto", per_device=2, address=cluster.address)
        try:
            assert (executor.workers, executor.device) == (2, "GPUs of a Ray cluster, 2 workers each")
            futures = [executor.submit(device_together, str(tmp_path), 2) for _ in range(4)]
            found = [future.result(PATIENCE) for future in futures]
        finally:
            executor.close()
    finally:
        cluster.remove_node(node)
    assert {(own, name, visible) for own, name, visible, _ in found} == {("cuda:0", "cuda", "0")}
    assert len({pid for *_, pid in found}) == 2


def test_what_it_cannot_be_is_one_sentence(cluster):
    with pytest.raises(SpecError, match="Ray chooses the devices itself: give cpu, cuda or auto instead of 'cuda:1'"):
        started("ray", devices="cuda:1")
    with pytest.raises(DeviceError, match="this Ray cluster has no GPUs"):
        started("ray", devices="cuda", address=cluster.address)
    with pytest.raises(SpecError, match="workers share GPUs only"):
        started("ray", per_device=2, address=cluster.address)
    with pytest.raises(SpecError, match=r"no Ray cluster at 127\.0\.0\.1:1 \(.*\); start one with: ray start --head"):
        started("ray", address="127.0.0.1:1")


def test_a_node_killed_in_the_middle_changes_nothing(cluster, own_study, gate, tmp_path):
    study = own_study(gate.task, STUDY)
    gate.allow(1000)
    expected = load_tables(run_to_end(study, "inline.db")).trials.drop(columns="seconds")
    gate.allow(6)
    before = gate.begun
    command = [sys.executable, "-m", "hpsearch", "run", str(study), "--executor", "ray"]
    command += ["--address", cluster.address, "--database", str(tmp_path / "ray.db"), "--quiet"]
    running = subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.PIPE, text=True)
    until(lambda: running.poll() is not None or gate.begun == before + 6 + 2)  # both nodes wait within a training
    assert running.poll() is None, running.stderr.read()
    node = cluster.nodes.pop()
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    for process in [raylet, *raylet.children(recursive=True)]:  # as losing power does, all at once
        process.kill()
    cluster.remove_node(node, allow_graceful=False)
    gate.allow(1000)
    assert running.wait(PATIENCE) == 0, running.stderr.read()
    found = load_tables(tmp_path / "ray.db").trials.drop(columns="seconds")
    assert found.equals(expected)
    assert gate.begun > before + 24  # what the dead node was training was trained again
    with Database(tmp_path / "ray.db") as database:
        assert {row.attempts for row in database.all_trials()} == {1}  # Ray did it, and the trials never failed
        assert database.runs()[0].provenance["device"] == "CPUs of a Ray cluster"
