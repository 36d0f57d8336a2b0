"""A method is one file: written into a copy of the project, it is found by everything, with nothing else edited."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

METHOD = '''
"""The sign of the newest gradient: as plain as a method can be (nobody 2026)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from binarynet.method import BinaryMethod
from binarynet.quantizers import sign
from hpsearch import Float, Space


@dataclass(frozen=True)
class Newest(BinaryMethod):
    space: Space = Space((Float("share", 0.01, 1.0, log=True),))

    def start(self, noise, h):
        return {"binary": sign(noise), "average": torch.zeros_like(noise)}

    def weights(self, state, h, training):
        return state["binary"]

    def gradient(self, state, gradient, h):
        return gradient

    def update(self, state, gradient, h):
        state["average"].lerp_(gradient, h["share"])
        state["binary"].copy_(sign(-state["average"]))


METHOD = Newest()
'''

SOFTER = '''
"""Latent weights seen through a tanh while they train: a forward that is no sign (nobody 2026)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from binarynet.method import BinaryMethod
from binarynet.quantizers import follow_sign_, sign
from hpsearch import Float, Space


@dataclass(frozen=True)
class Softer(BinaryMethod):
    space: Space = Space((Float("learning_rate", 0.01, 1.0, log=True),))
    schedules: Mapping[str, str] = field(default_factory=lambda: {"learning_rate": "linear"})
    real_in_training = True

    def start(self, noise, h):
        return {"binary": sign(noise), "latent": 0.1 * noise}

    def weights(self, state, h, training):
        return torch.tanh(5 * state["latent"]) if training else state["binary"]

    def gradient(self, state, gradient, h):
        return gradient

    def update(self, state, gradient, h):
        state["latent"].addcmul_(gradient, h["learning_rate"], value=-1)
        follow_sign_(state["binary"], state["latent"])


METHOD = Softer()
'''

STUDY = """
name = "newest"
trials = 2
repeats = 2
seed = 1
task = { name = "audio_task", corpus = "synthetic", voices = 5, takes = 1, epochs = 2, width = 16 }
searcher = "sobol"

[methods.newest]
[methods.softer]
[methods.filter]
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    for package in ("hpsearch", "binarynet", "audio_task", "cifar_task", "imagenet_task", "studies", "tests"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "binarynet" / "methods" / "newest.py").write_text(METHOD)
    (folder / "binarynet" / "methods" / "softer.py").write_text(SOFTER)
    (folder / "newest.toml").write_text(STUDY)
    return folder


def run(folder, *command):
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_line_lists_it(copy):
    assert ", newest, " in " ".join(run(copy, "-m", "hpsearch", "list").split())  # lines end where the terminal does


def test_a_study_runs_it_and_the_report_shows_it(copy):
    run(copy, "-m", "hpsearch", "run", "newest.toml", "--executor", "inline", "--quiet")
    run(copy, "-m", "hpsearch", "report", "newest.db", "--to", "report")
    page = (copy / "report" / "README.md").read_text()
    assert "| newest | 2 |" in page
    assert "| newest | share | 0.01 to 1 | logarithmic | constant |" in page
    assert "| softer | learning_rate | 0.01 to 1 | logarithmic | linear |" in page


def test_the_shared_tests_are_run_on_it(copy):
    tests = ["tests/hpsearch/contracts/test_contracts.py", "tests/binarynet/test_methods.py"]
    chosen = "(newest or softer) and (any_rank or source or schedules or TestAllMethods)"
    found = run(copy, "-m", "pytest", "-vv", "-p", "no:cacheprovider", "-k", chosen, *tests)
    passed = [line.split("::", 1)[1].split(" ")[0] for line in found.splitlines() if " PASSED" in line]
    for method in ("newest", "softer"):
        for name in (
            f"TestMethods::test_it_works_on_tensors_of_any_rank[shape0-{method}]",
            f"TestMethods::test_its_module_names_its_source[{method}]",
            f"TestMethods::test_its_schedules_are_of_its_own_hyperparameters[{method}]",
            f"TestAllMethods::test_any_configuration_trains_to_numbers_or_says_that_it_diverged[{method}]",
            f"TestAllMethods::test_weights_are_signs_after_every_step_or_at_least_at_evaluation[{method}]",
            f"TestAllMethods::test_the_same_seed_flips_the_same[{method}]",
        ):
            assert name in passed
