"""Whether the user's own code does what it did, whatever it looks like."""

import sys

import pytest

from hpsearch.study import code
from hpsearch.study.plan import read_plan
from hpsearch.study.registry import Registry
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK

STUDY = edited(OWN_STUDY, "{module}", "mine")
TASK = edited(OWN_TASK, "from hpsearch", "from beside.deep import FACTOR\nfrom hpsearch")


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """The modules that are recorded of a task in mine.py, with the given files beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside").mkdir()
    (tmp_path / "own.toml").write_text(STUDY.format())
    for name in [name for name in sys.modules if name.split(".")[0] in ("mine", "beside")]:
        monkeypatch.delitem(sys.modules, name)

    def of(task=TASK, deep="from . import deeper\nFACTOR = 1\n", deeper="import json\nX = 1\n", init=""):
        for name, text in {"__init__": init, "deep": deep, "deeper": deeper, "unrelated": "Y = 2\n"}.items():
            (tmp_path / "beside" / f"{name}.py").write_text(text)
        (tmp_path / "mine.py").write_text(task)
        return read_plan(tmp_path / "own.toml").code["training"]

    yield of
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


def test_it_is_of_the_task_and_of_what_it_imports_from_beside_it(modules):
    assert list(modules()) == ["beside", "beside.deep", "beside.deeper", "mine"]


@pytest.mark.parametrize(
    "same",
    [
        {"task": f"# a comment\n\n{TASK}\n\n"},
        {"task": edited(TASK, "return Result(value, ", "return Result(\n        value,  # so\n        ")},
        {"task": edited(TASK, "seed):\n", 'seed):\n    """What it is."""\n')},
        {"task": f'"""A task."""\n{TASK}'},
        {"task": edited(TASK, '"x"', "'x'")},
        {"init": "# nothing\n"},
    ],
)
def test_comments_docstrings_and_layout_do_not_count(modules, same):
    assert modules(**same) == modules()


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"task": edited(TASK, "0.3", "0.30000001")}, "mine"),
        ({"task": edited(TASK, "chance=1.0", "chance=1")}, "mine"),
        ({"task": edited(TASK, "** 2 +", "** 2 -")}, "mine"),
        ({"deep": "from . import deeper\nFACTOR = True\n"}, "beside.deep"),
        ({"deeper": "import json\nX = None\n"}, "beside.deeper"),
        ({"init": "X = 1\n"}, "beside"),
    ],
)
def test_whatever_is_computed_otherwise_counts_where_it_is(modules, changed, where):
    before, now = modules(), modules(**changed)
    assert [name for name in now if before[name] != now[name]] == [where]


def test_what_ships_is_known_by_its_version(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(
        'name = "a"\ntrials = 1\nrepeats = 1\nseed = 1\ntask = "audio_task"\n[methods.latent]\n[methods.filter]\n'
    )
    assert read_plan(tmp_path / "a.toml").code == {"training": {}, "proposing": {}, "commit": None}


def test_of_an_installed_package_its_own_modules_count_and_not_its_neighbours(tmp_path):
    site = tmp_path / "site-packages"
    (site / "theirs" / "tasks").mkdir(parents=True)
    for name in ("theirs/__init__.py", "theirs/tasks/__init__.py", "numpy_of_sorts.py", "theirs/shared.py"):
        (site / name).write_text("")
    task = site / "theirs" / "tasks" / "one.py"
    task.write_text("import numpy_of_sorts\nfrom ..shared import x\n")
    found = {name for name, _ in code._with_imports(task, Registry((tmp_path,)).folders)}
    assert found == {"theirs", "theirs.tasks", "theirs.tasks.one", "theirs.shared"}
