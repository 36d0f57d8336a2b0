"""How products of matrices are rounded: in drivers, in workers, and as runs record it."""

import os

import pytest

from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.replay import replay
from hpsearch.store.database import Database
from hpsearch.study.plan import read_plan
from hpsearch.system.provenance import differences
from hpsearch.system.rounding import (
    MODE,
    VARIABLE,
    ask_for_even_rounding,
    leave_rounding_alone,
    place_matters,
    rounding,
)
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end


def test_a_driver_asks_for_even_rounding_and_gets_it():
    assert os.environ[VARIABLE] == MODE
    assert not place_matters()
    assert rounding() == f"even, {VARIABLE}={MODE}"


@pytest.mark.parametrize(
    ("before", "driver", "worker"), [(None, MODE, None), ("COMPATIBLE", "COMPATIBLE", "COMPATIBLE")]
)
def test_a_mode_of_the_users_own_stays(monkeypatch, before, driver, worker):
    monkeypatch.delenv(VARIABLE)
    if before:
        monkeypatch.setenv(VARIABLE, before)
    ask_for_even_rounding()
    assert os.environ[VARIABLE] == driver
    leave_rounding_alone()
    assert os.environ.get(VARIABLE) == worker


def test_runs_record_how_products_are_rounded_where_proposals_depend_on_it(own_study):
    for searcher, recorded in (("sobol", None), ("botorch", rounding())):
        study = own_study(study=edited(OWN_STUDY, '"sobol"', f'"{searcher}"'))
        assert read_plan(study).searchers.versions(["wide", "narrow"]).get("rounding") == recorded
    with Database(run_to_end(study)) as database:
        (run,) = database.runs()
    assert run.provenance["rounding"] == rounding()
    assert run.provenance[VARIABLE.lower()] == MODE


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({}, {}, []),
        ({}, {"rounding": "even"}, ["rounding of matrix products: not recorded before, even now"]),
        ({"rounding": "even"}, {"rounding": "even"}, []),
        ({"rounding": "even"}, {}, []),  # a replay, or a searcher that does not multiply
        (
            {"rounding": "by place in memory"},
            {"rounding": "even"},
            ["rounding of matrix products: by place in memory before, even now"],
        ),
    ],
)
def test_proposals_that_were_rounded_otherwise_are_not_compared(old, new, said):
    assert list(differences(old, new)) == said


def test_what_was_trained_in_a_driver_is_replayed_as_it_was_rounded_there(own_study, monkeypatch):
    file = run_to_end(own_study())
    monkeypatch.delenv(VARIABLE)
    assert replay(file, "wide", 1, 1, silent, trust=True).differing == ()
    assert os.environ[VARIABLE] == MODE
    assert check(file, proposals=True, progress=silent).incomparable == ()
