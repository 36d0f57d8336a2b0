"""One suite over every searcher, executor, task and method that is found: a new file is tested by being there."""

import json
import os
import random
import re
import subprocess
import sys
import warnings
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.objective import Objective
from hpsearch.contracts.searcher import History
from hpsearch.contracts.space import Choice, Fixed, Float, Space
from hpsearch.searchers.optuna import SAMPLERS, Optuna
from hpsearch.searchers.random import SEARCHER as RANDOM
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from hpsearch.system.cores import available_cores
from hpsearch.system.rounding import VARIABLE
from tests.tools.documentation import ROOT, shown_files
from tests.tools.methods import METHODS, method_of
from tests.tools.spaces import CONDITIONAL, MIXED
from tests.tools.studies import started

SMALL = Space((Float("rate", 1e-4, 1.0, log=True), Choice("on", (False, True))))  # Ax takes 3 s a time in MIXED
SEARCHERS, EXECUTORS, TASKS = (Registry().names(kind) for kind in (kinds.SEARCHER, kinds.EXECUTOR, kinds.TASK))
DECADE = 10  # trials of a history that every searcher has left its initial design by


def history(space, n, seed, pending=0):
    points = np.random.default_rng(seed).random((n + pending, len(space.searched)))
    configurations = tuple(space.decode(point.tolist()) for point in points)
    objectives = tuple(float(-((point - 0.6) ** 2).sum()) for point in points[:n])
    return History(configurations[:n], objectives, configurations[n:])


# "fixed" and "grid" draw nothing at random, and have tests of their own; "walk" is from outside, as the page shows it.
SEARCHING = [name for name in SEARCHERS if name not in ("fixed", "grid", "optuna")]
SEARCHING += [*(f"optuna-{sampler}" for sampler in SAMPLERS), "walk"]


def searcher_of(name, outside):
    if name.startswith("optuna-"):
        return Optuna(name.removeprefix("optuna-"))
    if name == "walk":
        return Registry((Path(outside),)).find(kinds.SEARCHER, "walk:SEARCHER")
    return Registry().find(kinds.SEARCHER, name)


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    """A folder with somebody's own searcher."""
    folder = tmp_path_factory.mktemp("outside")
    with shown_files("docs/searchers.md", folder, "walk.py"):
        yield folder


@pytest.fixture(params=SEARCHING)
def searcher(request, outside):
    return searcher_of(request.param, outside)


def proposals(outside):
    """Name of every searcher -> what it proposes for a study at its beginning, and one beyond the initial design."""
    histories = [History(), history(SMALL, DECADE, 7)]
    return {name: searcher_of(name, outside).propose(SMALL, histories, [11, 2**62 + 1]) for name in SEARCHING}


@dataclass(frozen=True)
class Past:
    configuration: dict
    objective: float | None


