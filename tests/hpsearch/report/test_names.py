"""Names of methods, metrics and hyperparameters are text on pages, in tables, in figures and in names of files."""

import re
import warnings
from urllib.parse import quote

import pytest
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager

from hpsearch.export.studies import file_name
from hpsearch.report import write_report
from hpsearch.report.fonts import _families, give_fonts
from hpsearch.report.markdown import plain, table
from hpsearch.report.style import save, told_apart, verbatim
from tests.tools.studies import run_to_end

NAMES = [
    "P(a|b)", "[ours] a", "* b",
    "_a_", "a_b", "**a**", "`a`", "~~a~~", "$x$", "a\\", "<b>", "&lt;", "&#42;", "# a", "- a",
    "+ a", "1. a", "2) a", "> a", "[a](b)", "![a](b)", "a  b", "-0.5", "1.5", "方法", "😀",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_markdown_is_text(name):
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    said = markdown.render(plain(name))
    assert re.fullmatch(r"<p>[^<]*</p>", said.strip())
    cells = re.findall("<t[hd]>(.*?)</t[hd]>", markdown.render(table([[plain(name), "b"], [plain(name), "d"]])))
    assert cells == [said.strip()[3:-4], "b", said.strip()[3:-4], "d"]
    shown = said.strip()[3:-4].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert shown == " ".join(name.split())


def test_a_formula_is_none_on_github():
    assert plain("$x$") == r"\$x\$"


def test_a_name_in_a_figure_is_text_on_one_line():
    assert verbatim("_a $b$\n c") == r" _a \$b\$ c"
    assert verbatim("a\x1b[31mb\x00") == "a\ufffd[31mb\ufffd"
    assert verbatim(" \n") == "(blank)"
    assert verbatim("a" * 39 + "b") == "a" * 39 + "b"
    assert verbatim("a" * 100 + "b" * 100) == "a" * 26 + "…" + "b" * 13
    assert told_apart(["a", "b" * 50 + "x" + "b" * 50, "b" * 50 + "y" + "b" * 50]) == {
        "a": "a", "b" * 50 + "x" + "b" * 50: "b" * 26 + "…" + "b" * 13,
        "b" * 50 + "y" + "b" * 50: "b" * 26 + "…" + "b" * 13 + " (2)",
    }  # fmt: skip


def drawn(text):
    figure = Figure(figsize=(2, 1))
    return figure, figure.text(0.5, 0.5, text)


@pytest.fixture
def fonts(monkeypatch):
    """Have matplotlib know only fonts of these families, all of which it brings, and a file that is no font."""
    installed = list(fontManager.ttflist)

    def only(*names):
        broken = FontEntry(fname=__file__, name="AAA broken")
        known = [font for font in installed if font.name in ("DejaVu Sans", "Last Resort High-Efficiency", *names)]
        monkeypatch.setattr(fontManager, "ttflist", [broken, *known])
        _families.cache_clear()

    yield only
    _families.cache_clear()


def test_letters_come_from_whatever_font_has_them(fonts):
    fonts("STIXGeneral")
    plain_figure, latin = drawn("abc")
    assert give_fonts(plain_figure) == ""
    families = latin.get_fontfamily()
    figure, text = drawn("a ℊ")
    assert give_fonts(figure) == ""
    assert text.get_fontfamily() == [*families, "STIXGeneral"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(figure, [])
    fonts()
    figure, _ = drawn("方法 😀a")
    with pytest.warns(UserWarning, match="no font here has 方 法, which figures show as boxes; install") as said:
        save(figure, [])
    assert len(said) == 1


TASK = """
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    x = next(iter(configuration.values()))
    return Result(x, {"test|" + "m" * 200: 2 * x}, curves={"c" * 200: [1.0, x]})


TASK = FunctionTask(objective, Objective("o" * 200 + "|p", chance=1.0, direction="minimise", unit="u" * 200))
"""
STUDY = """
name = "names"
trials = 2
repeats = 2
seed = 1
task = "{module}"
searcher = SEARCHER
"""
METHODS = """
[methods."{name}{number}"]
space."x|{name}" = {{{{ choices = ["{name}1", "{name}2"] }}}}
"""


@pytest.mark.parametrize(("searcher", "methods"), [('"sobol"', 2), ('"sobol"', 6), ('"grid"', 2)])
def test_long_names_leave_figures_their_room_and_tables_their_columns(own_study, tmp_path, searcher, methods):
    study = STUDY.replace("SEARCHER", searcher)
    study += "".join(METHODS.format(name="| [$] " + "n" * 200, number=i) for i in range(methods))
    task = TASK.replace("x = next(iter(configuration.values()))", "x = float(next(iter(configuration.values()))[-1])")
    file = run_to_end(own_study(task, study))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as of a layout that has no room
        write_report(file, tmp_path / "report")
    page = MarkdownIt("commonmark").enable("table").render((tmp_path / "report" / "README.md").read_text())
    tables = re.findall("<table>.*?</table>", page, re.DOTALL)
    assert len(tables) > 2
    for found in tables:
        assert len({row.count("<td>") + row.count("<th>") for row in re.findall("<tr>.*?</tr>", found, re.DOTALL)}) == 1


def test_a_long_label_makes_a_file_name_that_a_disk_takes():
    names = [file_name("长" * 200 + end) for end in "ab"]
    assert all(len(f"{name}-100000.json") <= 255 for name in names)
    assert len(set(names)) == 2
    assert file_name("rate/only") == quote("rate/only", safe="")
