"""A database with one cell changed, to anything: each command reads it, or says in a sentence that it is damaged.

`HPSEARCH_FUZZ=2000 python -m pytest tests/hpsearch/store/test_mutated.py` tries so many changes.
"""

import copy
import json
import os
import shutil
import sqlite3
from contextlib import closing, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.contracts.errors import HpsearchError
from hpsearch.contracts.progress import silent
from hpsearch.driver.check import check
from hpsearch.driver.confirm import confirmation
from hpsearch.driver.replay import replay
from hpsearch.report.context import ReportContext
from hpsearch.report.html import render
from hpsearch.report.merge import merged
from hpsearch.report.search.document import document
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.page import write_page
from hpsearch.store import database as databases
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end

COUNT = int(os.environ.get("HPSEARCH_FUZZ", "15"))
TABLES = ("comparison", "methods", "studies", "runs", "trials", "attempts", "seeds")
MODULE = "task_of_mutated"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A comparison with every kind of hyperparameter and of outcome."""
    folder = tmp_path_factory.mktemp("mutated")
    lost = """
    if configuration["x"] > 8: raise RuntimeError("too much")
    if configuration["x"] > 6: return float("nan")
"""
    (folder / f"{MODULE}.py").write_text(edited(OWN_TASK, "configuration, seed):", f"configuration, seed):{lost}"))
    more = """
space.x = [0.0, 10.0]
space.kind = {{ choices = ["a", "b"] }}
space.width = {{ low = 1, high = 8, integer = true, when = {{ kind = "a" }} }}
"""
    study = edited(
        edited(edited(OWN_STUDY, "space.x = [0.0, 10.0]", more), "trials = 6", "trials = 3\nparallel = 2\nseeds = 2"),
        "= 3\nseed",
        "= 2\nseed",
    )
    (folder / "own.toml").write_text(study.format(module=MODULE))
    return run_to_end(folder / "own.toml")


@pytest.fixture(scope="module")
def cells(whole):
    """(table, column, its type) -> the rows and what is in them."""
    found = {}
    with closing(sqlite3.connect(whole)) as connection:
        for table in TABLES:
            for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                rows = connection.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchall()
                found |= {(table, column, kind): rows} if rows else {}
    return found


def status(file, folder):
    for words in (["status"], ["trials", "--csv"], ["trials", "--attempts"], ["best"], ["best", "--as", "toml"]):
        done = cli(words[0], file, *words[1:])
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 3)


def page(file, folder):
    tables = load_tables(file)
    context = ReportContext(tables, (file,))
    found = compute_findings(tables, (), silent)
    write_page(found, context, folder / "README.md")
    assert render(document(found, context))  # what `watch` serves, too


def compare(file, folder):
    other = file.with_name("whole.db")
    assert merged([other, file], [load_tables(other), load_tables(file)], force=True).warnings is not None


def export(name):
    def write(file, folder):
        out = folder / name
        for old in [*out.glob("*"), *folder.glob(name)]:
            old.unlink() if old.is_file() else old.rmdir()
        assert Registry().find(kinds.EXPORT, name)(file, out, silent)

    return write


def verify(file, folder):
    assert check(file, proposals=True, progress=silent, trust=True) is not None


def train_again(file, folder):
    with Database(file) as database:
        first = next(row for row in database.all_trials() if row.state != "proposed")
    assert replay(file, first.method, first.repeat, first.trial, silent, trust=True).numbers >= 3


def confirm(file, folder):
    tables = load_tables(file)
    plan = confirmation(tables, Registry.of_database(file, tables.comparison.study_file, True), 2, False, {})
    assert plan.by_name.plan() is plan
    assert plan.settings()


COMMANDS = [status, page, compare, export("csv"), export("parquet"), export("optuna"), verify, train_again, confirm]


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value] if depth % 2 else {"a": value}
    return value


ODD = [
    None, True, 0, -1, 10**9, 2**63, 10**30, 10**400, 1e308, float("inf"), float("nan"), 0.5, "", "a", "ü", "\ud800",
    "\0", "x" * 300, [], {}, [1], ["a"], {"a": 1}, "method", "objective", "epoch", "step(", nested(90), nested(301),
    nested(900),
]  # fmt: skip
DEEP = json.dumps(nested(301))
TEXTS = [
    "",
    "x",
    "null",
    "1",
    "[]",
    "{}",
    "\0",
    "{bad",
    "NaN",
    "[" * 5000,
    "2026-13-01",
    "0001-01-01T00:00:00+00:00",
    "9999-12-31",
]
NUMBERS = {
    "INTEGER": [None, 0, -1, 1, 2, 7, 10**6, 10**12, 2**63 - 1, -(2**63)],
    "REAL": [None, 0.0, -1.0, 9e999, -9e999, 1e308, 1e-320],
}


def places(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def json_changed(draw, text):
    """JSON with a value in it replaced, removed or added."""
    value = json.loads(text)
    *path, last = draw(st.sampled_from([path for path in places(value) if path] or [("nothing",)]))
    inside = value
    for key in path:
        inside = inside[key]
    odd = copy.deepcopy(draw(st.sampled_from(ODD)))
    what = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"]))
    if what == "remove" and last in inside if isinstance(inside, dict) else what == "remove":
        del inside[last]
    elif what == "add" and isinstance(inside, dict):
        inside[draw(st.sampled_from(["x", "method", "a", ""]))] = odd
    else:
        inside[last] = odd
    return json.dumps(value)


@st.composite
def changes(draw, cells):
    """A cell, and what it holds instead: another cell's text, changed JSON, a number of the wrong size."""
    table, column, kind = draw(st.sampled_from(sorted(cells)))
    row, old = draw(st.sampled_from(cells[table, column, kind]))
    if kind != "TEXT":
        return table, column, row, draw(st.sampled_from(NUMBERS[kind]))
    if isinstance(old, str) and old[:1] in ("{", "[") and draw(st.integers(0, 3)):
        return table, column, row, json_changed(draw, old)
    others = [value for of in cells.values() for _, value in of if isinstance(value, str)]
    return table, column, row, draw(st.sampled_from(others) | st.sampled_from(TEXTS))


