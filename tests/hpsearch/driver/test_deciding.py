"""A comparison that runs until its methods are told apart: when it stops, what it records, and after interruptions."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from hpsearch.contracts.errors import DatabaseError, UsageError
from hpsearch.contracts.progress import silent
from hpsearch.driver.deciding import Until, rounds
from hpsearch.driver.display import Display
from hpsearch.driver.layout import prepare
from hpsearch.driver.loop import run
from hpsearch.driver.running import Where, run_shown
from hpsearch.executors.inline import Inline
from hpsearch.report import compute_curves, write_report
from hpsearch.statistics.sequential import levels, p_of_look
from hpsearch.store.chosen import final_values
from hpsearch.store.database import Database
from hpsearch.store.standing import standing
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end, table

EQUAL = edited(OWN_STUDY, "[methods.narrow]\nspace = {{ x = [0.0, 1.0], depth = 3 }}",
               "[methods.other]\nspace.x = [0.0, 10.0]")  # fmt: skip
MOST = 13


def decide(study, most=MOST, name="run.db"):
    """Run in this process until it is decided; returns the database."""
    file = study.with_name(name)
    with Display(quiet=True) as display:
        run_shown(read_plan(study), str(study), file, Where("inline"), display, until=Until(most))
    return file


def looks(file):
    """All looks but for when they were."""
    with Database(file) as database:
        return [replace(look, at="") for look in database.existing().looks]


def test_it_stops_at_the_first_look_that_tells_the_methods_apart(own_study):
    study = own_study()
    file = decide(study)
    first, second = looks(file)
    assert (first.repeats, second.repeats) == (3, 8)
    assert (first.decides, second.decides, second.is_last) == (False, True, True)
    assert [first.level, second.level] == pytest.approx(levels([3 / MOST, 8 / MOST]), rel=1e-9)
    assert second.p == p_of_look(*final_values(load_tables(file)).values()) <= second.level
    study.write_text(edited(study.read_text(), "repeats = 3", "repeats = 8"))
    assert table(file) == table(run_to_end(study, "fresh.db"))  # to the last bit


def test_the_final_values_are_where_the_curves_end(own_study):
    tables = load_tables(run_to_end(own_study()))
    for label, curve in compute_curves(tables).methods.items():
        assert (final_values(tables)[label] == -curve.incumbents[:, -1]).all()  # the objective is minimised


def test_equal_methods_go_on_to_the_most_repeats(own_study):
    file = decide(own_study(study=EQUAL))
    assert [look.repeats for look in looks(file)] == [3, 8, 13]
    assert not any(look.decides for look in looks(file))
    assert load_tables(file).comparison.repeats == MOST


def interrupted(study, name, records):
    """Run until so many packs are recorded, and stop there in order."""
    done = 0
    with Database(study.with_name(name), write=True) as database:
        for plan in rounds(database, read_plan(study), Until(MOST), lambda _: None):
            prepare(database, plan, str(study), silent)
            with closing(run(database, plan, Inline(), {"executor": "inline"})) as told:
                for _ in told:
                    done += 1
                    if done == records:
                        return


@pytest.mark.parametrize("study_file", [OWN_STUDY, EQUAL])
@pytest.mark.parametrize("records", [1, 35, 36, 37, 95, 96, 97])  # 36 trials to the first look, 96 to the second
def test_an_interrupted_run_decides_alike(own_study, study_file, records):
    study = own_study(study=study_file)
    whole = decide(study)
    interrupted(study, "again.db", records)
    again = decide(study, name="again.db")
    assert looks(again) == looks(whole)
    assert table(again) == table(whole)
    decide(study, name="again.db")  # once more, with nothing left to do
    assert looks(again) == looks(whole)
    assert table(again) == table(whole)


def test_a_look_that_is_recorded_stands_whatever_the_trials_say_later(own_study):
    """So a run that goes on elsewhere, where a number may differ in its last bit, cannot decide otherwise."""
    study = own_study()
    interrupted(study, "run.db", 37)  # beyond the first look
    file = study.with_name("run.db")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE looks SET p = 0.5 WHERE repeats = 3")
    assert looks(decide(study))[0].p == 0.5


@pytest.mark.parametrize(
    ("change", "most", "said"),
    [
        (("", ""), 20, "say --most-repeats 13"),
        (("trials = 6", "trials = 9"), MOST, "looks were at studies of 6 trials, and these would have 9 trials"),
    ],
)
def test_what_the_looks_rest_on_cannot_change(own_study, change, most, said):
    study = own_study()
    file = decide(study)
    before = looks(file), table(file)
    study.write_text(study.read_text().replace(*change))
    with pytest.raises(DatabaseError, match=said):
        decide(study, most)
    assert (looks(file), table(file)) == before


def test_it_is_for_two_methods_and_more_repeats_than_the_study_file_has(own_study):
    study = own_study(study=OWN_STUDY + "\n[methods.third]\nspace = {{ x = [2.0, 3.0] }}\n")
    with pytest.raises(UsageError, match="tells two methods apart, and own has 3"):
        decide(study)
    study = own_study()
    with pytest.raises(UsageError, match="--most-repeats 2 is fewer than the 3 repeats"):
        decide(study, 2)
    assert not study.with_name("run.db").exists()


def test_a_database_with_more_repeats_than_the_most_is_left_alone(own_study):
    study = own_study()
    file = run_to_end(study)
    before = table(file)
    study.write_text(study.read_text().replace("repeats = 3", "repeats = 1"))
    with pytest.raises(UsageError, match="has 3 repeats already, more than --most-repeats 2"):
        decide(study, 2)
    assert (looks(file), table(file)) == ([], before)


def verdict(file, folder):
    write_report(file, folder)
    return (folder / "README.md").read_text()


def test_the_report_says_by_which_rule_it_stopped(own_study, tmp_path):
    study = own_study()
    early = verdict(decide(study), tmp_path / "early")
    assert re.search(r"own was stopped early, after 2 looks, the last at 8 studies of 6 trials per method", early)
    assert "Lan and DeMets (1983)" in early
    assert "up to 13 studies per method" in early
    at_most = verdict(decide(study, 3, "most.db"), tmp_path / "most")
    assert "went on to its most studies, and did not tell its methods apart" in at_most
    assert "Lan and DeMets" not in verdict(run_to_end(study, "plain.db"), tmp_path / "plain")


def test_before_it_is_decided_it_is_not_finished(own_study, tmp_path):
    study = own_study()
    interrupted(study, "run.db", 96)
    file = study.with_name("run.db")
    with closing(sqlite3.connect(file)) as connection, connection:  # as between the first look and the next round
        connection.execute("DELETE FROM trials WHERE study_id IN (SELECT id FROM studies WHERE repeat > 3)")
        connection.execute("DELETE FROM studies WHERE repeat > 3")
        connection.execute("UPDATE comparison SET repeats = 3, spec = json_set(spec, '$.repeats', 3)")
    page = verdict(file, tmp_path / "report")
    assert "Not decided: own goes on until its methods are told apart" in page
    assert not re.search(r"significantly|\bp = ", page)
    with Database(file) as database:
        assert standing(database, "").state == "stopped"


def test_by_the_command(own_study):
    study = own_study()
    asked = ("run", study, "--database", study.with_name("c.db"), "--executor", "inline", "--until-decided")
    refused = cli(*asked)
    assert (refused.returncode, "--until-decided and --most-repeats together" in " ".join(refused.stderr.split())) == (
        2,
        True,
    )
    done = cli(*asked, "--most-repeats", MOST)
    assert done.returncode == 0, done.stderr
    assert "not decided yet with 3 of at most 13 repeats" in done.stderr
    assert re.search(r"\ndecided with 8 of at most 13 repeats: p = 0\.00\d+, to be at most 0\.0085", done.stderr)
    told = cli("power", study.with_name("c.db"))
    assert re.search(r"wide, narrow +final value +8 +0\.00\d+ +[01]\.\d\d +0", told.stdout), told.stdout
