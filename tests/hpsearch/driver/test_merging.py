"""Repeats that were run in several databases become one, which equals that of a single run to the last bit."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from hpsearch.contracts.errors import DifferentError, FileError
from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.merging import merge
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end, table

STUDY = edited(edited(OWN_STUDY, "repeats = 3", "repeats = 4\npack = 4\nseeds = 2"), '"sobol"', '"random"')


def part(study, repeats, file):
    """Run these repeats in a database of their own."""
    words = "--executor", "inline", "--only-repeats", repeats, "--database", file, "-q"
    done = cli("run", study, *words, cwd=study.parent)
    assert done.returncode == 0, done.stderr
    return file


def place(trial):
    return trial.method, trial.repeat, trial.trial


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study file, its repeats in two databases, and all of them in the one of a single run."""
    folder = tmp_path_factory.mktemp("parts")
    task = edited(
        OWN_TASK,
        "    value =",
        '    print("trained", seed)\n    if configuration["x"] > 9: raise ValueError("too far")\n    value =',
    )
    (folder / "task_in_parts.py").write_text(task)
    study = folder / "own.toml"
    study.write_text(STUDY.format(module="task_in_parts"))
    for repeats, name in (("1-3", "a.db"), ("4", "b.db")):
        part(study, repeats, folder / name)
    run_to_end(study, "single.db")
    return folder


@pytest.fixture
def parts(folder, tmp_path):
    """The study file, and copies of the two databases that have parts."""
    for name in ("a.db", "b.db"):
        shutil.copy(folder / name, tmp_path / name)
    return folder / "own.toml", tmp_path / "a.db", tmp_path / "b.db"


def test_a_merged_database_equals_that_of_a_single_run(parts, tmp_path):
    study, *files = parts
    single = study.with_name("single.db")
    merged = tmp_path / "all.db"
    made = merge(files[::-1], merged)
    assert sorted(table(merged), key=place) == sorted(table(single), key=place)
    assert (made.begun, made.studies, made.trials) == (8, 8, len(table(single)))
    with Database(merged) as database, Database(single) as other:
        assert [row[:8] for row in database.seeds()] == [row[:8] for row in other.seeds()]
        studies = [[(s.method, s.repeat, s.seed, s.pack) for s in d.studies()] for d in (database, other)]
        assert studies[0] == studies[1]
        only = [run.provenance["only_repeats"] for run in database.runs()]
        assert only == ["1-3", "4"]  # as they began
        outputs = [d.outputs("narrow", 2, 3)[0].text for d in (database, other)]
        assert outputs[0].startswith("trained")
        assert outputs[0] == outputs[1]
        of_parts = []
        for file in files:
            with Database(file) as a_part:
                of_parts += a_part.failed_attempts()
        assert of_parts
        assert database.failed_attempts() == sorted(
            of_parts, key=lambda a: (a.method == "narrow", *place(a), a.attempt)
        )
        run_of = {trial.repeat: trial.run_id for trial in database.all_trials()}
        assert run_of == {1: 1, 2: 1, 3: 1, 4: 2}


