"""The commands as a person meets them."""

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
import warnings
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import hpsearch
from hpsearch.cli.reading import _print_table
from hpsearch.cli.reporting import _warnings_said
from hpsearch.driver.display import Display
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK
from tests.tools.waiting import PATIENCE


def process(*words, cwd=None):
    """A command in a process of its own, as everybody runs it."""
    return subprocess.run(
        [sys.executable, "-m", "hpsearch", *map(str, words)],
        capture_output=True, text=True, cwd=cwd, timeout=PATIENCE, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def test_help_loads_nothing_that_takes_long():
    """Which made it answer in 0.2 s when last measured; what a clock says here depends on who else is at work."""
    code = """
import runpy, sys
sys.argv = ["hpsearch", "--help"]
try:
    runpy.run_module("hpsearch", run_name="__main__")
except SystemExit:
    slow = {"torch", "pandas", "numpy", "scipy", "matplotlib", "sqlite3", "pydantic", "requests"}
    print(sorted(slow & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_command_has_help_and_is_documented():
    commands = re.findall(r"│ (\w+) ", cli("--help").stdout.split("Commands")[1])
    assert {"run", "status", "report", "trials", "list", "best", "replay", "export", "data", "doctor"} <= set(commands)
    text = (Path(hpsearch.__file__).parents[1] / "docs" / "commands.md").read_text(encoding="utf-8")
    for command in commands:
        assert "Usage" in cli(command, "--help").stdout
        assert f"hpsearch {command}" in text


def test_from_a_study_file_to_a_report(own_study, tmp_path):
    study = own_study()
    done = process("run", study, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "search spaces:\n  wide: x real (0 to 10)\n  narrow: x real (0 to 1), depth = 3\n" in done.stderr
    assert "wide 18/18" in done.stderr
    assert "narrow 18/18 best 0.0" in done.stderr
    assert "hpsearch report own.db" in done.stderr

    shown = process("status", "own.db", cwd=tmp_path)
    assert re.search(r"^wide +18 +18 +18 +0 +0 +0\.\d+$", shown.stdout, re.MULTILINE)

    listed = cli("trials", "own.db", cwd=tmp_path).stdout
    assert len(listed.splitlines()) == 37
    assert listed.split()[:4] == ["method", "repeat", "trial", "objective"]

    text = cli("trials", "own.db", "--csv", cwd=tmp_path).stdout
    frame = pd.read_csv(io.StringIO(text))
    exact = hpsearch.load(tmp_path / "own.db").trials
    assert frame["objective"].tolist() == exact["objective"].tolist()
    assert {"x", "depth", "test_loss", "state", "seconds"} <= set(frame.columns)

    only = cli("trials", "own.db", "--csv", "--method", "wide", cwd=tmp_path).stdout
    assert "depth" not in only
    assert len(only.splitlines()) == 19

    written = cli("report", "own.db", cwd=tmp_path)
    assert "own-report/README.md" in written.stdout
    assert "best loss" in (tmp_path / "own-report" / "README.md").read_text()

    again = cli("run", study, cwd=tmp_path)
    assert again.returncode == 0
    assert "going on with own.db, which has 36 trials" in again.stderr


def test_quiet_says_nothing(own_study, tmp_path):
    done = cli("run", own_study(), "--quiet", "--executor", "inline", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_dry_run_says_what_it_would_take_and_leaves_no_file(own_study, tmp_path):
    done = cli("run", own_study(), "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "search spaces:\n  wide: x real (0 to 10)\n" in done.stderr
    assert "36 trials, of which 0 are recorded" in done.stdout
    assert re.search(r"about \d+ s with \d+ workers", done.stdout)
    assert "MB of database" in done.stdout
    assert not (tmp_path / "own.db").exists()


def test_the_version_is_printed():
    assert cli("--version").stdout == f"hpsearch {hpsearch.__version__}\n"


def test_lost_trials_are_told_at_the_end(own_study, tmp_path):
    task = edited(OWN_TASK, "    value =", '    if configuration["x"] > 5: return float("nan")\n    value =')
    done = cli("run", own_study(task), "--executor", "inline", cwd=tmp_path)
    assert re.search(r"finished: own\.db, \d+ trials diverged; see", done.stderr)


def test_list_names_what_a_study_file_may_name():
    text = cli("list").stdout
    for name in (
        "audio_task",
        "latent",
        "filter",
        "ax",
        "sobol",
        "random",
        "processes",
        "inline",
        "figure8-fsdd",
        "demo",
    ):
        assert name in text


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["run", "figure8-fsd"], 2, ["figure8-fsd", "did you mean 'figure8-fsdd'"]),
        (["run", "wrong.toml"], 2, ["wrong.toml: trails", "did you mean 'trials'"]),
        (["run", "own.toml", "--executor", "procesess"], 2, ["executor", "did you mean 'processes'"]),
        (["run", "own.toml", "--workers", "0"], 2, ["--workers"]),
        (["run", "own.toml", "--database", "text.db"], 3, ["text.db", "not a readable"]),
        (["run", "speech.toml"], 4, ["FSDD", "hpsearch data fetch fsdd", "--data DIR"]),
        (["best", "done.db", "--method", "zz"], 2, ["zz", "wide, narrow"]),
        (["replay", "done.db", "zz", "1", "1"], 2, ["'zz'", "wide, narrow"]),
        (["replay", "none.db", "zz", "1", "1"], 3, ["none.db: no such file"]),
        (["export", "none.db", "--to", "csv"], 3, ["none.db: no such file"]),
        (["export", "done.db", "--to", "cvs"], 2, ["cvs", "did you mean 'csv'"]),
        (["run", "speech.toml", "--data", "."], 4, ["no FSDD recordings under", "fsdd/recordings"]),
        (["status", "none.db"], 3, ["none.db: no such file"]),
        (["report", "text.db"], 3, ["text.db: not a readable"]),
        (["trials", "none.db"], 3, ["none.db: no such file"]),
        (["frobnicate"], 2, ["frobnicate"]),
        (["run", "own.toml", "--data", "nowhere"], 2, ["--data", "nowhere"]),
        (["run", "own.toml", "--database", "."], 3, [".: is a folder"]),
        (
            ["run", "own.toml", "--database", "nowhere/own.db"],
            3,
            ["nowhere/own.db", "cannot be written there: No such"],
        ),
        (["report", "done.db", "--to", "text.db"], 3, ["text.db", "exists"]),
        (["trials", "done.db", "--method", "zz"], 2, ["zz", "wide, narrow"]),
    ],
)
def test_an_error_is_a_sentence_and_a_code(own_study, tmp_path, words, code, parts):
    own_study()
    (tmp_path / "wrong.toml").write_text('name = "a"\ntrails = 1\n')
    (tmp_path / "text.db").write_text("no database " * 100)
    speech = edited(OWN_STUDY, '"{module}"', '"audio_task"').split("[methods")[0] + "[methods.filter]"
    (tmp_path / "speech.toml").write_text(speech)
    if "done.db" in words:
        assert cli("run", "own", "--database", "done.db", "--executor", "inline", "-q", cwd=tmp_path).returncode == 0
    done = cli(*words, cwd=tmp_path, HPSEARCH_DATA="")
    assert done.returncode == code
    for part in parts:
        assert part in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.fixture
def finished(own_study, tmp_path):
    """A finished comparison, own.db."""
    assert cli("run", own_study(), "--quiet", "--executor", "inline", cwd=tmp_path).returncode == 0
    return tmp_path


def test_the_best_of_each_study_as_table_and_as_files_to_train_from(finished):
    tables = hpsearch.load(finished / "own.db")
    expected = tables.trials.sort_values("objective", kind="stable").groupby(["method", "repeat"]).head(1)
    table = cli("best", "own.db", cwd=finished).stdout
    assert len(re.findall(r"best loss of each study", table)) == 2
    assert len(table.splitlines()) == 2 * (1 + 1 + 3)

    as_toml = tomllib.loads(cli("best", "own.db", "--as", "toml", cwd=finished).stdout)
    assert as_toml == json.loads(cli("best", "own.db", "--as", "json", cwd=finished).stdout)
    assert (as_toml["comparison"], as_toml["objective"], as_toml["direction"]) == ("own", "loss", "minimise")
    for label, method in as_toml["methods"].items():
        rows = expected[expected["method"] == label].sort_values("repeat")
        assert [row["trial"] for row in method["chosen"]] == rows["trial"].tolist()
        assert [row["objective"] for row in method["chosen"]] == rows["objective"].tolist()
        assert [row["configuration"]["x"] for row in method["chosen"]] == rows["x"].tolist()
        assert [row["seed"] for row in method["chosen"]] == rows["seed"].tolist()
    chosen = as_toml["methods"]["narrow"]["chosen"][0]
    assert type(chosen["configuration"]["depth"]) is int  # also where other methods have no such hyperparameter
    assert "depth" not in as_toml["methods"]["wide"]["chosen"][0]["configuration"]

    only = json.loads(cli("best", "own.db", "--as", "json", "--overall", "--method", "wide", cwd=finished).stdout)
    assert list(only["methods"]) == ["wide"]
    (best,) = only["methods"]["wide"]["chosen"]
    assert best["objective"] == tables.trials[tables.trials["method"] == "wide"]["objective"].min()


def test_a_replayed_trial_agrees_or_the_exit_code_says_not(finished):
    done = cli("replay", "own.db", "wide", "2", "3", "--trust", cwd=finished)
    assert done.returncode == 0
    assert "wide, study 2, trial 3: every bit agrees: objective, metrics and curves, 6 values" in done.stdout
    with sqlite3.connect(finished / "own.db") as connection:
        connection.execute("UPDATE trials SET objective = objective + 1 WHERE trial = 3")
    connection.close()
    done = cli("replay", "own.db", "wide", "2", "3", "--trust", cwd=finished)
    assert done.returncode == 5
    assert "1 of 6 values differ: objective: " in done.stdout


def test_an_export_is_written_where_it_says(finished):
    done = cli("export", "own.db", "--to", "csv", cwd=finished)
    assert done.returncode == 0, done.stderr
    paths = done.stdout.split()
    assert paths
    assert all((finished / path).is_file() for path in paths)


def test_a_reader_that_has_seen_enough_is_no_error(finished):
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m hpsearch trials own.db --csv | head -1", shell=True,
        executable="/bin/bash", cwd=finished, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_no_number_is_cut_on_a_narrow_terminal(finished):
    done = cli("best", "own.db", cwd=finished, COLUMNS="40")
    assert "…" not in done.stdout


def test_names_are_printed_letter_by_letter(capsys):
    _print_table(pd.DataFrame({":smile: [bold]": ["\x1b[31mred\n"]}))
    assert capsys.readouterr().out.split() == [":smile:", "[bold]", "\\x1b[31mred\\n"]


def test_a_warning_of_a_report_is_one_line(capsys):
    with Display() as display, _warnings_said(display):
        for text in ("no font here has 方", "no font here has 方"):
            warnings.warn(text, stacklevel=1)
    assert capsys.readouterr().err == "warning: no font here has 方\n"


def test_doctor_looks_at_this_machine():
    done = cli("doctor", HPSEARCH_DATA="")
    assert done.returncode == 0, done.stdout
    for subject in ("python", "versions", "cores", "matrix products", "data audiomnist", "data fsdd"):
        assert re.search(rf"^ ?{subject}\s+(ok|info|slow)", done.stdout, re.MULTILINE)
    assert "hpsearch data fetch fsdd" in " ".join(done.stdout.split())


def test_data_sets_are_found_checked_and_fetched(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("fsdd-master/recordings/0_theo_0.wav", b"")
    missing = cli("data", "where", "fsdd", "--data", str(tmp_path))
    assert missing.returncode == 4
    assert "get it with: hpsearch data fetch fsdd" in missing.stderr
    fetched = cli("data", "fetch", "fsdd", "--data", str(tmp_path), "--from", str(tmp_path / "mine.zip"))
    assert fetched.returncode == 4
    assert "no clips for training" in fetched.stderr
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    (tmp_path / "fsdd" / "recordings" / "0_theo_0.wav").write_bytes(b"")
    assert cli("data", "where", "fsdd", "--data", str(tmp_path)).stdout.strip().endswith("fsdd/recordings")
    assert "audiomnist: no AudioMNIST under" in cli("data", "where", "--data", str(tmp_path)).stdout
    checked = cli("data", "check", "fsdd", "--data", str(tmp_path))
    assert checked.returncode == 4
    assert "no clips for training" in checked.stderr
    wrong = cli("data", "fetch", "fsd", "--data", str(tmp_path))
    assert (wrong.returncode, "did you mean 'fsdd'" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("typed", "completions"),
    [
        ("run figure8-f", ["figure8-fsdd"]),
        ("run ow", ["own.toml"]),
        ("best o", ["own.db"]),
        ("data fetch a", ["audiomnist"]),
        ("data c", ["check"]),
        ("rep", ["report", "replay"]),
        ("run own --executor in", ["inline"]),
    ],
)
def test_the_shell_completes(finished, typed, completions):
    done = subprocess.run(
        [Path(sys.executable).with_name("hpsearch")], cwd=finished, capture_output=True, text=True, check=True,
        env={
            **os.environ, "_HPSEARCH_COMPLETE": "complete_bash",
            "COMP_WORDS": f"hpsearch {typed}", "COMP_CWORD": str(len(typed.split())),
        },
    )  # fmt: skip
    assert sorted(done.stdout.split()) == sorted(completions)