class TestSearchers:
    def test_proposals_lie_in_the_space(self, searcher):
        for n in (0, 1, DECADE):
            (proposed,) = searcher.propose(MIXED, [history(MIXED, n, n)], [5])
            assert list(proposed) == list(MIXED.names)
            assert proposed["held"] == 3
            assert all(parameter.contains(proposed[parameter.name]) for parameter in MIXED.searched)
            assert type(proposed["on"]) is bool
            assert type(proposed["depth"]) is int

    def test_a_proposal_depends_on_its_own_history_and_seed_only(self, searcher):
        space = Space((Float("x", 0.0, 1.0), Float("y", 1e-3, 1.0, log=True)))
        histories = [history(space, DECADE, 1), history(space, DECADE, 2)]
        together = searcher.propose(space, histories, [2**62 + 1, 2])
        np.random.seed(123)  # nor on the global generators, which it leaves alone
        torch.manual_seed(123)
        random.seed(123)
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()
        threads = torch.get_num_threads()
        assert searcher.propose(space, histories[1:], [2]) == together[1:]
        assert searcher.propose(space, histories[:1], [2**62 + 1]) == together[:1]
        assert torch.get_num_threads() == threads
        after = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()
        assert after == before

    def test_seeds_differ_from_the_first_trial_on(self, searcher):
        proposed = searcher.propose(MIXED, [History()] * 20, list(range(20)))
        assert len({p["rate"] for p in proposed}) == 20
        assert {p["on"] for p in proposed} == {False, True}

    def test_a_space_with_nothing_to_search_gives_its_values(self, searcher):
        assert searcher.propose(Space((Fixed("a", 1.5),)), [History()], [1]) == [{"a": 1.5}]

    def test_equal_objectives_are_no_obstacle(self, searcher):
        flat = replace(history(SMALL, DECADE, 4), objectives=(0.1,) * DECADE)
        (proposed,) = searcher.propose(SMALL, [flat], [1])
        assert SMALL.contains(proposed)

    def test_a_space_smaller_than_its_history_is_no_obstacle(self, searcher):
        space = Space((Choice("on", (False, True)),))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (proposed,) = searcher.propose(space, [history(space, DECADE, 4)], [1])
        assert proposed["on"] in (False, True)

    @pytest.mark.parametrize("n", [0, 3, DECADE])
    def test_a_parameter_has_a_value_where_it_is_active_only(self, searcher, n):
        proposed = searcher.propose(CONDITIONAL, [history(CONDITIONAL, n, seed) for seed in range(3)], [1, 2, 3])
        assert all(CONDITIONAL.contains(configuration) for configuration in proposed)

    def test_a_round_proposes_what_is_not_pending_already(self, searcher):
        """Four trials in parallel: each knows those before it in its round, and none is the same."""
        before = history(SMALL, DECADE, 3)
        for _ in range(4):
            (proposed,) = searcher.propose(SMALL, [before], [9])
            assert proposed not in before.configurations
            assert proposed not in before.pending
            assert searcher.propose(SMALL, [history(SMALL, DECADE, 8), before], [2, 9])[1] == proposed
            before = replace(before, pending=(*before.pending, proposed))

    @pytest.mark.parametrize("unit", [1e300, 1e-300, -1.7e308])
    def test_huge_and_tiny_objectives_are_no_obstacle(self, searcher, unit):
        values = tuple(unit * np.random.default_rng(6).random(DECADE))
        (proposed,) = searcher.propose(SMALL, [replace(history(SMALL, DECADE, 5), objectives=values)], [1])
        assert SMALL.contains(proposed)

    def test_it_maximises_and_minimises_alike(self, searcher):
        """A loss is a score with the other sign; a trial that diverged has neither."""
        tried = history(SMALL, DECADE, 12)
        scores = [None, *tried.objectives[1:]]
        of_scores = History.of(list(map(Past, tried.configurations, scores)), Objective("score", chance=-2.0))
        losses = [None if score is None else -score for score in scores]
        loss = Objective("loss", chance=2.0, direction="minimise")
        of_losses = History.of(list(map(Past, tried.configurations, losses)), loss)
        assert searcher.propose(SMALL, [of_losses], [4]) == searcher.propose(SMALL, [of_scores], [4])

    def test_the_first_trials_of_many_studies_are_uniform(self, searcher):
        space = Space((Float("x", 0.0, 1.0),))
        first = [p["x"] for p in searcher.propose(space, [History()] * 400, range(400))]
        counts = np.histogram(first, bins=4, range=(0, 1))[0]
        assert counts.min() > 60  # 100 expected; four standard deviations below is 65


def test_every_searcher_proposes_the_same_in_a_fresh_process(outside):
    """Where Python hashes texts otherwise, and nothing was imported or proposed before."""
    code = f"import json, {__name__} as here; print(json.dumps(here.proposals({str(outside)!r})))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "77"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=600, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == proposals(outside)


def square(x):
    return x * x


def fail():
    raise ValueError("as asked")


def die():
    os._exit(3)


def threads():
    ax = "ax" in __import__("sys").modules
    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], os.environ.get(VARIABLE), ax