def test_a_changed_cell_is_read_or_damage(whole, cells, tmp_path_factory):
    folder = tmp_path_factory.mktemp("changed")
    file = folder / "run.db"
    shutil.copy(whole, folder / "whole.db")
    shutil.copy(whole.with_name(f"{MODULE}.py"), folder)
    said = set()

    @settings(
        max_examples=COUNT, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(changes(cells))
    def read(change):
        table, column, row, new = change
        shutil.copy(whole, file)
        with closing(sqlite3.connect(file)) as connection:
            try:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))
            except sqlite3.IntegrityError:
                return  # SQLite itself keeps this out
            connection.commit()
        for command in COMMANDS:
            with suppress(HpsearchError):
                command(file, folder)
                continue
            said.add(refused(command, file, folder))

    read()
    assert any(": damaged: " in sentence for sentence in said)
    assert not any("\n" in sentence for sentence in said)


def refused(command, file, folder):
    """The sentence with which a command refuses a database."""
    with pytest.raises(HpsearchError) as error:
        command(file, folder)
    return str(error.value)


BOUNDS = "UPDATE comparison SET resolved = json_set(resolved, '$.objective.bounds', "
CASES = {
    "another table's JSON": "UPDATE comparison SET spec = (SELECT space FROM methods)",
    "a study file of no methods": "UPDATE comparison SET spec = json_set(spec, '$.methods', json('{}'))",
    "settings nested hundreds deep": f"UPDATE comparison SET resolved = json_set(resolved, '$.task.a', json('{DEEP}'))",
    "a setting nested hundreds deep": f"UPDATE comparison SET spec = json_set(spec, '$.task.a', json('{DEEP}'))",
    "a bound that is a text": "UPDATE methods SET space = replace(space, '10.0', '\"ten\"') WHERE id = 1",
    "an objective with one bound": f"{BOUNDS}json('[0.0]'))",
    "an objective's bound that is a text": f"{BOUNDS}json('[\"a\", null]'))",
    "bounds without chance": f"{BOUNDS}json('[1e9, null]'))",
    "a schedule that is a number": "UPDATE methods SET schedules = '{\"x\": 1}'",
    "a value that is a text": "UPDATE trials SET configuration = json_set(configuration, '$.x', 'a') WHERE rowid = 1",
    "no value": "UPDATE trials SET configuration = json_remove(configuration, '$.x') WHERE rowid = 1",
    "half a width": "UPDATE trials SET configuration = json_set(configuration, '$.width', 1.5) WHERE rowid = 1",
    "a choice that is none": "UPDATE trials SET configuration = json_set(configuration, '$.kind', 'c') WHERE rowid = 1",
    "a metric that is a text": 'UPDATE trials SET metrics = \'{"test_loss": "a"}\' WHERE rowid = 1',
    "a metric that hides a column": "UPDATE trials SET metrics = '{\"method\": 1.0}' WHERE rowid = 1",
    "a curve that is a number": "UPDATE trials SET curves = '{\"loss\": 1.0}' WHERE rowid = 1",
    "curves of different lengths": 'UPDATE trials SET curves = \'{"a": [1.0], "b": []}\' WHERE rowid = 1',
    "an infinite objective": "UPDATE trials SET objective = 9e999 WHERE state = 'complete'",
    "no objective": "UPDATE trials SET objective = NULL WHERE state = 'complete'",
    "a time that is none": "UPDATE trials SET ended = '2026-13-01'",
    "a trial that is far away": "UPDATE trials SET trial = 1000000000000 WHERE trial = 3",
    "a study before the first": "UPDATE studies SET repeat = -1 WHERE repeat = 1",
    "a billion trials": "UPDATE comparison SET trials = 1000000000",
    "a machine that is a list": "UPDATE runs SET provenance = json_set(provenance, '$.versions', json('[]'))",
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_damage_is_told_as_such(whole, tmp_path, case):
    file = tmp_path / "run.db"
    for name in ("run.db", "whole.db"):
        shutil.copy(whole, tmp_path / name)
    shutil.copy(whole.with_name(f"{MODULE}.py"), tmp_path)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(CASES[case])
        connection.commit()
    for command in (page, confirm, train_again, export("csv"))[: 3 if "UPDATE runs" in CASES[case] else 4]:
        assert refused(command, file, tmp_path).startswith(f"{file}: damaged: ")


def test_a_configuration_outside_of_its_space_is_not_exported_to_who_would_refuse_it(whole, tmp_path):
    """It is no damage to the file: `check` names it."""
    file = tmp_path / "run.db"
    shutil.copy(whole, file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE trials SET configuration = json_set(configuration, '$.x', 99.0) WHERE rowid = 1")
        connection.commit()
    said = refused(export("optuna"), file, tmp_path)
    assert "the configuration of wide, study 1, trial 1 lies outside of the method's space" in said
    export("parquet")(file, tmp_path)


@pytest.mark.parametrize("error", [KeyError, TypeError, RecursionError])
def test_a_fault_of_ours_is_no_damage(whole, monkeypatch, error):
    def wrong(*_):
        raise error("ours")

    monkeypatch.setattr(databases.cells, "trials", wrong)
    with pytest.raises(error, match="ours"):
        load_tables(whole)
