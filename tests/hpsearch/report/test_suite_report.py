"""The report of a suite: who ends better where, where it flips, and pages that say so."""

import shutil

import numpy as np
import pandas as pd
import pytest

from hpsearch.contracts.errors import DifferentError
from hpsearch.report.suite import words
from hpsearch.report.suite.compute import compute_suite
from hpsearch.store.suite import Setting, Suite, suite_in, write_list
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end

SUITE = """
name = "placed"
description = "Does it hang on where narrow looks?"
study = "own.toml"

[vary]
methods.narrow.space.x = [0.3, 0.9, 5.0]
"""
STUDY = OWN_STUDY
for old, new in (
    ("repeats = 3", "repeats = 8"),
    ("trials = 6", "trials = 4"),
    ("sobol", "random"),
    ("[0.0, 10.0]", "2.0"),
):
    STUDY = edited(STUDY, old, new)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A suite in which `narrow`, whose place is fixed, is best at the first setting and worst at the last."""
    folder = tmp_path_factory.mktemp("placed")
    (folder / "placed_task.py").write_text(OWN_TASK)
    (folder / "own.toml").write_text(STUDY.format(module="placed_task"))
    (folder / "placed.toml").write_text(SUITE)
    assert cli("run", "placed.toml", "--executor", "inline", cwd=folder).returncode == 0
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return compute_suite(suite_in(folder / "placed"))


def test_each_setting_has_its_verdict_and_the_flip_lies_between_neighbours(found):
    assert found.pair == ("wide", "narrow")
    assert [under.winner for under in found.under] == ["narrow", "narrow", "wide"]
    (flip,) = found.flips
    assert (flip.one, flip.other) == ("x = 0.9", "x = 5")
    assert words.flips(found) == ["The verdict flips between x = 0.9 and x = 5."]
    assert words.finding(found) == "narrow ends better than wide in 2 of 3 settings, wide in 1 (x = 5)."


def test_differences_are_the_pairs_and_oriented_by_the_first(found):
    for under in found.under:
        final = {k: under.measured.methods[k].of[:, -1].mean() for k in found.pair}
        assert float(under.difference.estimate) == pytest.approx(final["narrow"] - final["wide"])  # lower is better


def test_over_all_settings_numbers_are_the_settings_means(found):
    expected = np.mean([float(under.difference.estimate) for under in found.under])
    assert float(found.mean.these.estimate) == pytest.approx(expected)
    assert found.mean.such is None  # of three settings
    assert found.share is None
    assert found.is_joint
    assert found.ratios.min(axis=1) == pytest.approx(1.0)


def test_a_fallen_apart_suite_says_what_is_missing_and_what_is_recorded(found, folder, tmp_path):
    settings = (*suite_in(folder / "placed").settings, Setting("to come", tmp_path / "x.db"))
    more = compute_suite(Suite("more", "", settings))
    assert more.missing == ("to come",)
    said = words.cautions(more)
    assert said[0] == "Not begun: to come."
    assert "All verdicts go by recorded values" in said[1]


def test_settings_without_two_methods_in_common_are_refused(folder, tmp_path):
    (tmp_path / "other.toml").write_text((folder / "own.toml").read_text().replace("methods.wide", "methods.broad"))
    shutil.copy(folder / "placed_task.py", tmp_path)
    text = (tmp_path / "other.toml").read_text().replace("placed_task", "placed_elsewhere")
    (tmp_path / "placed_task.py").rename(tmp_path / "placed_elsewhere.py")
    (tmp_path / "other.toml").write_text(text)
    other = run_to_end(tmp_path / "other.toml", "other.db")
    settings = (suite_in(folder / "placed").settings[0], Setting("other", other))
    with pytest.raises(DifferentError, match="have not two methods in common"):
        compute_suite(Suite("mixed", "", settings))


def test_an_empty_suite_is_refused(tmp_path):
    write_list(Suite("none", "", (Setting("a", tmp_path / "a.db"),)), tmp_path)
    done = cli("report", tmp_path)
    assert done.returncode == 3
    assert "no setting has a finished trial yet" in done.stderr


def test_the_report_is_written_whole_and_over_an_earlier_one(folder):
    for _ in range(2):
        done = cli("report", "placed", cwd=folder)
        assert done.returncode == 0, done.stderr
    out = folder / "placed-report"
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}.{kind}" for name in ("map", "profiles") for kind in ("png", "svg", "pdf")),
        "settings.csv", "tables.tex", "index.html", "README.md",
    }  # fmt: skip
    frame = pd.read_csv(out / "settings.csv")
    assert list(frame["x"]) == [0.3, 0.9, 5.0]
    assert (frame["n"] == 8).all()
    page, markdown = (out / "index.html").read_text(), (out / "README.md").read_text()
    for text in (page, markdown):
        assert "Does it hang on where narrow looks?" in text
        assert "The verdict flips between" in text
        assert "hpsearch report placed" in text
    assert r"\toprule" in (out / "tables.tex").read_text()


def test_databases_made_by_hand_are_gathered_and_others_are_refused(folder):
    files = sorted((folder / "placed").glob("*.db"))
    assert cli("report", *files, cwd=folder).returncode == 2
    done = cli("report", *files, "--as-suite", "--to", folder / "gathered-report", cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "gathered-report" / "README.md").read_text()
    assert text.startswith("# gathered\n")
    assert "--as-suite" in text
    assert cli("report", "placed", "--target", "1", cwd=folder).returncode == 2


def test_two_axes_have_a_heat_map(folder):
    lines = SUITE.replace('"placed"', '"grid"').replace("[vary]", "[vary]\ntrials = [2, 3]").replace(" 0.9,", "")
    (folder / "grid.toml").write_text(lines)
    assert cli("run", "grid.toml", "--executor", "inline", cwd=folder).returncode == 0
    assert cli("report", "grid", cwd=folder).returncode == 0
    assert (folder / "grid-report" / "grid.png").stat().st_size > 0
    found = compute_suite(suite_in(folder / "grid"))
    assert {(flip.one, flip.other) for flip in found.flips} == {
        (f"trials = {n}, x = 0.3", f"trials = {n}, x = 5") for n in (2, 3)
    }
