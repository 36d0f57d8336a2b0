"""Study files beyond all reason are refused early, in a sentence; those at the edge of it are read."""

import re

import pandas as pd
import pytest

from hpsearch.cli.reading import _print_table
from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.space import Int, Space
from hpsearch.study.plan import read_plan, resolve
from hpsearch.study.registry import Registry
from hpsearch.study.schema import parse
from hpsearch.study.spaces import changed
from tests.tools.editing import edited
from tests.tools.spec_texts import HEAD, fault
from tests.tools.studies import OWN_STUDY


def test_a_file_of_megabytes_is_not_even_read(tmp_path):
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(1_000_001)
    with pytest.raises(SpecError, match=r"large\.toml: has 1,000,001 bytes, and a study file may have 1,000,000"):
        read_plan(path)


def test_a_method_with_many_labels_is_looked_for_once(monkeypatch):
    looked_for = []
    find = Registry.find
    monkeypatch.setattr(Registry, "find", lambda self, *a, **k: looked_for.append(a[1]) or find(self, *a, **k))
    labels = "".join(f"[methods.m{i}]\nmethod = 'filter'\n" for i in range(300))
    assert len(resolve(parse(HEAD + labels, "one.toml"), Registry()).methods) == 300
    assert looked_for == ["audio_task", "sobol", "filter"]


def test_no_more_studies_than_a_database_takes():
    text = edited(HEAD, "repeats = 3", "repeats = 100_000")
    labels = "".join(f"[methods.m{i}]\nmethod = 'filter'\n" for i in range(11))
    assert "11 methods with 100,000 studies each are more than the 1,000,000 studies" in fault(text + labels)


@pytest.mark.parametrize(
    "key", ["a" + ".a" * 60, "[a" + ".a" * 60 + "]\nb", "[methods.filter]\nspace" + ".a" * 60, '" " . ' * 60 + "'a b'"]
)
def test_a_key_of_very_many_parts_is_refused_before_it_is_read(key):
    assert "a key of more than 50 parts cannot be read" in fault(f"{HEAD}{key} = 1\n")


def test_dots_in_texts_and_numbers_are_no_keys():
    text = (
        HEAD
        + f'description = "{"a." * 99}"\n[methods.filter]\nspace.alpha = {{choices = {[0.5 + i for i in range(99)]}}}'
    )
    assert len(resolve(parse(text, "one.toml"), Registry()).spaces["filter"]["alpha"].values) == 99


def test_faults_are_listed_up_to_twenty_and_then_counted():
    message = fault(HEAD + "".join(f"[methods.m{i}]\nspce.x = 1\n" for i in range(50)))
    assert len(message.splitlines()) == 21
    assert message.endswith("one.toml: and 30 more")


def test_a_message_shows_the_beginning_of_long_names_and_values():
    assert len(fault(edited(HEAD, "trials = 4", f'trials = "{"x" * 9999}"') + "[methods.filter]")) < 400
    assert len(fault(HEAD + f"[methods.{'x' * 9999}]")) < 12_000  # the name as a key, but not again as a value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x = {{ choices = [1, 10_000_000_000_000_000_000_000_000] }}", "x: whole numbers must lie within 9,007,199,"),
        ("x = {{ choices = [1, -9_007_199_254_740_993] }}", "got -9007199254740993"),
        ("x = [1, 9_007_199_254_740_993]", "beyond which floating-point numbers skip some, got 9007199254740993"),
        ("x = 10_000_000_000_000_000_000", "which have 64 bits, got 10000000000000000000"),
    ],
)
def test_whole_numbers_that_tables_cannot_hold_are_refused(own_study, line, message):
    with pytest.raises(SpecError, match=re.escape(message)):
        read_plan(own_study(study=edited(OWN_STUDY, "space.x = [0.0, 10.0]", f"space.{line}")))


def test_the_largest_whole_numbers_that_tables_hold_are_taken(own_study):
    space = f"space = {{{{ x = [0, {2**53}], y = {{{{ choices = [{-(2**53)}, 1e300] }}}}, z = {2**63 - 1} }}}}"
    plan = read_plan(own_study(study=edited(OWN_STUDY, "space.x = [0.0, 10.0]", space)))
    assert plan.spaces["wide"].names == ("x", "y", "z")


def test_a_methods_own_space_is_held_to_the_same():
    with pytest.raises(SpecError, match=r"methods\.m\.space\.n: whole numbers must lie within"):
        changed(Space((Int("n", 0, 2**60),)), {}, "methods.m", open_space=False)


def test_no_more_hyperparameters_than_a_sequence_has_dimensions(own_study):
    many = "".join(f"space.x{i} = [0.0, 1.0]\n" for i in range(1001))
    with pytest.raises(SpecError, match=r"wide\.space: has 1,001 hyperparameters, and a method may have 1,000"):
        read_plan(own_study(study=edited(OWN_STUDY, "space.x = [0.0, 10.0]\n", many)))


COMPOSED, DECOMPOSED = "\u00e9", "e\u0301"


def test_names_that_are_the_same_text_in_other_code_points_are_refused(own_study):
    twice = f'space."{COMPOSED}" = [0.0, 1.0]\nspace."{DECOMPOSED}" = [0.0, 1.0]'
    with pytest.raises(SpecError, match=re.escape(r"hyperparameters: '\xe9' and 'e\u0301' are the same text")):
        read_plan(own_study(study=edited(OWN_STUDY, "space.x = [0.0, 10.0]", twice)))
    study = edited(OWN_STUDY, "[methods.wide]", f'[methods."{COMPOSED}"]')
    with pytest.raises(SpecError, match=re.escape(r"methods: '\xe9' and 'e\u0301' are the same text")):
        read_plan(own_study(study=edited(study, "[methods.narrow]", f'[methods."{DECOMPOSED}"]')))


def test_a_table_shows_the_columns_of_older_databases_whatever_they_are_called(capsys):
    _print_table(pd.DataFrame({COMPOSED: [1.0], DECOMPOSED: [2.0], "class": [3.0], "a b": [4.0]}))
    assert capsys.readouterr().out.split() == [
        COMPOSED,
        DECOMPOSED,
        "class",
        "a",
        "b",
        "1.000",
        "2.000",
        "3.000",
        "4.000",
    ]


@pytest.mark.parametrize(("setting", "most"), [("samples", 1_000_000), ("combinations", 10_000), ("draws", 10_000)])
def test_settings_of_botorch_that_no_memory_takes_are_refused(setting, most):
    text = edited(HEAD, '"sobol"', f'{{ name = "botorch", {setting} = {most + 1} }}')
    assert f"searcher: {setting} must be at most {most:,}" in fault(text + "[methods.filter]")
