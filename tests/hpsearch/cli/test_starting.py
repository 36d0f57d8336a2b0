"""The first minute: files to begin with run as they are, and what a study file asks for is shown."""

import sys
from pathlib import Path

import pytest

import hpsearch
from hpsearch.cli.completion import kinds_of_starters
from hpsearch.study.shipped import starters
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY

KINDS = ["command", "function", "pytorch", "scikit-learn"]


@pytest.fixture
def begun(tmp_path, request):
    """Write files to begin with, under a name of the test's own: Python would keep the first module of a name."""
    module = f"new_{abs(hash(request.node.name)) % 10**9}"

    def write(kind, name=module):
        done = cli("new", name, "--kind", kind, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return tmp_path / f"{name}.toml", done.stdout

    yield write
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


def few(study):
    """The study file with 3 trials and 2 repeats."""
    text = edited(study.read_text(), "trials = 12", "trials = 3")
    study.write_text(edited(text, "repeats = 5", "repeats = 2"))


def test_there_is_a_start_for_each_kind_of_training():
    assert list(starters()) == KINDS
    assert kinds_of_starters("p") == ["pytorch"]


@pytest.mark.parametrize("kind", KINDS)
def test_files_to_begin_with_run_as_they_are(kind, begun, tmp_path):
    study, said = begun(kind)
    name = study.stem
    assert (tmp_path / f"{name}.py").is_file()
    next_steps = [line.split("  # ")[0].strip() for line in said.splitlines() if "  # " in line]
    assert next_steps == [f"hpsearch show {name}.toml", f"hpsearch run {name}.toml", f"hpsearch report {name}.db"]
    few(study)
    shown, ran = cli("show", study.name, cwd=tmp_path), cli("run", study.name, "--executor", "inline", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "2 methods x 2 repeats x 3 trials = 12 trainings" in shown.stdout
    assert ran.returncode == 0, ran.stderr
    tables = hpsearch.load(tmp_path / f"{name}.db")
    assert len(tables.trials) == 12
    assert tables.trials["state"].eq("complete").all()
    assert tables.trials["objective"].nunique() > 6
    assert tables.metrics
    if kind == "function":  # one report will do
        assert cli("report", f"{name}.db", cwd=tmp_path).returncode == 0
    replayed = cli("replay", f"{name}.db", next(iter(tables.methods)), 2, 3, "--trust", cwd=tmp_path)
    assert "every bit agrees" in replayed.stdout


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; sys.exit('no such GPU')", "ended with 1: no such GPU"),
        ("print('done')", "the last line has no JSON such as"),
        ("print([3])", "the last line has no JSON such as"),
        ("pass", "the last line has no JSON such as"),
    ],
)
def test_a_command_that_fails_is_a_failed_trial_with_its_last_words(program, reason, begun, tmp_path):
    study, _ = begun("command")
    few(study)
    task = study.with_suffix(".py")
    # The example itself works for a while: so it is the trials that fail then, and not the task.
    text = edited(
        task.read_text(), "def train(configuration, seed):", "CALLS = []\n\n\ndef train(configuration, seed):"
    )
    failing = f"""CALLS.append(seed)
    command = [sys.executable, "-c", {program!r}] if len(CALLS) > 10 else COMMAND
    done = subprocess.run(command,"""
    task.write_text(edited(text, "done = subprocess.run(COMMAND,", failing))
    done = cli("run", study, "--executor", "inline", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    trials = hpsearch.load(study.with_suffix(".db")).trials
    failed = trials[trials["state"] == "failed"]
    assert len(failed) == 2
    assert failed["reason"].str.contains(reason, regex=False).all()


def test_nothing_is_written_over(begun, tmp_path):
    study, _ = begun("function")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("new_*.*")}
    again = cli("new", study.stem, "--kind", "command", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (3, "")
    assert again.stderr == f"hpsearch: {study.name}: exists already; give another name, or remove it\n"
    study.unlink()
    assert cli("new", study.stem, cwd=tmp_path).returncode == 3
    assert not study.exists()
    assert study.with_suffix(".py").read_bytes() == before[f"{study.stem}.py"]


@pytest.mark.parametrize("name", ["torch", "random", "hpsearch", "class", "my training", "../x", "9lives", ""])
def test_a_name_that_cannot_be_a_modules_is_refused(name, tmp_path):
    done = cli("new", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_a_name_with_a_hyphen_names_the_study_and_a_module_that_python_can_import(begun, tmp_path):
    study, _ = begun("function", "with-a-hyphen")
    few(study)
    assert cli("run", study.name, "--executor", "inline", "-q", cwd=tmp_path).returncode == 0
    assert (tmp_path / "with-a-hyphen.db").is_file()


def test_show_tells_whole_ranges_from_real_ones(own_study):
    text = edited(
        OWN_STUDY, "space.x = [0.0, 10.0]", "space = {{ x = [0, 1], y = {{ low = 1, high = 8, integer = true }} }}"
    )
    shown = cli("show", own_study(study=text)).stdout
    wide, narrow = shown.split("\nnarrow")
    assert "  x               integer  0 to 1  linear" in wide
    assert "x: [0, 1] is a range of whole numbers; for real numbers write [0.0, 1.0]" in wide
    assert "y: [" not in wide  # it says itself that it is whole
    assert "  x               real   0 to 1  linear" in narrow
    assert "  depth           fixed  3" in narrow


def test_show_tells_all_that_a_run_would_do(own_study):
    text = edited(OWN_STUDY, "repeats = 3", "repeats = 3\nparallel = 2\nseeds = 4\npack = 2")
    text = edited(
        text,
        "depth = 3 }}",
        'depth = [1, 2], kind = {{ choices = ["a", "b"] }}, '
        'z = {{ low = 0.0, high = 1.0, when = {{ kind = "a" }} }} }}',
    )
    study = own_study(study=text)
    shown = cli("show", study).stdout
    for said in (
        "objective  loss (no unit, minimise, chance 1)",
        "searcher   sobol",
        "studies    3 of each method, of 6 trials, from seed 7",
        "training   2 of a method together, trials in rounds of 2, 4 seeds for each trial",
        "2 methods x 3 repeats x 6 trials x 4 seeds = 144 trainings; 6 studies in 4 packs",
        f"hpsearch run {study} --dry-run",
    ):
        assert said in shown
    row = next(line for line in shown.splitlines() if line.startswith("  z "))
    assert row.split() == ["z", "real", "0", "to", "1", "linear", "kind", "=", "a"]
    assert not list(Path(study).parent.glob("*.db"))


def test_show_has_settings_of_what_ships():
    shown = cli("show", "figure8-fsdd").stdout
    assert "latent: latent (two_step = 0.0); schedules: learning_rate cosine" in shown
    assert "width = 64" in shown
    assert "learning_rate   real    0.001 to 10    logarithmic" in shown


def test_show_refuses_what_run_refuses(own_study):
    study = own_study(study=edited(OWN_STUDY, "trials = 6", "trails = 6"))
    done = cli("show", study)
    assert done.returncode == 2
    assert "did you mean 'trials'" in done.stderr
