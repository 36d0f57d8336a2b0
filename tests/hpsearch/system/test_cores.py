"""How many workers find a core."""

import os

import pytest

from hpsearch.system import cores
from tests.tools.studies import started


@pytest.fixture
def machine(monkeypatch):
    """A machine of some cores, of which a container may use a share of the time."""

    def of(usable, quota):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(usable)))
        monkeypatch.setattr(cores, "cpu_quota", lambda: quota)

    return of


@pytest.mark.parametrize(("usable", "quota", "workers"), [(64, 2.0, 2), (64, 2.9, 2), (64, 0.5, 1), (4, None, 4)])
def test_a_run_starts_as_many_workers_as_its_container_may_use(machine, usable, quota, workers):
    machine(usable, quota)
    executor = started("processes")
    executor.close()
    assert executor.workers == cores.available_cores() == workers
