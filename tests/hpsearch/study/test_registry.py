"""Plug-ins from elsewhere, beside the study file or in an installed package; broken ones stop nothing."""

import importlib
import re
import sys
from pathlib import Path

import pytest

import hpsearch
from hpsearch.contracts.errors import SpecError
from hpsearch.study import kinds, registry
from hpsearch.study.registry import Registry
from tests.tools.commands import cli

KINDS = {
    "task": kinds.TASK,
    "method": kinds.METHOD,
    "searcher": kinds.SEARCHER,
    "executor": kinds.EXECUTOR,
    "export": kinds.EXPORT,
    "dataset": kinds.DATASET,
}

PLUG_INS = {
    "task": '''
from dataclasses import dataclass
from hpsearch import Objective, Result, Task


@dataclass(frozen=True)
class Distance(Task):
    """How far a method's value is from `goal`."""

    goal: float = 0.5
    objective = Objective("distance", chance=1.0, direction="minimise")
    methods = "methods_from_elsewhere"

    def train(self, method, configurations, seeds, device):
        return [Result(abs(method.factor * c["x"] - self.goal)) for c in configurations]


TASK = Distance()
''',
    "method": """
from dataclasses import dataclass
from hpsearch import Float, Method, Space


@dataclass(frozen=True)
class Scaled(Method):
    space: Space = Space((Float("x", 0.0, 1.0),))
    factor: float = 1.0


METHOD = Scaled()
""",
    "searcher": '''
from dataclasses import dataclass
from hpsearch import Searcher


@dataclass(frozen=True)
class Halves(Searcher):
    """Halves every range, and halves it again."""

    share: float = 0.5

    def propose(self, space, histories, seeds):
        return [space.decode([self.share ** (1 + len(h))] * len(space.searched)) for h in histories]


SEARCHER = Halves()
''',
    "executor": """
from hpsearch.executors.inline import Inline


class Counted(Inline):
    calls = 0

    def __init__(self, workers=None):
        super().__init__()

    def submit(self, function, *arguments):
        Counted.calls += 1
        return super().submit(function, *arguments)


EXECUTOR = Counted
""",
    "export": """
from hpsearch import Format


def write(file, out, progress):
    out.write_text(f"made from {file.name}")


EXPORT = Format("-note.txt", write)
""",
    "dataset": """
from hpsearch import DataSet

DATASET = DataSet(
    name="dataset_NAME", title="Numbers", archive="https://example.org/numbers.zip", megabytes=1, licence="CC0",
    members=r"(.*)", places=("numbers",), check=lambda folder, progress: "whole",
)
""",
}

STUDY = """
name = "elsewhere"
trials = 3
repeats = 2
seed = 1
task = {{ name = "task_{0}", goal = 0.25 }}
searcher = {{ name = "searcher_{0}", share = 0.25 }}

[methods.plain]
method = "method_{0}"

[methods.doubled]
method = "method_{0}"
settings.factor = 2.0
"""


def written(folder, name):
    """A module of each kind."""
    folder.mkdir(exist_ok=True)
    for kind, text in PLUG_INS.items():
        (folder / f"{kind}_{name}.py").write_text(text.replace("NAME", name))


