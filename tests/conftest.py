"""One thread a process, a feature cache of the tests' own, and fixtures of small studies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hpsearch.system.rounding import ask_for_even_rounding
from hpsearch.system.threads import pin_threads

pin_threads()  # before torch is loaded
ask_for_even_rounding()

from tests.tools.gate import Gate
from tests.tools.studies import OWN_STUDY, OWN_TASK


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["HPSEARCH_CACHE"] = str(tmp_path_factory.getbasetemp().parent / "hpsearch-cache")
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.getbasetemp() / "no-configuration")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.fixture
def own_study(tmp_path: Path):
    """Write a task of one's own and a study file beside it; returns the study file."""

    def write(task: str = OWN_TASK, study: str = OWN_STUDY, module: str = "own_task") -> Path:
        # Each test's module has a name of its own: Python would keep the first one it imported.
        module = f"{module}_{abs(hash(str(tmp_path))) % 10**9}"
        (tmp_path / f"{module}.py").write_text(task)
        path = tmp_path / "own.toml"
        path.write_text(study.format(module=module))
        return path

    yield write
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]
