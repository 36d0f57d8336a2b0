"""A comparison of a notebook's own functions: it runs in worker processes, goes on, and is read like any other."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import hpsearch
from hpsearch.contracts.errors import DatabaseError
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.notebook import Notebook
from tests.tools.studies import table

CELL = """
from functools import cached_property, partial
from dataclasses import dataclass
import hpsearch
from hpsearch import Choice, DataTask, Float, FunctionMethod, Objective, Result, Searcher, Space

POWER = 2


@dataclass(frozen=True)
class Data:
    best: float = 0.3

    @cached_property
    def doubled(self):
        return 2 * self.best


def distance(x, data):
    return abs(x - data.doubled / 2)


def guess(power, data, configuration, seed):
    value = distance(configuration["x"], data) ** power
    return Result(value, metrics={"seed_at_test": seed % 7}, curves={"loss": [1.0, value]})


TASK = DataTask(Data, Objective("loss", chance=5.0, direction="minimise"))
SPACE = Space((Float("x", 0.0, 1.0), Choice("on", (False, True))))
SQUARE = FunctionMethod(partial(guess, POWER), SPACE)
METHODS = {
    "square": SQUARE,
    "plain": {"method": FunctionMethod(partial(guess, 1), SPACE), "space": {"x": [0.0, 0.5]}},
}


def compare(file, executor="processes", **changes):
    keys = {"name": "guesses", "trials": 3, "repeats": 2, "seed": 1, "searcher": "sobol", **changes}
    workers = 1 if executor == "processes" else None
    comparison = hpsearch.Comparison(task=TASK, **{"methods": METHODS, **keys})
    return hpsearch.run(comparison, file, executor=executor, workers=workers, quiet=True)
"""


@pytest.fixture
def notebook(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    notebook = Notebook(monkeypatch)
    notebook.run(CELL)
    return notebook


def test_it_runs_in_worker_processes_as_in_this_one(notebook, tmp_path):
    tables = notebook["compare"]("there.db")
    trials = tables.trials
    assert len(trials) == 12
    assert trials["state"].eq("complete").all()
    expected = (trials["x"] - 0.3).abs() ** (1 + trials["method"].eq("square"))
    assert trials["objective"].to_numpy() == pytest.approx(expected.to_numpy())
    notebook["compare"]("here.db", "inline")
    assert table(tmp_path / "here.db") == table(tmp_path / "there.db")


@pytest.mark.xdist_group("ray")
def test_it_runs_on_ray(notebook, tmp_path):
    pytest.importorskip("ray")
    notebook["compare"]("ray.db", "ray")
    notebook["compare"]("here.db", "inline")
    assert table(tmp_path / "here.db") == table(tmp_path / "ray.db")


def test_the_same_cell_goes_on_and_one_with_more_extends(notebook, tmp_path):
    compare = notebook["compare"]
    compare("a.db", "inline")
    begun = table(tmp_path / "a.db")
    notebook.run(CELL)  # its objects are others now
    assert len(notebook["compare"]("a.db", "inline").runs) == 1  # there was nothing left to do
    methods = {**notebook["METHODS"], "more": notebook["METHODS"]["square"]}
    extended = notebook["compare"]("a.db", "inline", trials=4, methods=methods)
    assert len(extended.trials) == 24
    assert [row for row in table(tmp_path / "a.db") if row in begun] == begun


def test_other_code_is_noticed(notebook):
    notebook["compare"]("a.db", "inline")
    notebook.run(edited(CELL, "abs(x - data.doubled / 2)", "abs(x - data.doubled / 3)"))
    with pytest.raises(
        DatabaseError, match=r"the code of __main__:SQUARE, __main__:plain has changed since it was run"
    ):
        notebook["compare"]("a.db", "inline", trials=4)
    notebook.run(edited(CELL, "best: float = 0.3", "best: float = 0.4"))
    with pytest.raises(DatabaseError, match=r"the code of __main__:TASK has changed since it was run"):
        notebook["compare"]("a.db", "inline", trials=4)


def test_its_database_is_read_like_any_other_and_says_what_only_the_notebook_can_do(notebook, tmp_path):
    spec = notebook["compare"]("guesses.db", "inline").comparison.spec
    assert spec.task.name == "__main__:TASK"
    assert {label: method.method for label, method in spec.methods.items()} == {
        "square": "__main__:SQUARE",
        "plain": "__main__:plain",
    }
    pages = hpsearch.write_report("guesses.db", "report")
    assert "a Python session" in next(page for page in pages if page.name == "README.md").read_text()
    assert cli("export", "guesses.db", "--to", "csv").returncode == 0
    assert cli("status", "guesses.db").returncode == 0
    checked = cli("check", "guesses.db")
    assert "12 proposals are what the searcher proposes again" in checked.stdout
    for words in (("replay", "guesses.db", "square", "1", "1"), ("confirm", "guesses.db", "--seeds", "1")):
        refused = cli(*words)
        assert refused.returncode == 2
        assert "task: __main__:TASK was defined in a notebook or a script, which nothing else can" in refused.stderr


def test_status_says_where_one_that_stopped_goes_on(notebook, tmp_path):
    notebook.run(
        edited(CELL, "    value = distance", '    assert POWER == 2 and configuration["x"] > 2\n    value = distance')
    )
    with pytest.raises(hpsearch.TaskError):
        notebook["compare"]("a.db", "inline")
    assert f"go on in Python, as it began: {tmp_path / 'a Python session'}" in " ".join(
        cli("status", "a.db").stdout.split()
    )


SEARCHING = """
@dataclass(frozen=True)
class Corner(Searcher):
    at: float = 0.0

    def propose(self, space, histories, seeds):
        return [space.decode([self.at] * len(space.searched)) for _ in histories]
"""


def test_a_searcher_of_a_notebook_proposes_and_check_says_that_it_is_not_here(notebook):
    notebook.run(SEARCHING)
    tables = notebook["compare"]("a.db", "inline", searcher=notebook["Corner"](0.25))
    assert set(tables.trials["x"]) == {0.25, 0.125}
    assert tables.comparison.resolved["searcher"] == {"at": 0.25}
    refused = cli("check", "a.db")
    assert refused.returncode == 2
    assert "searcher: __main__:searcher was defined in a notebook or a script" in refused.stderr


@pytest.mark.parametrize("piped", [False, True])
def test_a_scripts_own_functions_reach_worker_processes(tmp_path, piped):
    script = tmp_path / "script.py"
    script.write_text(f'{CELL}\n\nif __name__ == "__main__":\n    compare("a.db")\n')
    words, given = ([], script.read_text()) if piped else ([str(script)], None)
    environment = {**os.environ, "PYTHONPATH": str(Path(hpsearch.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, *words],
        input=given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    tables = hpsearch.load(tmp_path / "a.db")
    assert tables.trials["state"].eq("complete").all()
    assert tables.comparison.study_file == str(tmp_path / "a Python session" if piped else script)


def test_what_a_module_holds_can_be_replayed_and_confirmed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "guessing_here.py").write_text(CELL)
    module = importlib.import_module("guessing_here")
    methods = {"square": module.SQUARE, "plain": {"method": module.SQUARE, "space": {"on": False}}}
    module.compare("a.db", "inline", methods=methods)
    assert "square, study 1, trial 2: every bit agrees" in cli("replay", "a.db", "square", "1", "2", "--trust").stdout
    confirmed = cli("confirm", "a.db", "--seeds", "1", "--executor", "inline", "--trust")
    assert confirmed.returncode == 0, confirmed.stderr
    del sys.modules["guessing_here"]
