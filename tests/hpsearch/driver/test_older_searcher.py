"""Databases of an older version of their searcher: they are read, checked and resumed."""

import json
import sqlite3
from contextlib import closing

import pytest

from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.loop import differs_from_last_run
from hpsearch.searchers.botorch import SEARCHER
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from hpsearch.system.rounding import rounding
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end, table

STUDY = edited(OWN_STUDY, '"sobol"', '{{ name = "botorch", initial = 3 }}')
OLD = {"initial": 3, "samples": 256, "starts": 4, "combinations": 16, "draws": 32, "gone": 1}
"""What version 1 was set to, and a setting that there is none of any more."""


@pytest.fixture
def study(own_study):
    return own_study(study=STUDY)


def as_version_1(file):
    """Make of a database what version 1 would have left: other settings, and other proposals from the fourth on."""
    with closing(sqlite3.connect(file)) as connection, connection:
        ((resolved, provenance),) = connection.execute("SELECT resolved, provenance FROM comparison, runs").fetchall()
        settings = {**json.loads(resolved), "searcher": OLD}
        facts = {k: v for k, v in json.loads(provenance).items() if k not in ("rounding", "mkl_cbwr")}
        facts["searcher_version"] = 1
        connection.execute("UPDATE comparison SET resolved = ?", (json.dumps(settings),))
        connection.execute("UPDATE runs SET provenance = ?", (json.dumps(facts),))
        rows = connection.execute("SELECT study_id, trial, configuration FROM trials WHERE trial > 3").fetchall()
        for study, trial, text in rows:
            configuration = {**json.loads(text), "x": 0.999 * json.loads(text)["x"]}
            connection.execute(
                "UPDATE trials SET configuration = ? WHERE study_id = ? AND trial = ?",
                (json.dumps(configuration), study, trial),
            )
    return file


def test_check_calls_nothing_wrong_that_another_version_proposed(study):
    file = as_version_1(run_to_end(study))
    found = check(file, proposals=True, progress=silent)
    assert found.faults == ()
    assert found.differing > 0
    assert f"proposals of the searcher: version 1 before, {SEARCHER.version} now" in found.incomparable
    assert any(said.startswith("rounding of matrix products: not recorded before") for said in found.incomparable)
    assert cli("check", file).returncode == 0


def test_check_calls_the_same_wrong_of_the_same_version(study):
    file = as_version_1(run_to_end(study))
    sql = "UPDATE runs SET provenance = json_set(provenance, '$.searcher_version', ?, '$.rounding', ?)"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(sql, (SEARCHER.version, rounding()))
    assert check(file, proposals=True, progress=silent).faults


def test_a_resumed_database_goes_on_by_the_new_version_and_says_so(study):
    file = as_version_1(run_to_end(study))
    assert cli("status", file).returncode == 0
    before = table(file)
    study.write_text(edited(study.read_text(), "trials = 6", "trials = 7"))
    with Database(file) as database:
        said = differs_from_last_run(database, read_plan(study))
    assert any(f"proposals of the searcher: version 1 before, {SEARCHER.version} now" in line for line in said)
    after = table(run_to_end(study))
    assert [row for row in after if row.trial < 7] == before
    assert len(after) == len(before) + 6
    settings = load_tables(file).comparison.resolved["searcher"]
    assert settings["draws"] == 128
    assert "gone" not in settings
    assert table(run_to_end(study)) == after