def installed(monkeypatch, folder, modules, suffix=""):
    """What an installer leaves of a package that declares entry points: (kind, name) -> object."""
    about = folder / f"elsewhere{suffix}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: elsewhere{suffix}\nVersion: 1.0\n")
    lines = [f"[{KINDS[kind].group}]\n{name} = {value}\n" for (kind, name), value in modules.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    registry._declared.cache_clear()


def run_and_check(tmp_path, name):
    """A comparison of nothing but plug-ins from elsewhere, from its study file to its export."""
    study = tmp_path / "beside" / "elsewhere.toml"
    study.parent.mkdir(exist_ok=True)
    study.write_text(STUDY.format(name))
    done = cli("run", study, "--executor", f"executor_{name}", cwd=study.parent)
    assert done.returncode == 0, done.stderr
    trials = hpsearch.load(study.with_suffix(".db")).trials
    assert trials[trials["method"] == "plain"]["x"].tolist() == [0.25, 0.0625, 0.015625] * 2
    assert trials[trials["method"] == "doubled"]["objective"].tolist() == [0.25, 0.125, 0.21875] * 2
    assert sys.modules[f"executor_{name}"].EXECUTOR.calls == 3 * 2 * 2
    done = cli("export", "elsewhere.db", "--to", f"export_{name}", cwd=study.parent)
    assert done.returncode == 0, done.stderr
    assert (study.parent / "elsewhere-note.txt").read_text() == "made from elsewhere.db"
    listed = cli("list", cwd=study.parent).stdout
    assert all(f"{kind}_{name}" in listed for kind in KINDS)
    assert "passed over" not in listed
    assert f"dataset_{name}: no Numbers under" in cli("data", "where", cwd=study.parent).stdout


def test_each_kind_is_found_beside_the_study_file(tmp_path):
    written(tmp_path / "beside", "beside")
    here = Registry.here(tmp_path / "beside")
    for kind, known in KINDS.items():
        assert f"{kind}_beside" in here.names(known)
        assert not known.fault(here.find(known, f"{kind}_beside"))
        assert f"{kind}_beside" not in Registry().names(known)
    run_and_check(tmp_path, "beside")


def test_each_kind_is_found_in_an_installed_package(tmp_path, monkeypatch):
    written(tmp_path / "site", "installed")
    names = {(kind, f"{kind}_installed"): f"{kind}_installed:{known.attribute}" for kind, known in KINDS.items()}
    installed(monkeypatch, tmp_path / "site", names)
    for kind, known in KINDS.items():
        assert f"{kind}_installed" in Registry().names(known)
        assert not known.fault(Registry().find(known, f"{kind}_installed"))
    run_and_check(tmp_path, "installed")


def test_an_entry_point_may_name_a_package_each_of_whose_files_is_a_member(tmp_path, monkeypatch):
    written(tmp_path / "site" / "family_installed", "one") if (tmp_path / "site").mkdir() is None else None
    (tmp_path / "site" / "family_installed" / "__init__.py").write_text("")
    (tmp_path / "site" / "family_installed" / "helper.py").write_text("raise RuntimeError('no member, so not run')\n")
    installed(monkeypatch, tmp_path / "site", {(kind, "family"): "family_installed" for kind in KINDS})
    for kind, known in KINDS.items():
        found, passed_over = Registry().everything(known)
        assert f"{kind}_one" in found
        assert passed_over == []
        assert "helper" not in found


def test_a_file_beside_the_study_file_comes_before_what_is_installed(tmp_path):
    (tmp_path / "sobol.py").write_text(PLUG_INS["searcher"])
    assert type(Registry.here(tmp_path).find(kinds.SEARCHER, "sobol")).__name__ == "Halves"
    del sys.modules["sobol"]
    assert type(Registry().find(kinds.SEARCHER, "sobol")).__name__ == "Sobol"


BROKEN = {
    "raises": ("raise OSError('no such disk')\n{0} = 1\n", "OSError: no such disk"),
    "leaves": ("import sys; sys.exit(3)\n{0} = 1\n", "SystemExit: 3"),
    "needs": ("import not_there_at_all\n{0} = 1\n", "needs the module not_there_at_all"),
    "syntax": ("{0} = (\n", "SyntaxError"),
    "another": ("{0} = 3\n", "give|make|derive"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("place", ["beside", "installed"])
def test_a_broken_one_of_each_kind_is_named_and_passed_over(tmp_path, monkeypatch, place, how):
    text, said = BROKEN[how]
    for kind, known in KINDS.items():
        (tmp_path / f"{kind}_broken.py").write_text(text.format(known.attribute))
    if place == "installed":
        names = {(kind, f"{kind}_broken"): f"{kind}_broken:{known.attribute}" for kind, known in KINDS.items()}
        installed(monkeypatch, tmp_path, names)
    found_in = Registry.here(tmp_path) if place == "beside" else Registry()
    for kind, known in KINDS.items():
        found, passed_over = found_in.everything(known)
        (sentence,) = passed_over
        assert f"{kind}_broken" in sentence
        assert re.search(said, sentence)
        assert sorted(found) == [name for name in found_in.names(known) if name != f"{kind}_broken"] != []
        with pytest.raises(SpecError, match=rf"{kind}_broken.*({said})"):
            found_in.find(known, f"{kind}_broken")


def test_commands_name_and_pass_over_broken_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, known in KINDS.items():
        (tmp_path / f"{kind}_broken.py").write_text(BROKEN["raises"][0].format(known.attribute))
    listed = cli("list", cwd=tmp_path)
    assert listed.returncode == 0
    for kind in KINDS:
        assert f"importing {kind}_broken raised OSError: no such disk" in listed.stdout
    for name in ("audio_task", "latent", "sobol", "processes", "csv", "fsdd"):  # all others are there
        assert name in listed.stdout
    doctor = cli("doctor", cwd=tmp_path, HPSEARCH_DATA="")
    assert doctor.returncode == 0
    assert "importing dataset_broken raised OSError: no such disk" in doctor.stdout
    assert "data fsdd" in doctor.stdout
    where = cli("data", "where", "--data", str(tmp_path), cwd=tmp_path)
    assert where.returncode == 0
    assert "importing dataset_broken raised OSError: no such disk" in where.stderr
    assert "fsdd: no FSDD recordings under" in where.stdout


def test_a_package_that_is_gone_is_named_and_passed_over(tmp_path, monkeypatch):
    installed(monkeypatch, tmp_path / "site", {(kind, "gone"): "no_such_package" for kind in KINDS})
    for known in KINDS.values():
        found, (sentence,) = Registry().everything(known)
        assert found
        assert "no_such_package of gone" in sentence
    assert cli("list", cwd=tmp_path).stdout.count("no_such_package of gone") == len(KINDS)


def test_a_task_without_an_objective_is_named_and_passed_over_by_list(tmp_path):
    (tmp_path / "task_broken.py").write_text(
        "from hpsearch import Task\n\n\nclass Bare(Task):\n    def train(self, *_): return []\n\n\nTASK = Bare()\n"
    )
    listed = cli("list", cwd=tmp_path)
    assert (listed.returncode, "Traceback" in listed.stderr) == (0, False)
    assert "task_broken" in listed.stdout
    assert "audio_task: " in listed.stdout


def test_an_unrelated_module_in_the_current_folder_stops_nothing_and_is_not_run(tmp_path):
    for name in ("my_task", "my_task_unrelated"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')\nraise SystemExit('TASK METHOD')\n")
    for command in (["list"], ["data", "where"], ["doctor"]):
        done = cli(*command, cwd=tmp_path, HPSEARCH_DATA="")
        assert done.returncode == 0
        assert "my_task" not in done.stdout + done.stderr
    for known in KINDS.values():
        found, passed_over = Registry.here(tmp_path).everything(known)
        assert found
        assert passed_over == []
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("from hpsearch.task import FunctionTask", "write `from hpsearch import FunctionTask, Objective, Result`"),
        ("from hpsearch.space import Float", "write `from hpsearch import Float, Int, Choice, Space`"),
        ("import hpsearch.spec", "it is now hpsearch.study"),
    ],
)
def test_a_module_written_for_version_0_1_is_told_what_to_write(tmp_path, line, advice):
    (tmp_path / "task_old.py").write_text(f"{line}\n\nTASK = 1\n")
    with pytest.raises(SpecError, match=re.escape(advice)) as caught:
        Registry.here(tmp_path).find(kinds.TASK, "task_old")
    assert str(caught.value).startswith("task: task_old imports hpsearch.")
    (study := tmp_path / "old.toml").write_text(STUDY.format("old"))
    done = cli("run", study, cwd=tmp_path)
    assert done.returncode == 2
    assert advice in done.stderr


def test_a_file_with_the_name_of_another_module_is_refused_and_named(tmp_path):
    (tmp_path / "json.py").write_text("TASK = 1\n")
    with pytest.raises(SpecError, match=r"json\.py has the name of another module, json .*: rename it"):
        Registry.here(tmp_path).find(kinds.TASK, "json")


def test_a_name_that_is_nowhere_is_told_the_nearest_and_where_it_was_looked_for(tmp_path):
    with pytest.raises(SpecError, match=rf"did you mean 'sobol'.*looked for sobel\.py with a SEARCHER in {tmp_path}"):
        Registry((tmp_path,)).find(kinds.SEARCHER, "sobel")
    with pytest.raises(SpecError, match="task: a name is needed, got ' '"):
        Registry().find(kinds.TASK, " ")


def test_a_member_of_the_package_that_the_task_names_comes_first_and_is_what_a_message_lists(tmp_path):
    written(tmp_path / "mymethods", "one")
    (tmp_path / "mymethods" / "__init__.py").write_text("")
    (tmp_path / "mymethods" / "filter.py").write_text(PLUG_INS["method"])
    here = Registry((tmp_path,))
    assert type(here.find(kinds.METHOD, "filter", package="mymethods")).__module__ == "mymethods.filter"
    assert type(here.find(kinds.METHOD, "filter", package="binarynet.methods")).__module__ == "binarynet.methods.filter"
    with pytest.raises(SpecError, match=r"did you mean 'filter'\? \(valid: filter, method_one\)"):
        here.find(kinds.METHOD, "filtre", package="mymethods")
    for name in [name for name in sys.modules if name.startswith("mymethods")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("star_old", "from starred_old import *\n"),
        ("pair_old", f"{PLUG_INS['task']}\nTASK, other = TASK, 2\n"),
        ("latin_old", "# -*- coding: latin-1 -*-\n# \xe9\n" + PLUG_INS["task"]),
        ("hyphen-old", PLUG_INS["task"]),
        ("pack_old.inner", PLUG_INS["task"]),
    ],
)
def test_whatever_module_python_finds_by_the_name_is_found(tmp_path, name, text):
    (tmp_path / "starred_old.py").write_text(PLUG_INS["task"])
    file = tmp_path / f"{name.replace('.', '/')}.py"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode("latin-1"))
    assert Registry((tmp_path,)).find(kinds.TASK, name).objective.name == "distance"


