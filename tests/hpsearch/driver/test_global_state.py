"""Global settings of a task do not reach our searchers and figures, nor ours the task."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch

import hpsearch
from hpsearch.executors.processes import Processes
from hpsearch.store.database import Database
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end

CHANGING = """
import numpy as np
import torch

np.seterr(all="raise")
torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)
torch.set_grad_enabled(False)
"""
STUDY = edited(edited(OWN_STUDY, "trials = 6", "trials = 8"), 'searcher = "sobol"', 'searcher = "botorch"')


def table(file: Path) -> list[tuple[object, ...]]:
    with Database(file) as database:
        return [(t.method, t.repeat, t.trial, t.configuration, t.state, t.objective) for t in database.all_trials()]


def test_what_a_task_changes_does_not_reach_the_searcher_and_stays_as_the_task_wants_it(own_study):
    plain = table(run_to_end(own_study(study=STUDY), "plain.db"))
    before = np.geterr(), torch.get_default_dtype()
    try:
        study = own_study(task=CHANGING + OWN_TASK, study=STUDY, module="changing")
        assert table(run_to_end(study, "changed.db")) == plain
        assert np.geterr()["over"] == "raise"
        assert torch.get_default_dtype() is torch.float64
        assert torch.are_deterministic_algorithms_enabled()
        assert not torch.is_grad_enabled()
    finally:
        np.seterr(**before[0])
        torch.set_default_dtype(before[1])
        torch.use_deterministic_algorithms(False)
        torch.set_grad_enabled(True)


def test_a_searcher_draws_nothing_from_the_random_numbers_of_a_task(own_study):
    study = own_study(study=STUDY)
    torch.manual_seed(0)
    np.random.seed(0)
    wanted = torch.rand(3).tolist(), np.random.rand(3).tolist()
    torch.manual_seed(0)
    np.random.seed(0)
    run_to_end(study)
    assert (torch.rand(3).tolist(), np.random.rand(3).tolist()) == wanted


def test_children_of_a_task_begin_as_on_this_platform_by_default():
    executor = Processes(workers=1)
    try:
        found = executor.submit(multiprocessing.get_start_method).result()
    finally:
        executor.close()
    assert found == multiprocessing.get_all_start_methods()[0]


def test_figures_are_the_same_whatever_a_users_matplotlibrc_says(own_study, tmp_path: Path):
    file = run_to_end(own_study())
    hpsearch.write_report(file, tmp_path / "plain")
    with mpl.rc_context({"savefig.dpi": 30, "font.size": 40, "axes.facecolor": "red", "lines.linewidth": 9}):
        hpsearch.write_report(file, tmp_path / "own")
    for name in ("curves.png", "curves.svg", "reach.png"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "own" / name).read_bytes()
