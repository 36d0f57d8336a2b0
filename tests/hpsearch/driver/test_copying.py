"""A copy has other labels, or fewer methods; its seeds and trials are those of the original, and it goes on as that."""

import pytest

from hpsearch.contracts.errors import SpecError, UsageError
from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.copying import copy
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end, table

STUDY = edited(OWN_STUDY, '"sobol"', '"random"')
RENAMED = edited(STUDY, "[methods.wide]", '[methods.broad]\nformerly = "wide"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copied")
    (folder / "task_to_copy.py").write_text(OWN_TASK)
    (folder / "own.toml").write_text(STUDY.format(module="task_to_copy"))
    run_to_end(folder / "own.toml", "own.db")
    return folder


@pytest.fixture
def file(folder):
    return folder / "own.db"


def test_a_renamed_method_keeps_its_seeds_and_trials(file, tmp_path):
    done = cli("copy", file, "new.db", "--rename", "wide=broad", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "new.db: broad, narrow\n", "")
    renamed = tmp_path / "new.db"
    before = [row._replace(method={"wide": "broad"}.get(row.method, row.method)) for row in table(file)]
    assert table(renamed) == before
    assert check(renamed, proposals=True, progress=silent).faults == ()
    assert {row.method for row in table(file)} == {"wide", "narrow"}
    with Database(file) as old, Database(renamed) as new:
        assert [run.provenance for run in old.runs()] == [run.provenance for run in new.runs()]
        assert [study.seed for study in old.studies()] == [study.seed for study in new.studies()]


def test_a_renamed_method_goes_on_as_it_would_have_gone_on(file, folder, tmp_path):
    """With `formerly` in the study file, which a run under the new label from the beginning may have too."""
    copy(file, folder / "new.db", {"wide": "broad"})
    longer = edited(edited(RENAMED, "repeats = 3", "repeats = 4"), "trials = 6", "trials = 7")
    study = folder / "renamed.toml"
    study.write_text(longer.format(module="task_to_copy"))
    assert table(run_to_end(study, "new.db")) == table(run_to_end(study, "fresh.db"))
    study.write_text(edited(longer, '\nformerly = "wide"', "").format(module="task_to_copy"))
    done = cli("run", study, "--database", folder / "new.db", "--executor", "inline")
    assert done.returncode == 3
    assert 'methods.broad.formerly is absent here and "wide" there' in done.stderr


def test_a_trial_of_a_renamed_method_is_trained_again_and_confirmed(file, folder):
    copy(file, folder / "again.db", {"wide": "broad"})
    done = cli("replay", folder / "again.db", "broad", 2, 3, "--trust")
    assert (done.returncode, done.stdout.split(":")[1]) == (0, " every bit agrees")
    words = "--seeds", 2, "--executor", "inline", "--trust", "-q", "--to", folder / "confirmed"
    done = cli("confirm", folder / "again.db", *words)
    assert done.returncode == 0, done.stderr
    confirmed = folder / "again-confirm.db"
    copy(confirmed, folder / "wide.db", {"broad": "wide"}, ["narrow"])
    tables = load_tables(folder / "wide.db")
    assert list(tables.methods) == [f"wide / study {number}" for number in (1, 2, 3)]
    assert list(tables.comparison.spec.confirm.recorded) == list(tables.methods)
    assert check(folder / "wide.db", proposals=True, progress=silent).faults == ()


def test_a_dropped_method_is_gone_and_all_else_stays(file, tmp_path):
    dropped = tmp_path / "new.db"
    assert copy(file, dropped, {}, ["narrow"]) == ["wide"]
    assert table(dropped) == [row for row in table(file) if row.method == "wide"]
    assert check(dropped, proposals=True, progress=silent).faults == ()
    assert cli("report", dropped, "--to", tmp_path / "report").returncode == 0


def test_a_label_may_be_given_back(file, tmp_path):
    copy(file, tmp_path / "b.db", {"wide": "broad"})
    copy(tmp_path / "b.db", tmp_path / "c.db", {"broad": "wide"})
    assert table(tmp_path / "c.db") == table(file)
    assert load_tables(tmp_path / "c.db").comparison.spec == load_tables(file).comparison.spec
    assert check(tmp_path / "c.db", proposals=True, progress=silent).faults == ()


@pytest.mark.parametrize(
    ("labels", "dropped", "said"),
    [
        ({"wid": "broad"}, [], "--rename wid: .*did you mean 'wide'"),
        ({}, ["narow"], "--drop narow: .*did you mean 'narrow'"),
        ({"wide": "narrow"}, [], "the label 'narrow' is taken"),
        ({"wide": "x", "narrow": "x"}, [], "the label 'x' is taken"),
        ({"wide": "x"}, ["wide"], "it is dropped too"),
        ({}, ["wide", "narrow"], "no method of .* would be left"),
    ],
)
def test_what_cannot_be_is_said(file, tmp_path, labels, dropped, said):
    with pytest.raises(UsageError, match=said):
        copy(file, tmp_path / "new.db", labels, dropped)
    assert list(tmp_path.iterdir()) == []


def test_a_method_whose_space_another_one_has_stays(own_study, tmp_path):
    study = own_study(study=OWN_STUDY + '\n[methods.third]\nmethod = "wide"\n')
    file = run_to_end(study)
    with pytest.raises(UsageError, match="third has its space by method = 'wide'; drop both, or neither"):
        copy(file, tmp_path / "new.db", {}, ["wide"])
    copy(file, tmp_path / "new.db", {"wide": "broad"})
    assert cli("replay", tmp_path / "new.db", "third", 1, 1, "--trust").returncode == 0


def test_two_methods_have_no_seeds_in_common(own_study):
    study = own_study(study=edited(OWN_STUDY, "[methods.narrow]", '[methods.narrow]\nformerly = "wide"'))
    with pytest.raises(SpecError, match=r"methods\.narrow\.formerly: narrow and wide would have the same seeds"):
        read_plan(study)
