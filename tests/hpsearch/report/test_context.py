"""Whether a comparison searches is told without running what its database names."""

import pytest

from hpsearch.contracts.objective import Objective
from hpsearch.report.context import searches
from hpsearch.store.rows import Comparison
from hpsearch.study.schema import Confirm, MethodSpec, Named, Spec


def comparison(searcher, confirm=None):
    spec = Spec(
        name="c", trials=2, repeats=1, seed=1, task=Named(name="t"), searcher=Named(name=searcher),
        methods={"m": MethodSpec()}, confirm=confirm,
    )  # fmt: skip
    resolved = {"task": {}, "searcher": {}, "methods": {"m": {"schedules": {}}}}
    return Comparison("c", spec, "c.toml", 2, 1, 1, 1, Objective("score", 0.0), {}, "", resolved)


@pytest.mark.parametrize(("name", "expected"), [("botorch", True), ("random", True), ("grid", False), ("fixed", False)])
def test_what_ships_says_itself_whether_it_searches(name, expected):
    assert searches(comparison(name)) is expected


@pytest.mark.parametrize("name", ["evil", "evil:SEARCHER", "no.such", "../evil"])
def test_any_other_searcher_is_taken_to_search_and_not_imported(tmp_path, monkeypatch, name):
    (tmp_path / "evil.py").write_text("SEARCHER = None\nraise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert searches(comparison(name))


def test_a_file_here_does_not_stand_in_for_a_searcher_that_ships(tmp_path, monkeypatch):
    (tmp_path / "grid.py").write_text("SEARCHER = None\nraise SystemExit('imported')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert not searches(comparison("grid"))


def test_a_confirmation_does_not_search():
    assert not searches(comparison("evil", Confirm(of="b", recorded={"m": 0.5})))
