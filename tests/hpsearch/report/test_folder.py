"""Where a report may be written: into a new or empty folder or an earlier report's, over nobody else's files."""

import re
from pathlib import Path

import pytest

import hpsearch
from hpsearch.contracts.errors import DatabaseError, FileError
from hpsearch.report import check_folder, facts, write_report
from hpsearch.report.folder import write_sections
from tests.tools.commands import cli
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, run_to_end

REPORTS = Path(hpsearch.__file__).parents[1] / "reports"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    (folder / "folder_task.py").write_text(OWN_TASK)
    (folder / "own.toml").write_text(OWN_STUDY.format(module="folder_task"))
    return run_to_end(folder / "own.toml")


@pytest.mark.parametrize("folder", sorted(path.parent for path in REPORTS.glob("*/trials.csv")), ids=lambda p: p.name)
def test_a_published_report_may_be_written_anew(folder):
    check_folder(folder)


def test_a_folder_that_is_new_or_empty_is_fine(tmp_path):
    check_folder(tmp_path / "new" / "folder")
    (tmp_path / "discussion.md").write_text("What I expect.")
    (tmp_path / ".DS_Store").touch()
    check_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "# My project\n\n| report | mine |\n"),
        ("trials.csv", "method,repeat,trial,objective\n"),
        ("index.html", "<title>my home</title>"),
        ("notes.txt", ""),
    ],
)
def test_nobody_elses_file_is_written_over(file, tmp_path, name, text):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text(text)
    with pytest.raises(
        FileError, match=rf"mine: is neither empty nor an earlier report's, for it has {re.escape(name)}"
    ):
        write_report(file, folder)
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(name, text)]


def test_a_confirmation_is_refused_before_it_trains(file, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("# My project\n")
    done = cli("confirm", file, "--to", tmp_path / "mine", "--trust", "--executor", "inline")
    assert (done.returncode, "neither empty nor an earlier report's" in done.stderr) == (3, True)
    assert not file.with_name("run-confirm.db").exists()


def test_a_report_that_was_interrupted_is_written_anew(own_study, tmp_path, monkeypatch):
    study = own_study()
    with going_on(study):
        pass
    folder = tmp_path / "report"
    with pytest.raises(DatabaseError, match="is finished yet; report again later"):
        write_report(study.with_name("run.db"), folder)
    assert "This report was not written to its end." in (folder / "README.md").read_text()
    (folder / "curves.csv").touch()  # so far it had come
    check_folder(folder)


def test_a_page_is_whole_or_not_there(tmp_path):
    def broken():
        yield "one"
        raise KeyboardInterrupt

    page = tmp_path / "README.md"
    write_sections(["old"], page)
    with pytest.raises(KeyboardInterrupt):
        write_sections(broken(), page)
    assert page.read_text() == "old\n"
    write_sections(["a name that is no text: \udcff"], page)
    assert page.read_text() == "a name that is no text: \\udcff\n"
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_discussion_is_text_in_utf_8(tmp_path):
    (tmp_path / "discussion.md").write_bytes(b"\xef\xbb\xbf\xc3\xbcber\r\n")
    assert facts.discussion(tmp_path) == ["über"]
    (tmp_path / "discussion.md").write_bytes("über".encode("latin-1"))
    with pytest.raises(FileError, match=r"discussion\.md: is no text in UTF-8; save it as such"):
        facts.discussion(tmp_path)


@pytest.mark.parametrize("words", [["report", "--to"], ["export", "--to", "csv", "--out"]])
@pytest.mark.parametrize("place", ["/proc/hpsearch-made", "text.txt/inner"])
def test_where_nothing_can_be_written_is_said(file, words, place, tmp_path):
    (tmp_path / "text.txt").touch()
    command, *options = words
    done = cli(command, file, *options, place, cwd=tmp_path)
    assert done.returncode == 3
    assert re.fullmatch(rf"hpsearch: {place}: cannot be (read or )?written: [A-Z][a-z ]+\n", done.stderr)