def test_a_folder_that_may_not_be_looked_into_holds_nothing(tmp_path, monkeypatch):
    looked = Path.is_file

    def denied(path):
        if path.is_relative_to(tmp_path):
            raise PermissionError(13, "Permission denied", str(path))
        return looked(path)

    monkeypatch.setattr(Path, "is_file", denied)
    assert Registry((tmp_path / "private",)).find(kinds.SEARCHER, "sobol") is not None


A_CLASS = """
from hpsearch import Searcher

class SEARCHER(Searcher):
    def propose(self, *_): return []
"""
ABSTRACT = """
from hpsearch import Executor

class EXECUTOR(Executor):
    workers = 1
"""
NO_ATTRIBUTES = """
from hpsearch import Method

class Mine(Method):
    def __init__(self): pass

METHOD = Mine()
"""
NO_PACKAGE = """
from hpsearch import Objective, Task

class Mine(Task):
    objective, methods = Objective("o", 0.0), 5
    def train(self, *_): return []

TASK = Mine()
"""
WRONG = {
    "a class": (A_CLASS, kinds.SEARCHER, r"SEARCHER is a class: give an instance, such as SEARCHER\(\)"),
    "abstract": (ABSTRACT, kinds.EXECUTOR, "it lacks close, submit of hpsearch.Executor"),
    "no space": ("from hpsearch import Method\nMETHOD = Method(None)\n", kinds.METHOD, "has no space or no schedules"),
    "no attributes": (NO_ATTRIBUTES, kinds.METHOD, "has no space or no schedules"),
    "methods": (NO_PACKAGE, kinds.TASK, "`methods` is its name, .* or None, got 5"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_an_object_lacks_is_said_where_it_is_found(tmp_path, what):
    text, kind, said = WRONG[what]
    (tmp_path / "wrong_old.py").write_text(text)
    with pytest.raises(SpecError, match=said):
        Registry((tmp_path,)).find(kind, "wrong_old")


def test_a_checkout_that_was_installed_when_it_declared_less_finds_what_is_its_own(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", lambda group: ())
    registry._declared.cache_clear()
    assert "sobol" in Registry().names(kinds.SEARCHER)


def test_an_attribute_of_version_0_1_is_told_where_it_is():
    with pytest.raises(AttributeError, match=r"hpsearch\.task: write `from hpsearch import FunctionTask"):
        _ = hpsearch.task
