"""What the documentation points to is there, and what it shows runs."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import hpsearch
from hpsearch.searchers.optuna import SAMPLERS
from hpsearch.study import kinds
from hpsearch.study.registry import Registry
from hpsearch.study.schema import Spec
from tests.tools.commands import cli
from tests.tools.documentation import shown_files
from tests.tools.notebook import Notebook

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[a-z]*/README.md")])
ROOMS = "hpsearch|binarynet|audio_task|cifar_task|imagenet_task|studies|benchmarks|examples|tests|reports|docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{ROOMS})/[\w/.-]+)", text)
    linked = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert missing == []


def test_tests_that_a_page_names_by_their_file_are_there():
    there = {path.name for path in ROOT.glob("tests/**/test_*.py")}
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+\.py)`", page.read_text(encoding="utf-8"))}
    assert named <= there


def rows(page):
    """First cell of every row of the page's tables -> the whole row."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return {name: row for row, name in re.findall(r"^(\| `(\w+)` \|.*)$", text, re.MULTILINE)}


@pytest.mark.parametrize("name", Registry().names(kinds.SEARCHER))
def test_every_searcher_is_documented_with_its_settings_and_their_defaults(name):
    row, searcher = rows("docs/searchers.md")[name], Registry().find(kinds.SEARCHER, name)
    for field in fields(searcher):
        assert f"`{field.name}`:" in row
        if type(value := getattr(searcher, field.name)) is int:
            assert re.search(rf"`{field.name}`: [^`]*\({value}\)", row)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_of_optuna_is_documented_with_its_options(sampler):
    options = rows("docs/searchers.md")[sampler].split("|")[3]
    assert re.findall(r"`(\w+)`", options) == list(SAMPLERS[sampler].options)


def test_the_searcher_of_ones_own_runs_as_it_stands(tmp_path):
    with shown_files("docs/searchers.md", tmp_path, "walk.py", "bowl.py", "walked.toml"):
        done = cli("run", "walked.toml", "--executor", "inline", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert cli("check", "walked.db", "--trust", cwd=tmp_path).returncode == 0
    tables = hpsearch.load(tmp_path / "walked.db")
    assert [tables.comparison.searcher(label)[0] for label in tables.methods] == ["walk", "optuna"]
    best = tables.trials.groupby(["method", "repeat"])["objective"].min().groupby("method").median()
    assert best["walk"] < 0.3


def test_the_study_of_rounds_seeds_budget_and_conditions_runs_as_it_stands(tmp_path):
    with shown_files("docs/studies.md", tmp_path, "valley.py", "valley.toml"):
        done = cli("run", "valley.toml", "--executor", "inline", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    tables = hpsearch.load(tmp_path / "valley.db")
    assert {length.trials for length in tables.lengths.values()} == {12}
    assert len(tables.seeds) == 2 * len(tables.trials) == 2 * 2 * 4 * 12
    of_sgd = tables.trials["optimizer"] == "sgd"
    assert tables.trials["momentum"].notna().equals(of_sgd)


def test_every_key_of_a_study_file_is_documented():
    documented = {name.partition(".")[0] for name in rows("docs/studies.md")}
    text = (ROOT / "docs/studies.md").read_text(encoding="utf-8")
    documented |= {name.partition(".")[0] for name in re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)}
    assert documented == set(Spec.model_fields) - {"name", "description", "confirm"}


def test_the_code_of_a_page_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    notebook = Notebook(monkeypatch)
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        notebook.run(block)
    assert len(hpsearch.load("descents.db").trials) == 3 * 4 * 6
    assert (tmp_path / "descents-report" / "index.html").is_file()
    assert len(notebook["first"]) == 20
    assert [trial.told for trial in notebook["study"].trials].count(False) == 1
    printed = capsys.readouterr().out
    (said,) = re.findall(r"# (searcher: no such .*\?) \(valid", page)
    assert said in printed
