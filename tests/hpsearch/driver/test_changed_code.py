"""The user's own task may change while its comparison is not finished: that is told, and never hidden."""

import importlib
import sys

import pytest

import hpsearch
from hpsearch.study import plan as plans
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import going_on, run_to_end, table


@pytest.fixture
def begun(own_study):
    """The study file of a comparison that stopped after four records."""
    study = own_study()
    with going_on(study, "own.db") as records:
        for _ in zip(range(4), records, strict=False):
            pass
    return study


def change(study, old="** 2 +", new="** 4.0 +"):  # of another length: Python looks at that and at the second
    (task,) = study.parent.glob("own_task_*.py")
    task.write_text(edited(task.read_text(), old, new))
    importlib.reload(sys.modules[task.stem])
    plans._here.clear()  # as in another process
    return task.stem


def test_a_run_that_goes_on_says_so_and_so_do_check_and_the_page(begun):
    name = change(begun)
    done = cli("run", begun, "--executor", "inline", cwd=begun.parent)
    assert done.returncode == 0
    assert f"warning: the code of {name} has changed: new trials may measure something else" in done.stderr
    said = f"the code of {name} changed between runs 1 and 2 of 2: trials before and after may measure different things"
    checked = cli("check", "own.db", cwd=begun.parent)
    assert (checked.returncode, f"changed: {said}" in checked.stdout) == (0, True)
    hpsearch.write_report(begun.with_name("own.db"), begun.with_name("report"))
    assert f"**Warning: {said}**" in begun.with_name("report").joinpath("README.md").read_text().replace("\\_", "_")
    assert cli("run", begun, "--executor", "inline", cwd=begun.parent).stderr.count("has changed") == 0


def test_a_comment_is_no_change(begun):
    change(begun, "    value =", "    # as in the paper\n    value =")
    assert "changed" not in cli("run", begun, "--executor", "inline", cwd=begun.parent).stderr
    assert "changed" not in cli("check", "own.db", cwd=begun.parent).stdout


def test_a_finished_comparison_is_not_extended_or_confirmed_with_other_code_unless_told(own_study):
    study = own_study()
    file = run_to_end(study, "own.db")
    before = table(file)
    name = change(study)
    study.write_text(edited(study.read_text(), "trials = 6", "trials = 7"))
    for words, advice in (
        (("run", study, "--executor", "inline"), "extend it all the same with --changed-code"),
        (("confirm", "own.db", "--trust", "--executor", "inline"), "confirm all the same with --changed-code"),
    ):
        refused = cli(*words, cwd=study.parent)
        assert refused.returncode == 3
        assert f"the code of {name} has changed since" in refused.stderr
        assert advice in refused.stderr
        assert table(file) == before
        assert not file.with_name("own-confirm.db").exists()
    for words in (("confirm", "own.db", "--trust", "--seeds", "1"), ("run", study)):
        assert cli(*words, "--executor", "inline", "--changed-code", cwd=study.parent).returncode == 0
    assert hpsearch.load(file).trials["trial"].max() == 7


def test_a_trial_that_is_replayed_names_the_code_that_changed(own_study):
    study = own_study()
    run_to_end(study, "own.db")
    name = change(study)
    done = cli("replay", "own.db", "narrow", "1", "2", "--trust", cwd=study.parent)
    assert done.returncode == 5
    assert f"the code has changed too: {name}" in done.stdout
