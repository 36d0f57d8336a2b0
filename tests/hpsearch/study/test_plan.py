"""The plan: what a study file's names stand for, made once, and made again where it arrives."""

import pickle

import pytest

from hpsearch.study import plan as plans
from hpsearch.study.plan import read_plan
from hpsearch.study.shipped import find_study, shipped_studies


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_a_plan_that_travels_by_name_arrives_equal(name):
    plan = read_plan(find_study(name))
    plans._here.clear()
    arrived = pickle.loads(pickle.dumps(plan.by_name)).plan()  # noqa: S301
    assert arrived == plan
    assert arrived.settings() == plan.settings()


def test_a_process_keeps_the_last_plan_that_arrived(own_study):
    by_name = read_plan(own_study()).by_name
    assert by_name.plan() is pickle.loads(pickle.dumps(by_name)).plan()  # noqa: S301


def test_a_task_of_ones_own_is_found_where_it_arrives(own_study, monkeypatch, tmp_path):
    plan = read_plan(own_study())
    plans._here.clear()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert plan.by_name.plan() == plan
