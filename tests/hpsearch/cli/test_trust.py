"""A database that somebody sent runs no code of theirs: reading imports nothing, training what is installed alone."""

import sys
from pathlib import Path

import pytest

import hpsearch
from hpsearch.contracts.errors import SpecError
from hpsearch.report.watch import Watched
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from hpsearch.system import import_path
from tests.tools.commands import cli
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end

IMPORTED = """
with open({marker!r}, "a") as marker:
    marker.write(__name__ + " ")
"""
SEARCHER = """
from dataclasses import dataclass
from hpsearch.searchers.sobol import Sobol

SEARCHER = Sobol()
"""


@pytest.fixture(scope="module")
def received(tmp_path_factory):
    """A comparison of a task and a searcher that lie beside it, and that tell when they are imported."""
    folder = tmp_path_factory.mktemp("received")
    tell = IMPORTED.format(marker=str(folder / "imported"))
    for module, text in (("sent_task", OWN_TASK), ("sent_searcher", SEARCHER)):
        (folder / f"{module}.py").write_text(text + tell)
    study = (
        OWN_STUDY.format(module="sent_task").replace('"sobol"', '"sent_searcher"').replace("trials = 6", "trials = 2")
    )
    (folder / "sent.toml").write_text(study)
    (folder / "named.toml").write_text(study.replace('"sent_task"', '"sent_task:TASK"'))
    for name in ("sent", "named"):
        run_to_end(folder / f"{name}.toml", f"{name}.db")
    return folder


@pytest.fixture
def imported(received, monkeypatch):
    """Which of the modules have been imported, as a process that has just begun does it."""
    for module in ("sent_task", "sent_searcher"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(received)])
    marker = received / "imported"
    marker.write_text("")
    yield lambda: marker.read_text().split()
    for module in ("sent_task", "sent_searcher"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize(
    "words",
    [
        ["status", "sent.db"],
        ["trials", "sent.db"],
        ["trials", "sent.db", "--attempts"],
        ["best", "sent.db", "--as", "toml"],
        ["export", "sent.db", "--to", "csv", "--out", "OUT"],
        ["report", "sent.db", "--to", "OUT"],
        ["check", "sent.db", "--quick"],
        ["copy", "sent.db", "OUT", "--rename", "wide=broad"],
        ["merge", "sent.db", "sent.db", "--into", "OUT"],
    ],
    ids=" ".join,
)
def test_reading_imports_nothing_that_a_database_names(received, imported, words, tmp_path):
    done = cli(*[word.replace("OUT", str(tmp_path / "out")) for word in words], cwd=received)
    assert done.returncode == 0, done.stderr
    assert imported() == []


def test_nor_does_watching(received, imported):
    assert Watched(received / "sent.db").data()["finished"] == 12
    assert imported() == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["check", "sent.db"], "sent_searcher"),
        (["replay", "sent.db", "wide", "1", "1"], "sent_task"),
        (["replay", "named.db", "wide", "1", "1"], "sent_task"),
        (
            ["confirm", "sent.db", "--seeds", "1", "--executor", "inline", "--database", "DB", "--to", "OUT"],
            "sent_task",
        ),
    ],
    ids=lambda words: " ".join(words[:2]) if isinstance(words, list) else words,
)
def test_training_imports_a_file_beside_the_database_only_when_told_to(received, imported, words, name, tmp_path):
    places = {"OUT": str(tmp_path / "out"), "DB": str(tmp_path / "confirm.db")}
    words = [places.get(word, word) for word in words]
    done = cli(*words, cwd=received)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].replace(":TASK", "") == (
        f"hpsearch: {name.removeprefix('sent_')}: {name} would be imported from {received / name}.py, which only "
        "--trust allows: a database may come from anybody"
    )
    assert imported() == []
    trusted = cli(*words, "--trust", cwd=received)
    assert trusted.returncode == 0, trusted.stderr
    assert name in imported()


def test_the_folder_of_the_study_file_and_the_current_one_are_no_better(received, imported, tmp_path, monkeypatch):
    monkeypatch.chdir(received)
    for file, study_file in ((tmp_path / "a.db", str(received / "x.toml")), (tmp_path / "a.db", "shipped.toml")):
        with pytest.raises(SpecError, match=r"received\d*/sent_task\.py, which only --trust allows"):
            Registry.of_database(file, study_file, False).find(kinds.TASK, "sent_task")
        assert imported() == []
        Registry.of_database(file, study_file, True).find(kinds.TASK, "sent_task")
        assert imported() == ["sent_task"]
        del sys.modules["sent_task"]
        (received / "imported").write_text("")


def test_a_file_with_the_name_of_what_is_installed_is_not_passed_over_in_silence(tmp_path):
    """A run would have taken it: what is installed might not be what was run."""
    (tmp_path / "sobol.py").write_text("SEARCHER = 1 / 0")
    received = Registry.of_database(tmp_path / "a.db", "a.toml", False)
    with pytest.raises(SpecError, match=r"sobol would be imported from .*sobol\.py"):
        received.find(kinds.SEARCHER, "sobol")
    (tmp_path / "grid.py").write_text("unrelated = 1 / 0")
    assert received.find(kinds.SEARCHER, "grid") is not None
    (tmp_path / "json.py").write_text("raise SystemExit")  # a name with a colon is looked for among what is installed
    with pytest.raises(SpecError, match=r"the module json has no TASK"):
        received.find(kinds.TASK, "json:TASK")


def test_in_a_checkout_what_is_installed_from_it_is_found(monkeypatch):
    checkout = Path(hpsearch.__file__).parents[1]
    monkeypatch.chdir(checkout)
    received = Registry.of_database(checkout / "a.db", "figure8-fsdd.toml", False)
    assert received.find(kinds.TASK, "audio_task") is not None


def test_python_m_does_not_look_in_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/elsewhere"])
    import_path.forget_current_folder()
    assert sys.path == ["/elsewhere"]
    checkout = str(Path(hpsearch.__file__).parents[1])
    monkeypatch.setattr(sys, "path", [checkout, "/elsewhere"])
    import_path.forget_current_folder()
    assert sys.path == [checkout, "/elsewhere"]
