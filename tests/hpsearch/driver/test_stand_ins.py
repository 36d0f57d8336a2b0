"""Proposals that a searcher did not have, or would not make today, are told apart from those that it made."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pytest

from hpsearch.contracts.progress import silent
from hpsearch.contracts.searcher import Searcher, StandIn
from hpsearch.driver.check import check
from hpsearch.driver.loop import differs_from_last_run
from hpsearch.report import ReportContext
from hpsearch.report.facts import warnings as warnings_of
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end


@dataclass(frozen=True)
class OftenAtALoss(Searcher):
    """Has no proposal for the third trial of the pack's second study."""

    def propose(self, space, histories, seeds):
        if len(histories[1]) == 2:
            warnings.warn("of somebody else", stacklevel=1)
            warnings.warn(StandIn(1, "nothing came to mind, so the middle stands in"), stacklevel=1)
        return [space.decode([0.5] * len(space.searched)) for _ in histories]


@pytest.fixture
def file(own_study):
    return run_to_end(own_study(study=edited(OWN_STUDY, "seed = 7", "seed = 7\npack = 3")), searcher=OftenAtALoss())


def test_a_stand_in_is_kept_with_its_trial_and_its_reason(file):
    with Database(file) as database:
        kept = [(a.method, a.repeat, a.trial, a.attempt, a.error) for a in database.stand_ins()]
        why = "nothing came to mind, so the middle stands in"
        assert kept == [("wide", 2, 3, 0, why), ("narrow", 2, 3, 0, why)]
        assert database.runs()[0].warnings == 4
        assert all(trial.attempts == 1 for trial in database.all_trials())


def test_a_stand_in_is_seen_in_status_trials_and_on_the_page(file):
    said = "2 trials are not what the searcher proposed: nothing came to mind, so the middle stands in"
    assert said in " ".join(cli("status", file).stdout.split())
    listed = cli("trials", file).stdout.splitlines()
    assert listed[0].split()[-1] == "stand-in"
    marked = [line.split()[:3] for line in listed if "nothing came to mind" in line]
    assert marked == [["wide", "2", "3"], ["narrow", "2", "3"]]
    assert "narrow, study 2, trial 3, proposal:\n  nothing came to mind" in cli("trials", file, "--attempts").stdout
    assert warnings_of(ReportContext(load_tables(file), (file,))) == [said]


def test_a_comparison_without_stand_ins_looks_as_ever(own_study):
    file = run_to_end(own_study())
    assert "stand-in" not in cli("trials", file, "--csv").stdout
    assert "not what the searcher" not in cli("status", file).stdout
    assert warnings_of(ReportContext(load_tables(file), (file,))) == []


def test_a_stand_in_is_no_attempt_to_train_that_failed(file):
    with Database(file, write=True) as database:
        database.connection.execute("UPDATE trials SET state = 'failed'")  # by the task's own verdict
        assert database.last_failures(40) == {"wide": [], "narrow": []}


SEARCHER = """
from dataclasses import dataclass
from hpsearch import Searcher


@dataclass(frozen=True)
class Still(Searcher):
    def propose(self, space, histories, seeds):
        return [space.decode([0.5] * len(space.searched)) for _ in histories]


SEARCHER = Still()
"""


def test_proposals_of_an_older_version_of_the_searcher_are_not_wrong(own_study, monkeypatch):
    study = own_study(study=edited(OWN_STUDY, '"sobol"', '"{module}_still"'))
    module = study.read_text().split('task = "')[1].split('"')[0]
    study.with_name(f"{module}_still.py").write_text(SEARCHER)
    file = run_to_end(study)
    assert check(file, proposals=True, progress=silent, trust=True).differing == 0
    searcher = type(read_plan(study).searchers.default)
    monkeypatch.setattr(searcher, "propose", lambda self, space, histories, seeds: [space.decode([0.25])] * len(seeds))
    assert len(check(file, proposals=True, progress=silent, trust=True).faults) > 0
    monkeypatch.setattr(searcher, "version", 2)
    found = check(file, proposals=True, progress=silent, trust=True)
    assert (found.faults, found.differing) == ((), 36)
    assert found.incomparable[0] == "proposals of the searcher: version 1 before, 2 now"
    with Database(file) as database:
        (said,) = differs_from_last_run(database, read_plan(study))
    assert said == f"results may not repeat to the last bit: {found.incomparable[0]}"
