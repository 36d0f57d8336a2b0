"""Every error that a user can meet: one root, and an exit code of those that `hpsearch` documents."""

import inspect
import re

import pytest

from hpsearch.cli import app
from hpsearch.contracts import errors
from hpsearch.contracts.errors import HpsearchError

EXPECTED = {
    "HpsearchError": 1,
    "UsageError": 2, "SpecError": 2, "ReplayError": 2, "ExportError": 2,
    "FileError": 3, "DatabaseError": 3, "DifferentError": 3, "NoSpaceError": 3,
    "TaskError": 4, "OtherDataError": 4, "DeviceError": 4, "FetchError": 4,
}  # fmt: skip
DEFINED = {
    name: found for name, found in inspect.getmembers(errors, inspect.isclass) if found.__module__ == errors.__name__
}


def test_each_has_its_code():
    assert {name: found.exit_code for name, found in DEFINED.items()} == EXPECTED


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_each_is_of_the_root_and_says_what_it_is_for(name):
    assert issubclass(DEFINED[name], HpsearchError)
    assert DEFINED[name].__doc__


def test_each_code_is_documented_with_the_commands():
    documented = {int(code) for code in re.findall(r"\b(\d+) (?:done|an?|the)\b", app.__doc__)}
    assert set(EXPECTED.values()) <= documented | {1}
    assert {0, 1, 2, 3, 4, 5} <= documented


@pytest.mark.parametrize("name", sorted(DEFINED))
def test_the_command_ends_with_the_code_and_the_sentence(name, monkeypatch, capsys):
    def fail():
        raise DEFINED[name]("the sentence")

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == EXPECTED[name]
    assert capsys.readouterr().err == "hpsearch: the sentence\n"
