"""What a notebook's functions do is known, whatever they look like, and wherever a change is made."""

import sys

import pytest

from hpsearch.study.live_code import LiveCode
from tests.tools.editing import edited
from tests.tools.notebook import Notebook

CELL = '''
import math
from dataclasses import dataclass
from functools import cached_property, partial
from hpsearch import DataTask, Float, FunctionMethod, FunctionTask, Objective, Space

EPOCHS = 3
UNUSED = 1


def step(x):
    return x * 0.5


class Model:
    bias = 1.0

    def __init__(self, width):
        self.width = width

    @cached_property
    def size(self):
        return self.width + 1

    @staticmethod
    def loss(x):
        return abs(x)


def make(kind):
    def train(data, configuration, seed):
        """Train."""
        model = Model(3)
        return [step(x) for x in data] + [EPOCHS, kind, model.size]

    return train


METHOD = FunctionMethod(partial(make("a"), other=2), Space((Float("x", 0.0, 1.0),)))
'''


@pytest.fixture
def notebook(monkeypatch):
    return Notebook(monkeypatch)


def done_by(notebook, cell=CELL):
    notebook.run(cell)
    return LiveCode.of(notebook["METHOD"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def step(x):", "# a comment\n\ndef step(x):"),
        ('"""Train."""', '"""Train it."""'),
        ("UNUSED = 1", "UNUSED = 2"),
        ("return x * 0.5", "return (\n        x * 0.5  # so\n    )"),
        ("UNUSED = 1", "def unused():\n    return 1\n"),
    ],
)
def test_comments_layout_and_what_is_not_used_do_not_count(notebook, old, new):
    assert done_by(notebook).hash == done_by(notebook, edited(CELL, old, new)).hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x * 0.5", "x * 0.25"),
        ("EPOCHS = 3", "EPOCHS = 4"),
        ("EPOCHS = 3", "EPOCHS = 3.0"),
        ('make("a")', 'make("b")'),
        ("other=2", "other=3"),
        ("self.width + 1", "self.width + 2"),
        ("abs(x)", "-abs(x)"),
        ("bias = 1.0", "bias = 2.0"),
        ("[step(x) for x in data]", "[step(x) for x in reversed(data)]"),
    ],
)
def test_whatever_is_computed_otherwise_counts(notebook, old, new):
    assert done_by(notebook).hash != done_by(notebook, edited(CELL, old, new)).hash


def test_a_lambda_is_known_by_what_it_computes_and_not_by_its_line(notebook):
    notebook.run("from hpsearch import FunctionTask, Objective")
    cell = "TRIALS, TASK = 3, FunctionTask(lambda c, s: 1.5, Objective('o', 0))"
    hashes = []
    for text in (cell, edited(cell, "3,", "4,"), edited(cell, "1.5", "2.5")):
        notebook.run(text)
        hashes.append(LiveCode.of(notebook["TASK"]).hash)
    assert hashes[0] == hashes[1] != hashes[2]


def test_modules_that_are_used_are_named(notebook, tmp_path, monkeypatch):
    (tmp_path / "beside_a_notebook.py").write_text("def helping(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = edited(CELL, "import math", "from beside_a_notebook import helping")
    found = done_by(notebook, edited(text, "return x * 0.5", "import math\n    return helping(x)"))
    del sys.modules["beside_a_notebook"]
    assert "beside_a_notebook" in found.modules
    assert "__main__" not in found.modules
