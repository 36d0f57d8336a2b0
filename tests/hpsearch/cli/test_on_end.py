"""The user's own command is told how a run ended; nobody else's file can name one."""

import json
import subprocess
import sys

import pytest

from hpsearch.cli import on_end
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, OWN_TASK
from tests.tools.waiting import PATIENCE, until


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    """Write the user's configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))

    def write(text):
        file = tmp_path / "settings" / "hpsearch" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        assert on_end.configuration_file() == file
        return file

    return write


def run(study, *words):
    return cli("run", study, "--executor", "inline", "-q", *words, cwd=study.parent)


def told(study):
    """What the command got."""
    return json.loads((study.parent / "told.json").read_text())


def test_it_gets_a_summary_on_its_standard_input(own_study, configuration):
    configuration('on_end = "cat > told.json"')
    study = own_study()
    done = run(study)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = told(study)
    assert found.pop("seconds") > 0
    assert found.pop("host")
    assert 0 <= found["methods"]["wide"].pop("best") < 0.01
    assert 0 <= found["methods"]["narrow"].pop("best") < 0.01
    counts = {"complete": 18, "diverged": 0, "failed": 0}
    assert found == {
        "state": "finished", "error": "", "name": "own", "database": str(study.with_name("own.db")),
        "objective": "loss", "direction": "minimise", "planned": 36, "trials": 36,
        "methods": {"wide": counts, "narrow": counts},
    }  # fmt: skip


def test_a_run_that_fails_tells_why(own_study, configuration):
    configuration('on_end = "cat > told.json"')
    study = own_study(edited(OWN_TASK, "    value =", '    raise ValueError("no luck")\n    value ='))
    done = run(study)
    assert done.returncode == 4
    found = told(study)
    assert (found["state"], found["trials"]) == ("failed", 0)
    assert "no luck" in found["error"]


def test_a_run_that_is_stopped_tells_so(own_study, configuration):
    configuration('on_end = "cat > told.json"')
    study = own_study(edited(OWN_TASK, "    value =", '    open("begun", "w").close()\n    value ='))

    study.write_text(edited(study.read_text(), "trials = 6", "trials = 20000"))
    words = [sys.executable, "-m", "hpsearch", "run", study, "--executor", "inline", "-q"]
    running = subprocess.Popen(words, cwd=study.parent)  # which remembers that it was asked to stop
    until(lambda: (study.parent / "begun").exists())
    running.terminate()
    assert running.wait(PATIENCE) == 143
    assert told(study)["state"] == "stopped"


@pytest.mark.parametrize(
    ("command", "said"), [("exit 3", "'exit 3' ended with 3"), ("sleep 9", "'sleep 9' took more than 0.2 s")]
)
def test_a_command_that_goes_wrong_is_named_and_changes_nothing_else(
    own_study, configuration, monkeypatch, command, said
):
    monkeypatch.setattr(on_end, "LONGEST", 0.2)
    file = configuration(f'on_end = "{command}"')
    done = run(own_study())
    assert done.returncode == 0
    assert done.stderr.startswith(f"warning: on_end in {file}: {said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('on_ende = "true"', "on_ende: unknown key; did you mean 'on_end'? (valid: on_end)"),
        ("on_end = 3", "on_end: expected a command of the shell, got 3"),
        ("on_end =", "cannot be read: "),
    ],
)
def test_a_wrong_configuration_is_told_before_the_first_trial(own_study, configuration, text, said):
    file = configuration(text)
    study = own_study()
    done = run(study)
    assert done.returncode == 2
    assert done.stderr.startswith(f"hpsearch: {file}: {said}")
    assert not study.with_name("own.db").exists()


def test_a_study_file_cannot_set_it(own_study):
    for place in ('on_end = "touch ran"\n', '[searcher]\nname = "sobol"\non_end = "touch ran"\n'):
        text = OWN_STUDY if place.startswith("on_end") else edited(OWN_STUDY, 'searcher = "sobol"\n', "")
        at = "[methods.wide]"
        study = own_study(study=edited(text, at, place + at) if place[0] == "[" else place + text)
        done = run(study)
        assert done.returncode == 2
        assert "on_end" in done.stderr
        assert not (study.parent / "ran").exists()


def test_a_file_beside_the_study_is_not_the_users_configuration(own_study):
    study = own_study()
    for name in ("config.toml", "hpsearch.toml"):
        file = study.parent / name
        file.write_text('on_end = "touch ran"')
    assert run(study).returncode == 0
    assert not (study.parent / "ran").exists()


def test_a_dry_run_is_no_run(own_study, configuration):
    configuration('on_end = "touch ran"')
    study = own_study()
    assert run(study, "--dry-run").returncode == 0
    assert not (study.parent / "ran").exists()
