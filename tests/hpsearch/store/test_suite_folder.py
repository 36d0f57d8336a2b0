"""The folder of a suite: its list, databases gathered without one, and folders that came from elsewhere."""

import json

import pytest

from hpsearch.contracts.errors import FileError
from hpsearch.store.suite import LIST, Setting, Suite, gathered, suite_in, write_list


def test_a_list_is_read_as_it_was_written(tmp_path):
    settings = (Setting("lr = 0.1", tmp_path / "lr-0.1.db", {"lr": 0.1}), Setting("ä", tmp_path / "ä.db"))
    suite = Suite("rates", "Does it hang on the rate?", settings)
    write_list(suite, tmp_path)
    assert suite_in(tmp_path) == suite
    assert suite.begun == ()
    (tmp_path / "ä.db").touch()
    assert suite.begun == settings[1:]


def test_without_a_list_all_databases_but_confirmations_are_settings(tmp_path):
    for name in ("b.db", "a.db", "a-confirm.db", "a-confirm-along.db", "notes.txt"):
        (tmp_path / name).touch()
    found = suite_in(tmp_path)
    assert [(s.label, s.file.name) for s in found.settings] == [("a", "a.db"), ("b", "b.db")]
    assert found.settings[0].confirmed == tmp_path / "a-confirm-along.db"
    assert found.settings[1].confirmed is None


def test_a_folder_of_nothing_is_refused(tmp_path):
    with pytest.raises(FileError, match="holds no suite and no databases"):
        suite_in(tmp_path)


@pytest.mark.parametrize("name", ["../a.db", "/a.db", "b/a.db", "", "..", 3, None])
def test_a_list_cannot_point_out_of_its_folder(tmp_path, name):
    entry = {"label": "a", "file": name, "at": {}}
    (tmp_path / LIST).write_text(json.dumps({"name": "s", "description": "", "settings": [entry]}))
    with pytest.raises(FileError, match="is no list of a suite"):
        suite_in(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "s"}', "[" * 100_000, '{"settings": [1]}'])
def test_a_damaged_list_is_refused(tmp_path, text):
    (tmp_path / LIST).write_text(text)
    with pytest.raises(FileError, match="run the suite again to write it"):
        suite_in(tmp_path)


def test_files_of_one_name_cannot_be_gathered(tmp_path):
    with pytest.raises(FileError, match="is given twice"):
        gathered([tmp_path / "a" / "x.db", tmp_path / "b" / "x.db"], "s")
