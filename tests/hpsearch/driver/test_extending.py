"""A study file that grew: the old part is an exact prefix of what a fresh run gives."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from hpsearch.contracts.errors import DatabaseError
from hpsearch.contracts.objective import Result
from hpsearch.contracts.progress import silent
from hpsearch.driver.layout import prepare
from hpsearch.report import compute_curves
from hpsearch.report.merge import merged
from hpsearch.store.database import Database
from hpsearch.store.rows import Measured
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, run_to_end

MORE_TRIALS = edited(OWN_STUDY, "trials = 6", "trials = 9")
MORE_REPEATS = edited(OWN_STUDY, "repeats = 3", "repeats = 5")
MORE_METHODS = OWN_STUDY + "\n[methods.third]\nspace = {{ x = [2.0, 3.0] }}\n"
ALL = edited(edited(MORE_METHODS, "trials = 6", "trials = 9"), "repeats = 3", "repeats = 5")
SAME = ["method", "repeat", "trial", "objective", "x", "depth", "test_loss", "state", "seed"]


def trials(file):
    table = load_tables(file).trials[SAME]
    return table.sort_values(["method", "repeat", "trial"]).reset_index(drop=True)


@pytest.mark.parametrize("grown", [MORE_TRIALS, MORE_REPEATS, MORE_METHODS, ALL])
def test_more_of_anything_goes_on_and_equals_a_fresh_run(own_study, grown):
    study = own_study(study=edited(OWN_STUDY, '"sobol"', '"botorch"\npack = 3'))
    module = study.read_text().split('task = "')[1].split('"')[0]
    before = trials(run_to_end(study))
    study.write_text(edited(grown, '"sobol"', '"botorch"\npack = 3').format(module=module))
    extended = trials(run_to_end(study))
    assert extended.equals(trials(run_to_end(study, "fresh.db")))
    kept = extended.merge(before[["method", "repeat", "trial"]])
    assert kept.equals(before)
    assert len(extended) > len(before)


def test_bounds_may_be_stated_later_and_hold_in_reports(own_study):
    """Bounds decide no trial. A database of an older version has none in its settings; an infinite one is none."""
    task = edited(OWN_TASK, 'direction="minimise"', 'direction="minimise", bounds=(0.0, float("inf"))')
    study = own_study(task)
    file = run_to_end(study)
    bounded = load_tables(file)
    assert bounded.objective.bounds == (0.0, None)
    with closing(sqlite3.connect(file)) as connection, connection:
        (resolved,) = connection.execute("SELECT resolved FROM comparison").fetchone()
        old = {name: value for name, value in json.loads(resolved).items() if name != "objective"}
        connection.execute("UPDATE comparison SET resolved = ?", (json.dumps(old),))
    free = load_tables(file)
    assert free.objective == bounded.objective
    with_bounds, without = (compute_curves(tables).methods["wide"] for tables in (bounded, free))
    assert (with_bounds.mean.low >= 0).all()
    assert without.mean.low.min() < 0
    assert with_bounds.mean.high.tolist() == without.mean.high.tolist()
    context = merged([file, file.with_name("other.db")], [free, bounded], force=True)
    assert context.tables.objective.bounds == (0.0, None)
    module = study.read_text().split('task = "')[1].split('"')[0]
    study.write_text(edited(OWN_STUDY, "trials = 6", "trials = 7").format(module=module))
    assert load_tables(run_to_end(study)).objective.bounds == (0.0, None)


def test_an_extension_that_was_stopped_goes_on(own_study):
    study = own_study()
    module = study.read_text().split('task = "')[1].split('"')[0]
    file = run_to_end(study)
    study.write_text(ALL.format(module=module))
    with going_on(study, file.name) as records:
        next(records)
    assert trials(run_to_end(study)).equals(trials(run_to_end(study, "fresh.db")))


CHANGES = pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("trials = 6", "trials = 5", "trials is 5 here and 6 there"),
        ("repeats = 3", "repeats = 2", "repeats is 2 here and 3 there"),
        ("x = [0.0, 1.0]", "x = [0.0, 2.0]", r"methods.narrow.space.x is \[0.0, 2.0\] here and \[0.0, 1.0\] there"),
        ("[methods.narrow]", "[methods.thin]", "methods.narrow is absent here and"),
        ("seed = 7", "seed = 7\npack = 1", "pack is 1 here and absent there"),
    ],
)


@CHANGES
def test_any_other_change_is_refused_with_both_values_and_nothing_written(own_study, old, new, said):
    study = own_study()
    file = run_to_end(study)
    before = file.read_bytes()
    study.write_text(edited(study.read_text(), old, new))
    with pytest.raises(DatabaseError, match=said):
        run_to_end(study)
    assert trials(file).equals(trials(file))
    assert file.read_bytes()[100:] == before[100:]  # beyond the header, where opening for writing counts


@CHANGES
def test_where_nothing_is_finished_another_study_file_begins_anew(own_study, old, new, said):
    study = own_study()
    with Database(study.with_name("run.db"), write=True) as database:
        prepare(database, read_plan(study), str(study), silent)
        run = database.start_run("2026-01-01", {})
        row = database.studies()[0]
        database.propose(run, "2026-01-01", [(row.id, 1, 5, {"x": 0.5})])
        database.failed_attempt(run, "2026-01-01", [(row.id, 1)], 1, "killed")
    study.write_text(edited(study.read_text(), old, new))
    assert trials(run_to_end(study)).equals(trials(run_to_end(study, "fresh.db")))
    with Database(study.with_name("run.db")) as database:
        assert (len(database.runs()), database.failed_attempts()) == (1, [])


def test_that_it_begins_anew_is_told_and_other_data_is_a_reason(own_study):
    study, said = own_study(), []
    plan = read_plan(study)

    class OnOtherData(type(plan.task)):
        def prepare(self, progress):
            return {"corpus": "another"}

    other = replace(plan, task=OnOtherData(plan.task.function, plan.task.objective))
    with Database(study.with_name("run.db"), write=True) as database:
        for each in (plan, plan, other):
            prepare(database, each, str(study), silent, said.append)
        assert database.existing().data == {"corpus": "another"}
        assert said == [f"{database.path}: begun anew, for nothing was finished of own, which it held"]
        run = database.start_run("2026-01-01", {})
        database.propose(run, "2026-01-01", [(1, 1, 5, {"x": 0.5})])
        measured = Measured("2026-01-01", "2026-01-01", 1.0, 1, 1, "h", "cpu")
        database.record(run, [(1, 1, Result(None, outcome="failed", reason="r"))], measured)
        with pytest.raises(DatabaseError, match=r"run\.db: was begun on other data \(corpus differ\)"):
            prepare(database, plan, str(study), silent)


def test_what_decides_no_trial_may_change(own_study):
    study = own_study()
    file = run_to_end(study)
    study.write_text(edited(study.read_text(), "seed = 7", "seed = 7\non_failure = 'stop'\ntime_limit = 100"))
    with going_on(study, file.name) as records:
        assert list(records) == []
