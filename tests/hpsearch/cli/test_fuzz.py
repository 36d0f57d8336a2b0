"""Study files and names that nobody would write: each is read, or refused in sentences; never a traceback.

`HPSEARCH_FUZZ=2000 python -m pytest tests/hpsearch/cli/test_fuzz.py` tries ten times as many of each kind.
"""

import contextlib
import copy
import io
import os
import tomllib

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from hpsearch.contracts.errors import SpecError
from hpsearch.driver.display import Display
from hpsearch.report import write_report
from hpsearch.store.database import Database
from hpsearch.study.plan import resolve
from hpsearch.study.registry import Registry
from hpsearch.study.schema import parse
from hpsearch.study.shipped import shipped_studies
from tests.tools.commands import cli
from tests.tools.editing import edited
from tests.tools.studies import OWN_STUDY, run_to_end

COUNT = int(os.environ.get("HPSEARCH_FUZZ", "200"))
LONGEST_MESSAGE = 20_000
SHIPPED = [tomllib.loads(path.read_text()) for path in shipped_studies().values()]
ODD = [
    0, -1, 1, 10**9, 10**30, 1e308, float("nan"), float("inf"), -0.0, 0.5, "", "a" * 300, "../../etc", "ü ß 漢", "a/b",
    "\x07", "<script>", True, False, [], {}, [1], [1, 2], [2, 1], [0, 1], ["a", "b"], {"low": 1, "high": 0},
    {"low": 0, "high": 1, "log": True}, {"low": 1, "high": 2, "integer": True}, {"choices": []}, {"choices": [1, 1]},
    {"choices": ["a", 1]}, "botorch", "grid", "fixed", "random", "os", "audio_task", "__main__", "filter:METHOD",
    "os:path", "step(0.1, 5)", "step(", "cosine",
]  # fmt: skip
KEYS = ["nmae", "x", "trials", "space", "seed", "", "a.b", "ü", "points", "settings", "schedules", "pack"]
fuzzed = settings(
    max_examples=COUNT, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))


def at(study, path):
    for key in path:
        study = study[key]
    return study


@st.composite
def mutated(draw):
    """A shipped study with a few values replaced, keys added, removed or moved; sometimes bytes changed in its text."""
    study = copy.deepcopy(draw(st.sampled_from(SHIPPED)))
    odd = st.sampled_from(ODD).map(copy.deepcopy)
    for _ in range(draw(st.integers(1, 5))):
        path = draw(st.sampled_from([path for path in places(study) if path]))
        table, what = at(study, path[:-1]), draw(st.sampled_from(["replace", "replace", "remove", "add", "move"]))
        if what == "replace":
            table[path[-1]] = draw(odd)
        elif what == "remove" and len(study) > 1:
            del table[path[-1]]
        elif what == "add":
            table[draw(st.sampled_from(KEYS))] = draw(odd)
        else:
            table[path[-1]] = copy.deepcopy(at(study, draw(st.sampled_from([p for p in places(study) if p]))))
    text = tomli_w.dumps(study)
    if draw(st.integers(0, 6)) == 0:
        changed = bytearray(text.encode())
        for _ in range(3):
            changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
        text = changed.decode("utf-8", "replace")
    return text


known_keys = sorted({key for study in SHIPPED for path in places(study) for key in path})
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(known_keys) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
).filter(lambda value: value is not None)


def read_or_refuse(text):
    try:
        plan = resolve(parse(text, "x.toml"), Registry(), "x.toml")
    except SpecError as error:
        said = str(error)
        assert said.startswith("x.toml: ")
        assert len(said) < LONGEST_MESSAGE
    else:
        assert plan.settings()
        assert 1 <= plan.pack_size <= plan.spec.repeats


@fuzzed
@given(mutated())
def test_a_mutated_study_file_is_read_or_refused_in_sentences(text):
    read_or_refuse(text)


@fuzzed
@given(st.dictionaries(st.sampled_from(known_keys) | st.text(max_size=8), values, max_size=8))
def test_a_random_study_file_is_refused_in_sentences(study):
    text = None
    with contextlib.suppress(TypeError, ValueError):  # what TOML cannot hold, such as None in a list
        text = tomli_w.dumps(study)
    if text is not None:
        read_or_refuse(text)


@fuzzed
@given(st.text(max_size=200))
def test_random_text_is_refused_in_sentences(text):
    read_or_refuse(text)


NAMES = [
    "ü ß 漢", "a b", "a/b", "../up", "..", ".", "x" * 300, "<script>alert(1)</script>", "%s %d {x}", "-", "'\"`$(ls)",
    r"$\frac{$", "a$b$c_^", "[/x]", "[bold]",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_whatever_methods_and_hyperparameters_are_called_no_file_lies_elsewhere(own_study, name, tmp_path):
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}") + '"'
    study = own_study(
        study=edited(
            edited(OWN_STUDY, "[methods.wide]\n", f"[methods.{quoted}]\nspace.{quoted} = [0, 1]\n"),
            "trials = 6",
            "trials = 2",
        )
    )
    file = run_to_end(study)
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    folder = tmp_path / "inner" / "report"
    write_report(file, folder)
    made = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts} - before
    assert folder / "index.html" in made
    assert all(path.is_relative_to(tmp_path / "inner") for path in made)
    assert all(path.parent == folder or path == folder for path in made - {tmp_path / "inner"})
    for command in ("status", "trials", "best"):
        done = cli(command, file)
        assert done.returncode == 0
        assert name[:20] in done.stdout
    with Database(file) as database:
        display = Display()
        display._live = True  # as on a terminal
        display.begin(database, 6)
        drawn = Console(file=io.StringIO(), width=1000)
        drawn.print(display._bars.get_renderable())
    assert name[:20] in drawn.file.getvalue()


@pytest.mark.parametrize("name", ["../up", "..", "a/b", "", "ü", "x" * 300, "a b"])
def test_a_studys_name_is_a_files_name(own_study, name):
    with pytest.raises(SpecError, match="name: "):
        run_to_end(own_study(study=edited(OWN_STUDY, 'name = "own"', f'name = "{name}"')))
