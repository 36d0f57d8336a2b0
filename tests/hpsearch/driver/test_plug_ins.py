"""Plug-ins that do what a contract allows, and those that do not: what a comparison makes of them."""

import numpy as np
import pytest

import hpsearch
from hpsearch.contracts.errors import ExportError, SpecError
from hpsearch.contracts.export import Format
from hpsearch.contracts.progress import silent
from hpsearch.contracts.searcher import History
from hpsearch.contracts.space import Float, Space
from hpsearch.driver.proposing import propose
from hpsearch.searchers.sobol import Sobol
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end

LISTER = """
from dataclasses import dataclass
from hpsearch import Searcher


@dataclass(frozen=True)
class Lister(Searcher):
    searches = False

    def propose(self, space, histories, seeds):
        return [{p.name: 0.5 if p in space.searched else p.value for p in space} for _ in histories]


SEARCHER = Lister()
"""


def test_a_searcher_that_lists_has_its_results_reported_against_what_was_varied(own_study):
    study = own_study(study=edited(OWN_STUDY, '"sobol"', '"lister_of_mine"'))
    study.with_name("lister_of_mine.py").write_text(LISTER)
    file = run_to_end(study)
    hpsearch.write_report(file, file.with_name("report"))
    assert file.with_name("report").joinpath("responses.png").is_file()
    assert not file.with_name("report").joinpath("curves.png").exists()


class Wrong(Sobol):
    """A searcher that returns what it is given."""

    def __init__(self, returned):
        object.__setattr__(self, "returned", returned)

    def propose(self, space, histories, seeds):
        return self.returned


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ([{"x": 0.1}], r"one configuration per study \(2\), got 1"),
        (None, "got NoneType"),
        ([{"x": 0.1}, {"y": 0.1}], r"must return configurations with x, got \{'y': 0\.1\}"),
        ([0.1, 0.2], "must return configurations with x, got 0.1"),
    ],
)
def test_a_searcher_that_returns_nonsense_is_a_sentence(returned, said):
    with pytest.raises(SpecError, match=rf"^searcher: Wrong\.propose .*{said}"):
        propose(Wrong(returned), Space((Float("x", 0.0, 1.0),)), [History()] * 2, [1, 2])


def test_a_format_that_writes_nothing_is_a_sentence(tmp_path):
    with pytest.raises(ExportError, match=r"out\.txt: this format wrote nothing"):
        Format(".txt", lambda *_: None)(tmp_path / "a.db", tmp_path / "out.txt", silent)


LOADING = """
    def load(self, device):
        with open("loads", "a") as file:
            file.write("x")


"""


def test_a_task_loads_its_data_once_in_a_process(own_study, monkeypatch):
    task = edited(OWN_TASK, "TASK = FunctionTask(", f"class Loading(FunctionTask):{LOADING}TASK = Loading(")
    study = own_study(task)
    monkeypatch.chdir(study.parent)
    run_to_end(study)
    assert study.with_name("loads").read_text() == "x"


TABLED = """
from __future__ import annotations
from dataclasses import dataclass, field
import numpy as np
from hpsearch import Float, Method, Space


@dataclass(frozen=True)
class Tabled(Method):
    space: Space = Space((Float("x", 0.0, 1.0),))
    table: np.ndarray = field(default_factory=lambda: np.ones(3))
    other: Unknown = None


METHOD = Tabled()
"""


def test_a_field_that_no_study_file_sets_may_be_anything(own_study, tmp_path):
    """An array, or something that is named for type checkers only."""
    (tmp_path / "methods_with_fields").mkdir()
    (tmp_path / "methods_with_fields" / "tabled.py").write_text(TABLED)
    of_methods = 'class Mine(FunctionTask):\n    methods = "methods_with_fields"\n\n\nTASK = Mine('
    study = edited(OWN_STUDY, "[methods.wide]\nspace.x = [0.0, 10.0]", "[methods.tabled]")
    study = edited(study, "[methods.narrow]\nspace = {{ x = [0.0, 1.0], depth = 3 }}", "")
    file = run_to_end(own_study(edited(OWN_TASK, "TASK = FunctionTask(", of_methods), study))
    assert np.isfinite(hpsearch.load(file).trials["objective"]).all()


def test_what_may_change_between_runs_is_what_a_confirmation_goes_by(own_study):
    study = own_study(study=f"time_limit = 1.5\n{OWN_STUDY}")
    file = run_to_end(study, "own.db", executor="processes", workers=1)
    study.write_text(edited(study.read_text(), "time_limit = 1.5", "time_limit = 60.0"))
    run_to_end(study, "own.db", executor="processes", workers=1)
    assert hpsearch.load(file).comparison.spec.time_limit == 60.0
    refused = cli("confirm", "own.db", "--trust", "--executor", "inline", cwd=file.parent)
    assert refused.returncode == 2
    assert "takes no time_limit" in refused.stderr


def test_a_confirmation_may_change_a_setting_to_a_list(own_study):
    task = edited(OWN_TASK, "from hpsearch", "from dataclasses import dataclass\nfrom hpsearch")
    widths = "@dataclass(frozen=True)\nclass Widths(FunctionTask):\n    widths: tuple[int, ...] = (3, 4)\n"
    task = edited(task, "TASK = FunctionTask(", f"{widths}\n\nTASK = Widths(")
    file = run_to_end(own_study(task), "own.db")
    words = ["--trust", "--seeds", "1", "--executor", "inline", "--set", "widths=[5, 6]"]
    done = cli("confirm", "own.db", *words, cwd=file.parent)
    assert done.returncode == 0, done.stderr
    assert hpsearch.load(file.with_name("own-confirm.db")).comparison.spec.confirm.changed == {"widths": [5, 6]}