def test_check_and_status_take_a_merged_database_as_any_other(parts, tmp_path):
    study, *files = parts
    done = cli("merge", *files, "--into", "all.db", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "all.db: 48 trials; 8 of 8 studies are begun, as in a single run\n"
    found = check(tmp_path / "all.db", proposals=True, progress=silent)
    assert (found.faults, found.proposals) == ((), 48)
    assert "finished" in cli("status", "all.db", cwd=tmp_path).stdout
    again = cli("run", study, "--executor", "inline", "--database", "all.db", cwd=tmp_path)
    assert "which has 48 trials" in again.stderr
    assert len(table(tmp_path / "all.db")) == 48


def test_some_of_the_repeats_are_an_unfinished_comparison(parts, tmp_path):
    study, first, _ = parts
    said = cli("status", first.name, cwd=tmp_path).stdout.splitlines()
    assert said[1].split()[:3] == ["method", "trials", "of"]
    assert said[2].split()[:3] == ["wide", "18", "24"]
    assert said[-1].startswith("stopped: ")
    assert said[-1].endswith(f"go on with: hpsearch run {study} --database {first.name}")
    assert check(first, proposals=True, progress=silent).faults == ()
    assert load_tables(first).planned == 48


def test_a_third_part_goes_on_where_the_second_was_copied(parts, tmp_path):
    """The studies that are longer in one file are taken from it; what is equal in both is fine."""
    _, first, second = parts
    merge([first, second], tmp_path / "all.db")
    with closing(sqlite3.connect(second)) as connection, connection:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("DELETE FROM trials WHERE trial > 2")
    for number, files in enumerate(([second, first, tmp_path / "all.db"], [tmp_path / "all.db", second])):
        merged = tmp_path / f"again{number}.db"
        merge(files, merged)
        assert table(merged) == table(tmp_path / "all.db")
        assert len(load_tables(merged).runs) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE trials SET objective = 0.5 WHERE trial = 2", "trial 2 is another one than in .*its objective"),
        ("UPDATE seeds SET objective = 0.5 WHERE trial = 2", "trial 2 is another one than in .*results of its seeds"),
    ],
)
def test_a_study_with_other_trials_is_refused(parts, tmp_path, change, said):
    _, first, second = parts
    merge([first, second], tmp_path / "all.db")
    with closing(sqlite3.connect(second)) as connection, connection:
        connection.execute(change)
    with pytest.raises(DifferentError, match=f"wide, study 4, {said}"):
        merge([tmp_path / "all.db", second], tmp_path / "again.db")
    assert not (tmp_path / "again.db").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trials = 6", "trials = 7", "trials is 7 here and 6 there"),
        ("repeats = 4", "repeats = 5", "repeats is 5 here and 4 there"),
        ("[0.0, 10.0]", "[0.0, 11.0]", r"methods.wide.space.x is \[0.0, 11.0\] here and \[0.0, 10.0\] there"),
    ],
)
def test_another_plan_is_refused_with_what_differs(parts, tmp_path, old, new, said):
    study, first, _ = parts
    changed = study.with_name("changed.toml")
    changed.write_text(edited(study.read_text(), old, new))
    other = part(changed, "4", tmp_path / "c.db")
    with pytest.raises(DifferentError, match=f"c.db: is no part of the comparison in .*a.db: {said}"):
        merge([first, other], tmp_path / "all.db")


def test_other_code_is_refused_unless_it_is_allowed(parts, tmp_path):
    _, first, second = parts
    with closing(sqlite3.connect(second)) as connection, connection:
        connection.execute(
            "UPDATE runs SET provenance = json_set(provenance, '$.code.training', json('{\"own_task\": \"1\"}'))"
        )
        (code,) = connection.execute("SELECT provenance -> '$.code.training' FROM runs").fetchone()
    with closing(sqlite3.connect(first)) as connection, connection:
        connection.execute(
            "UPDATE runs SET provenance = json_set(provenance, '$.code.training', json('{\"own_task\": \"2\"}'))"
        )
    assert "own_task" in code
    with pytest.raises(DifferentError, match="other code of own_task"):
        merge([first, second], tmp_path / "all.db")
    assert cli("merge", first, second, "--into", tmp_path / "all.db", "--changed-code").returncode == 0


def test_another_machine_is_told(parts, tmp_path):
    _, first, second = parts
    with closing(sqlite3.connect(second)) as connection, connection:
        connection.execute("UPDATE runs SET provenance = json_set(provenance, '$.processor', 'another one')")
    said = []
    merge([first, second], tmp_path / "all.db", said.append)
    assert len(said) == 1
    assert "another one in" in said[0]


def test_no_file_is_written_over(parts):
    _, first, second = parts
    with pytest.raises(FileError, match="exists already"):
        merge([first, second], first)


def test_repeats_that_there_are_not(own_study):
    study = own_study()
    done = cli("run", study, "--only-repeats", "3-4", cwd=study.parent)
    assert done.returncode == 2
    assert "--only-repeats 3-4: own has 3 repeats" in done.stderr
    for words in ("0-2", "x", "3-2", "-1"):
        assert cli("run", study, f"--only-repeats={words}", cwd=study.parent).returncode == 2
