"""Tables and lines at the width of a terminal: numbers to the right, no word broken, nothing cut."""

import re
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import hpsearch
from hpsearch.cli.tables import ENDLESS, column_text, frame_lines, table_lines
from hpsearch.system import clock
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end
from tests.tools.terminal import on_terminal

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)


def test_numbers_stand_to_the_right_and_names_to_the_left():
    assert table_lines(["method", "n", "best"], [["a", "5", "0.91"], ["longer", "12", "-"]], 1, 80) == [
        "method   n  best",
        "a        5  0.91",
        "longer  12     -",
    ]


def test_what_does_not_fit_goes_on_below_beside_the_keys():
    assert table_lines(["key", "first", "second"], [["a", "1", "2"], ["b", "3", "4"]], 1, 12) == [
        "key  first",
        "a        1",
        "b        3",
        "",
        "key  second",
        "a         2",
        "b         4",
    ]


@given(st.lists(st.lists(WORDS, min_size=4, max_size=4), min_size=1, max_size=5), st.integers(10, 80))
@settings(max_examples=60, deadline=None)
def test_every_cell_is_there_whole_and_lines_are_no_wider_than_they_must_be(rows, width):
    head = ["key", "b", "c", "d"]
    lines = table_lines(head, rows, 1, width)
    for row in rows:
        for cell in row:
            assert any(re.search(rf"(^| ){re.escape(cell)}($| )", line) for line in lines)
    wide = [max(map(cell_len, column)) for column in zip(head, *rows, strict=True)]
    assert max(map(cell_len, lines)) <= max(width, wide[0] + 2 + max(wide[1:]))
    assert len(table_lines(head, rows, 1, ENDLESS)) == len(rows) + 1


def test_a_column_has_common_decimals_unless_it_spans_decades():
    assert column_text([0.9, 0.91334, 0.0]) == ["0.9000", "0.9133", "0.0000"]
    assert column_text([12.3456, 7.0]) == ["12.35", "7.00"]
    assert column_text([10.0, 0.26]) == ["10.000", "0.260"]
    assert column_text([1e-6, 0.01]) == ["1e-06", "0.01"]
    assert column_text([123456.0, 234567.8]) == ["123456", "234568"]
    assert column_text([1e300, float("nan"), None, float("inf")]) == ["1e+300", "", "", "inf"]
    assert column_text([True, "a\x1b[31m", 5]) == ["True", "a\\x1b[31m", "5"]


@given(st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=6))
def test_a_number_keeps_three_digits(values):
    for value, text in zip(values, column_text(values), strict=True):
        assert float(text) == pytest.approx(value, rel=6e-3)


def test_a_frame_whose_columns_share_a_name_is_printed():
    frame = pd.DataFrame([[1, 0.5, 0.25]], columns=["trial", "loss", "loss"])
    assert frame_lines(frame, 1, 80) == ["trial    loss    loss", "    1  0.5000  0.2500"]


@pytest.fixture
def wide(own_study):
    """A finished comparison with more columns than fit into 80 letters."""
    extra = "".join(f"space.hyperparameter_{i} = [0.1, 10.0]\n" for i in range(6))
    return run_to_end(own_study(study=edited(OWN_STUDY, "space.x = [0.0, 10.0]\n", f"space.x = [0.0, 10.0]\n{extra}")))


@pytest.mark.parametrize("command", ["status", "trials", "best", "list", "doctor"])
def test_at_80_columns_no_line_is_longer_and_no_word_is_broken(wide, command):
    words = [command, *([wide] if command in ("status", "trials", "best") else [])]
    shown = on_terminal(*words, cwd=wide.parent)
    # (A path that is longer than a line is no word to break.)
    assert max(cell_len(line) for line in shown.splitlines() if len(line.split()) > 1 or "/" not in line) <= 80
    assert "…" not in shown
    if command in ("status", "list"):
        known = set(cli(*words, cwd=wide.parent, COLUMNS="1000").stdout.split())
        assert set(re.sub(r"finished .*", "", shown).split()) <= known
    if command in ("trials", "best"):
        assert {f"hyperparameter_{i}" for i in range(6)} | {"objective", "test_loss"} <= set(shown.split())


def test_every_number_of_every_trial_is_shown_at_80_columns(wide):
    shown = cli("trials", wide, COLUMNS="80").stdout.split()
    trials = hpsearch.load(wide).trials
    for value in trials["objective"]:
        assert any(re.fullmatch(r"[\d.e-]+", word) and abs(float(word) - value) <= 6e-3 * value for word in shown)


def test_no_seed_is_shown_unless_somebody_asks_for_data(wide):
    seeds = set(hpsearch.load(wide).trials["seed"].astype(str))
    for command in (("trials", wide), ("best", wide)):
        assert not seeds & set(cli(*command).stdout.split())
    assert seeds & set(re.findall(r"\d+", cli("best", wide, "--as", "json").stdout))
    assert seeds == seeds & set(re.findall(r"\d+", cli("trials", wide, "--csv").stdout))


def test_the_phases_of_a_run_are_named_before_its_first_result(own_study, tmp_path):
    study = own_study()
    shown = on_terminal("run", study, "--workers", 1, cwd=tmp_path)
    said = [
        shown.index(text)
        for text in (
            "and 2 methods", "preparing the data", "proposing trial 1 of wide",
            "training pack 1: 1 trial of wide", "finished: own.db",
        )
    ]  # fmt: skip
    assert said == sorted(said)
    assert max(map(cell_len, (line for line in shown.splitlines() if "hpsearch report" not in line))) <= 80


def test_elsewhere_each_kind_of_phase_is_one_line_until_the_first_result(own_study, tmp_path):
    done = cli("run", own_study(), "--executor", "inline", cwd=tmp_path)
    lines = done.stderr.splitlines()
    for kind in ("importing", "preparing", "proposing", "training"):
        assert len([line for line in lines if line.startswith(kind)]) == 1
    again = cli("run", own_study(), "--executor", "inline", cwd=tmp_path)
    assert "proposing" not in again.stderr


MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"), (5, "5 s ago"), (60, "a minute ago"), (200, "3 minutes ago"), (80 * MINUTE, "80 minutes ago"),
        (2 * HOUR, "2 hours ago"), (30 * HOUR, "30 hours ago"), (3 * DAY, "3 days ago"),
    ],
)  # fmt: skip
def test_a_time_is_told_as_one_says_it(seconds, said):
    assert clock.ago(clock.text(1e9), clock.text(1e9 + seconds)) == said


def test_a_time_that_cannot_be_compared_is_given_as_it_is():
    ahead = clock.text(1e9 + 100)
    assert clock.ago(ahead, clock.text(1e9)) == ahead
    assert clock.ago("yesterday", clock.text(1e9)) == "yesterday"
    assert clock.ago("2026-01-01T00:00:00", clock.text(1e9)) == "2026-01-01T00:00:00"


def test_durations_grow_with_their_unit():
    said = [clock.duration(seconds) for seconds in (5, 89, 90, 720, 5399, 5400, 36000)]
    assert said == ["5 s", "89 s", "2 min", "12 min", "90 min", "1.5 h", "10.0 h"]
    assert all(first != second for first, second in pairwise(said))