# A worker of xdist each: starting one takes longer than the tests.
@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in EXECUTORS])
def executor(request):
    executor = started(request.param)
    yield executor
    executor.close()


class TestExecutors:
    def test_calls_return_their_results_and_raise_their_errors(self, executor):
        futures = [executor.submit(square, i) for i in range(5)]
        failing = executor.submit(fail)
        assert [future.result() for future in futures] == [0, 1, 4, 9, 16]
        with pytest.raises(ValueError, match="as asked"):
            failing.result()

    def test_a_call_runs_on_one_thread_and_without_what_the_driver_has(self, executor):
        pinned, variable, rounding, has_ax = executor.submit(threads).result()
        assert (pinned, variable) == (1, "1")
        assert type(executor).__name__ == "Inline" or (rounding, has_ax) == (None, False)

    def test_a_nonsensical_number_of_workers_is_refused(self, executor):
        with pytest.raises(SpecError, match="worker"):
            started(type(executor).__name__.lower(), workers=-1)


def test_a_worker_that_dies_fails_its_own_call_and_is_replaced():
    executor = started("processes", workers=1)
    try:
        dying, living = executor.submit(die), executor.submit(square, 3)
        with pytest.raises(BrokenExecutor, match="died"):
            dying.result()
        assert living.result() == 9
    finally:
        executor.close()


def test_there_is_a_worker_for_each_core_by_default():
    executor = started("processes")
    assert executor.workers == available_cores()
    executor.close()


@pytest.mark.parametrize("name", TASKS)
class TestTasks:
    def test_a_task_states_what_it_measures(self, name):
        task = Registry().find(kinds.TASK, name)
        assert task.objective.name
        assert task.objective.direction in ("maximise", "minimise")
        assert task.pack >= 1
        assert task.methods is None or METHODS

    def test_every_setting_is_documented(self, name):
        task = Registry().find(kinds.TASK, name)
        said = " ".join(kind.__doc__ or "" for kind in type(task).__mro__)
        for setting in (field.name for field in fields(task)):
            assert f"{setting}:" in said, f"{setting} is missing from the docstring"


@pytest.mark.parametrize("name", METHODS)
class TestMethods:
    def h(self, method, rank, k=3):
        drawn = RANDOM.propose(method.space, [History()] * k, range(k))
        shape = (k, *[1] * (rank - 1))
        values = {n: torch.tensor([float(c[n]) for c in drawn]).view(shape) for n in method.space.names}
        return {**values, "progress": torch.full(shape, 0.5), "step": torch.full(shape, 7.0)}

    @pytest.mark.parametrize("shape", [(3, 16), (3, 4, 5), (3, 4, 2, 3, 3)])
    def test_it_works_on_tensors_of_any_rank(self, name, shape):
        method = method_of(name)
        h = self.h(method, len(shape))
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        state = method.start(noise, h)
        before = {key: value.clone() for key, value in state.items()}
        method.update(state, torch.randn(shape, generator=torch.Generator().manual_seed(1)), h)
        assert all(value.shape == shape for value in state.values())
        assert any(not torch.equal(state[key], before[key]) for key in state)
        if len(shape) > 2:
            own = method.start_layer(shape[1:], [torch.Generator().manual_seed(i) for i in range(3)])
            assert all(len(value) == 3 for value in own.values())
            state |= {key: value.float() for key, value in own.items()}
            method.begin_epoch(state, h)
            weights = method.weights(state, h, training=False)
            assert weights.shape == shape
            assert method.gradient(state, torch.ones(shape), h).shape == shape

    def test_its_module_names_its_source(self, name):
        module = __import__(f"binarynet.methods.{name}", fromlist=["METHOD"])
        assert re.search(r"\b20\d\d\)", module.__doc__ or ""), "a paper with its year"

    def test_its_schedules_are_of_its_own_hyperparameters(self, name):
        method = method_of(name)
        assert set(method.schedules) <= set(method.space.names)
