"""Names, folders and files that are not as one expects them: one true sentence each, or no need for one."""

import os
import platform
import re
import shutil

import pytest

from hpsearch.contracts.dataset import cache_folder, data_folder
from hpsearch.contracts.errors import TaskError
from hpsearch.system import doctor
from tests.tools.commands import cli
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end


@pytest.fixture
def homeless(monkeypatch):
    """As a user whom the system gives no home folder: in a container, or on a cluster's node."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HPSEARCH_DATA", "HPSEARCH_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)


@pytest.mark.skipif(platform.system() != "Linux", reason="as Linux names such folders")
@pytest.mark.usefixtures("homeless")
class TestWithoutAHome:
    @pytest.mark.parametrize("find", [data_folder, cache_folder])
    def test_the_variable_that_helps_is_named(self, find):
        variable = "HPSEARCH_DATA" if find is data_folder else "HPSEARCH_CACHE"
        with pytest.raises(TaskError, match=f"this user has no home folder: let {variable} name a folder, or HOME"):
            find()

    def test_commands_say_so(self):
        done = cli("data", "where", "fsdd", HPSEARCH_DATA="")
        assert (done.returncode, done.stdout) == (4, "")
        assert done.stderr.startswith("hpsearch: this user has no home folder: let HPSEARCH_DATA name")

    def test_doctor_goes_on(self):
        found = doctor.own_folder("cache folder", cache_folder, ("wrong", "features cannot be kept"), "far away")
        assert (found.verdict, found.value) == ("wrong", "not found")
        assert "let HPSEARCH_CACHE name a folder" in found.remark


class TestStudyFiles:
    def test_a_mark_at_the_beginning_does_not_matter(self, own_study):
        study = own_study()
        study.write_bytes(b"\xef\xbb\xbf" + study.read_bytes())
        assert run_to_end(study).is_file()

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
    def test_another_encoding_is_named(self, own_study, encoding):
        study = own_study()
        study.write_text(study.read_text() + "# für alle\n", encoding=encoding)
        done = cli("run", study)
        assert (done.returncode, done.stderr) == (2, f"hpsearch: {study}: is no text in UTF-8; save it as such\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A comparison whose study file lies in a folder with a name that is no text, and its database."""
    folder = tmp_path_factory.mktemp("names")
    odd = folder / os.fsdecode(b"bad\xff")
    odd.mkdir()
    (odd / "task_of_names.py").write_text(OWN_TASK)
    (odd / "own.toml").write_text(OWN_STUDY.format(module="task_of_names"))
    done = cli("run", odd / "own.toml", "-q", "--executor", "inline", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    shutil.copy(folder / "own.db", folder / f"{odd.name}.db")
    return folder


class TestNames:
    def test_a_study_file_in_a_folder_whose_name_is_no_text_is_remembered(self, folder):
        assert cli("status", "own.db", cwd=folder).stdout.splitlines()[-1].startswith("finished ")
        assert cli("check", "own.db", cwd=folder).returncode == 0

    def test_two_files_are_told_apart_by_names_that_are_no_text(self, folder):
        done = cli("compare", "bad\udcff.db", "own.db", "--force", "--to", "both", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert r"wide (bad\\udcff)" in (folder / "both" / "README.md").read_text()

    @pytest.mark.parametrize(
        "words",
        [
            ["status", "LONG"],
            ["report", "own.db", "--to", "LONG"],
            ["export", "own.db", "--to", "csv", "--out", "LONG"],
            ["run", "LONG"],
        ],
        ids=" ".join,
    )
    def test_a_name_that_is_too_long_for_the_system(self, folder, words):
        long = "x" * 300
        done = cli(*[long if word == "LONG" else word for word in words], cwd=folder)
        assert done.returncode == 3
        assert re.fullmatch(rf"hpsearch: {long}: cannot be read or written: File name too long\n", done.stderr)
