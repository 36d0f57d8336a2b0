"""The interactive page and the live one, in a real browser."""

import json
import os
import re
import shutil
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from hpsearch.report import compute_curves, write_report
from hpsearch.report import html as page_html
from hpsearch.report.watch import Watched, open_server
from hpsearch.store.tables import load_tables
from tests.tools.editing import edited
from tests.tools.studies import going_on, recorded, run_to_end
from tests.tools.waiting import PATIENCE

expect.set_options(timeout=1000 * PATIENCE)

TASK = """
from hpsearch import FunctionTask, Objective, Result


def objective(configuration, seed):
    x, depth = configuration["x"], configuration.get("depth", 1)
    if x > 9.5:
        return Result(None, outcome="diverged", reason="<img src=x onerror=alert(2)> too large")
    value = 1 - abs(x - 3) / 10 - 0.01 * depth + (seed % 97) / 9700
    return Result(value, {"test_score": value - 0.02}, {"score": [value / 2, value]})


TASK = FunctionTask(objective, Objective("score", chance=0.0))
"""
HOSTILE = "<script>alert(1)</script>"
STUDY = f"""
name = "page"
description = "</script><script>alert(3)</script> & more"
trials = 8
repeats = 5
seed = 7
task = "{{module}}"
searcher = "random"

[methods.wide]
space = {{{{ x = [0.0, 10.0], depth = [1, 4] }}}}

[methods.near]
space = {{{{ x = [2.0, 4.0] }}}}

[methods."{HOSTILE}"]
space = {{{{ x = [5.0, 9.0], kind = {{{{ choices = ["a", "b"] }}}} }}}}
"""


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium here: .ci/run installs it")
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "page_task.py").write_text(TASK)
    (folder / "page.toml").write_text(STUDY.format(module="page_task"))
    return run_to_end(folder / "page.toml")


@pytest.fixture(scope="module")
def html(file):
    (file.parent / "report").mkdir()
    (file.parent / "report" / "discussion.md").write_text(
        "**Bold** <img src=x onerror=alert(4)> [a](javascript:alert(5))\n\n| n |\n| --- |\n| 7 |\n"
    )
    write_report(file, file.parent / "report")
    return file.parent / "report" / "index.html"


@contextmanager
def opened(browser, address, **context):
    """A page of which nothing may be complained of, and that may ask for nothing but itself."""
    context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **context})
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    wrong, asked = [], []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    context.close()
    assert wrong == []
    assert {url for url in asked if not url.startswith(address) and not url.startswith("data:")} == set()


@pytest.fixture
def page(browser, html):
    with opened(browser, f"file://{html}") as page:
        yield page


def rows(page):
    return page.locator("#trials tbody tr")


def cells(page, column):
    """Texts of one column of the table of trials."""
    heads = [re.sub(r" [▲▼]$", "", text) for text in page.locator("#trials th").all_inner_texts()]
    return [row.locator("td").nth(heads.index(column)).inner_text() for row in rows(page).all()]


def test_it_says_the_verdict_first_and_names_stay_text(page):
    first = page.locator("main > section").first
    assert first.get_attribute("id") == "verdict"
    assert "After 8 trials near has a mean best score of" in first.inner_text()
    assert page.locator("#description").inner_text() == "</script><script>alert(3)</script> & more"
    assert HOSTILE in page.locator(".legend").inner_text()
    assert page.locator("img").count() == 0


def test_hovering_tells_the_averages_at_a_trial(page, file):
    chart = page.locator("#curves svg.chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.locator("#studies").uncheck()  # so that no thin line is nearer
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    tip = page.locator("#tip").inner_text()
    trial = int(re.match(r"trial (\d), mean", tip)[1])
    mean = float(f"{compute_curves(load_tables(file)).methods['near'].mean.estimate[trial - 1]:.6g}")  # as it is there
    assert f"near: {float(f'{mean:.4g}'):g} (" in tip
    assert "n = 5" in tip
    page.mouse.move(2, 2)
    assert page.locator("#tip").is_hidden()


def test_the_statistic_can_be_switched_and_methods_hidden(page):
    line = page.locator("#curves path.line").nth(1)
    mean = line.get_attribute("d")
    page.get_by_label("average").select_option("median")
    assert line.get_attribute("d") != mean
    assert page.locator("#curves path.line").count() == 3
    page.get_by_role("button", name="near").hover()
    assert page.locator("#curves path.line.dim").count() == 2
    assert page.locator("#curves path.line.lit").count() == 1
    page.get_by_role("button", name="wide").click()
    assert page.locator("#curves path.line").count() == 2
    assert page.get_by_role("button", name="wide").get_attribute("aria-pressed") == "false"


def test_a_study_can_be_picked_with_the_mouse_and_with_the_keyboard(page):
    page.locator("#curves svg.chart").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    assert "Picked: wide, study 2" in page.locator("#picked").inner_text()
    assert page.locator("#curves .picked").count() == 1
    assert rows(page).count() == 8
    assert set(cells(page, "study")) == {"2"}
    page.keyboard.press("Escape")
    assert "only study" not in page.locator("#count").inner_text()
    thin = page.locator("#curves path.study").nth(7)  # near, study 3
    start = [float(number) for number in re.findall(r"[\d.]+", thin.get_attribute("d"))[:2]]
    box = page.locator("#curves svg.chart").bounding_box()
    page.mouse.click(box["x"] + start[0], box["y"] + start[1])
    assert re.search(r"Picked: near, study \d", page.locator("#picked").inner_text())


def test_a_discussion_is_shown_and_tags_in_it_stay_text(page):
    section = page.locator("#discussion")
    assert section.locator("strong").inner_text() == "Bold"
    assert "<img src=x onerror=alert(4)>" in section.inner_text()
    assert section.locator("img, a").count() == 0
    assert section.locator("td").inner_text() == "7"


@pytest.mark.parametrize(
    ("section", "said"),
    [("target", "wide: "), ("extra", " more"), ("wins", " is ahead with probability ")],
)
def test_what_the_pointer_is_at_is_told_and_stands_in_a_table(page, section, said):
    box = page.locator(f"#{section} .drawing svg").bounding_box()
    page.mouse.move(0, 0)
    page.locator(f"#{section} .drawing svg").scroll_into_view_if_needed()
    page.locator(f"#{section} .drawing svg").hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(page.locator("#tip")).to_contain_text(said)
    assert page.locator(f"#{section} .tables tbody tr").count() > 1


def test_what_is_printed_is_dark_on_white(page):
    page.locator("#theme").select_option("dark")
    page.emulate_media(media="print")
    text = page.locator("#curves svg text").first
    assert text.evaluate("node => getComputedStyle(node).fill") == "rgb(92, 96, 102)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_targets_and_units_can_be_switched(page, file):
    before = page.locator("#target path.line").nth(0).get_attribute("d")
    page.locator("#target select").first.select_option("0")
    assert page.locator("#target path.line").nth(0).get_attribute("d") != before
    assert "at least as good as 50% of all results" in page.locator("#target .tables").inner_text()
    assert page.locator("#target select").nth(1).locator("option").all_inner_texts() == ["trials", "epochs", "seconds"]
    page.locator("#target select").nth(1).select_option("epochs")
    assert "median epochs" in page.locator("#target .tables").inner_text()
    assert page.locator("#range tbody tr").count() == 11


def test_who_is_ahead_is_told_at_each_trial(page, file):
    wins = page.locator("#wins")
    assert wins.locator("svg circle").count() == 8
    curves = compute_curves(load_tables(file)).methods
    near, wide = (curves[label].incumbents[:, 0] for label in ("near", "wide"))
    by_hand = np.mean([(a > b) + 0.5 * (a == b) for a in near for b in wide])
    assert f"trial 1: {float(f'{by_hand:.4g}'):g} (" in wins.locator("svg circle title").first.text_content()
    wins.locator("select").select_option(label=f"near is ahead of {HOSTILE}")
    assert wins.locator("svg circle").count() == 8


def test_the_table_sorts_filters_and_turns_its_pages(page, file):
    trials = load_tables(file).trials
    assert "120 trials, page 1 of 5" in page.locator("#count").inner_text()
    shown = [float(text) for text in cells(page, "score")]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == pytest.approx(trials["objective"].max(), rel=1e-3)
    page.locator("#trials th button", has_text="score").first.click()
    assert page.locator("#trials th[aria-sort='ascending']").inner_text() == "score ▲"
    assert float(cells(page, "score")[0]) == pytest.approx(trials["objective"].min(), rel=1e-3)
    page.locator("#filter").fill("score>0.9 near")
    expected = trials[(trials["objective"] > 0.9) & (trials["method"] == "near")]
    assert f"{len(expected)} trials" in page.locator("#count").inner_text()
    page.locator("#filter").fill("")
    page.locator("#trials").get_by_label("state").select_option(label="diverged")
    assert set(cells(page, "reason")) == {"<img src=x onerror=alert(2)> too large"}
    page.locator("#trials").get_by_label("state").select_option(label="all")
    page.locator("#on").click()
    assert "page 2 of 5" in page.locator("#count").inner_text()


def test_the_space_of_each_method_is_drawn(page):
    space = page.locator("#space")
    assert space.locator(".panels figure").count() == 2
    assert "depth" in space.locator(".tables").inner_text()
    space.get_by_label("method").select_option(label=HOSTILE)
    assert "choice" in space.locator(".tables").inner_text()
    assert space.locator(".drawing path").count() == 40


def test_light_dark_narrow_and_on_paper(browser, html):
    with opened(browser, f"file://{html}", color_scheme="dark", viewport={"width": 360, "height": 700}) as page:
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_label("colours").select_option("light")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.emulate_media(media="print")
        assert page.locator("#trials .controls").is_hidden()
        assert len(page.pdf()) > 10_000


def test_long_names_leave_the_page_its_width(browser, html):
    data = json.loads(re.search(r'id="data">(.*?)</script>', html.read_text(), re.S)[1])
    text = json.dumps(data).replace('"near"', json.dumps("n" * 200)).replace("near ", "n" * 200 + " ")
    data = json.loads(text.replace('"depth"', json.dumps("d" * 200)))
    data["objective"]["name"] = "o" * 200
    long = html.with_name("long.html")
    page_html.write_html(data, long)
    with opened(browser, f"file://{long}", viewport={"width": 360, "height": 700}) as page:
        assert page.locator("#verdict").inner_text().count("n" * 200) > 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_it_contains_all_it_shows_and_nothing_of_others(html, file):
    text = html.read_text()
    assert "://" not in re.sub(r"http://www\.w3\.org/2000/svg", "", text)
    assert len(text) < 300_000
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    near = next(method for method in data["methods"] if method["label"] == "near")
    curves = compute_curves(load_tables(file)).methods["near"]
    assert np.allclose(near["incumbents"], curves.incumbents, rtol=1e-5)


class TestScript:
    """The page's modules, joined into one script."""

    @pytest.fixture
    def modules(self, tmp_path, monkeypatch):
        """Write modules of one's own in the place of the page's."""
        monkeypatch.setattr(page_html, "PARTS", tmp_path)
        return lambda **texts: [(tmp_path / f"{name}.js").write_text(text) for name, text in texts.items()]

    @pytest.fixture
    def evaluate(self, browser):
        """The value of an expression that sees what a module defines."""
        with opened(browser, "about:blank") as page:
            yield lambda module, value: page.evaluate(f"() => {{ {page_html.join(module)}\nreturn {value}; }}")

    def test_it_parses_and_each_module_comes_after_those_it_imports(self, browser):
        script = page_html.join("main.js")
        with opened(browser, "about:blank") as page:
            page.evaluate("script => { new Function(script); }", script)
        assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
        start = {}
        for path in page_html.PARTS.glob("*.js"):
            start[path.name] = script.index(path.read_text().split("\n")[0])  # every module begins with its purpose
            assert len(path.read_text().splitlines()) < 200
        for path in page_html.PARTS.glob("*.js"):
            assert all(start[needed] < start[path.name] for needed in page_html.IMPORT.findall(path.read_text()))
        assert max(start, key=start.get) == "main.js"

    def test_what_is_imported_is_exported_there(self):
        for path in page_html.PARTS.glob("*.js"):
            for names, module in re.findall(r'^import \{ (.*) \} from "\./(.*)";$', path.read_text(), re.MULTILINE):
                exported = re.findall(r"^export .*?(?:function|const|let) (\w+)", _text(module), re.MULTILINE)
                assert set(names.split(", ")) <= set(exported), (path.name, module)

    def test_the_order_follows_the_imports(self, modules):
        modules(
            main='import { a, b } from "./a.js";\nimport { c } from "./c.js";\nrun(a, b, c);\n',
            a='import { c } from "./c.js";\nexport const a = c;\nexport async function b() {}\n',
            c="export let c = 1;\n",
        )
        lines = [line for line in page_html.join("main.js").split("\n") if line]
        assert lines == ["let c = 1;", "const a = c;", "async function b() {}", "run(a, b, c);"]

    def test_a_name_that_two_modules_define_is_refused(self, modules):
        modules(main='import { a } from "./a.js";\nfunction b() {}\n', a="export const a = 1;\nconst b = 2;\n")
        with pytest.raises(ValueError, match=r"a\.js and main\.js both define b"):
            page_html.join("main.js")

    @pytest.mark.parametrize(
        "wrong", ['import { a as b } from "./a.js";', 'import "./a.js";', "export default 1;", "export { a };"]
    )
    def test_an_import_or_export_that_cannot_be_taken_out_is_refused(self, modules, wrong):
        modules(main=f"const a = 1;\n{wrong}\n", a="export const a = 1;\n")
        with pytest.raises(ValueError, match=r"main\.js: write `import"):
            page_html.join("main.js")

    def test_modules_that_import_each_other_are_refused(self, modules):
        modules(
            main='import { a } from "./a.js";\nexport const b = a;\n',
            a='import { b } from "./main.js";\nexport const a = b;\n',
        )
        with pytest.raises(ValueError, match="cycle"):
            page_html.join("main.js")

    def test_ticks_are_round_and_lie_within_the_axis(self, evaluate):
        assert evaluate("scales.js", "ticks(0, 1, false, 6)") == [0, 0.2, 0.4, 0.6, 0.8, 1]
        assert evaluate("scales.js", "ticks(1e-4, 10, true, 3)") == [1e-4, 1e-2, 1]
        assert evaluate("scales.js", "[1, 10, 100].map(scale(1, 100, 0, 50, true))") == [0, 25, 50]

    def test_a_filter_is_words_and_comparisons(self, evaluate):
        fit = "(text) => parseFilter(text).every((token) => fits(token, () => 'near complete', (name) => row[name]))"
        found = f"(() => {{ const row = {{ score: 0.9, kind: 'A', seconds: null }}; return texts.map({fit}); }})()"
        for text, expected in {
            "near": True, "NEAR score>0.5": True, "score>=0.9": True, "score<0.9": False, "kind=a": True,
            "seconds<9": False, "absent=1": False, "wide": False, "": True,
        }.items():  # fmt: skip
            assert evaluate("filter.js", found.replace("texts", json.dumps([text]))) == [expected], text

    def test_what_is_missing_is_sorted_last_either_way(self, evaluate):
        for down, expected in (("false", [1, 2, None]), ("true", [2, 1, None])):
            assert evaluate("filter.js", f"sortRows([2, null, 1], (row) => row, {down})") == expected


def _text(module):
    return (page_html.PARTS / module).read_text()


class TestWatch:
    @pytest.fixture
    def growing(self, tmp_path):
        """A study file whose run can be stopped and gone on with."""
        (tmp_path / "grow_task.py").write_text(TASK)
        (tmp_path / "grow.toml").write_text(edited(STUDY.format(module="grow_task"), 'name = "page"', 'name = "grow"'))
        return tmp_path / "grow.toml"

    @staticmethod
    def grow(study, most):
        """Run until so many transactions are recorded, or to the end."""
        with going_on(study, "grow.db") as records:
            for number, _ in enumerate(records, 1):
                if number == most:
                    break
        return study.parent / "grow.db"

    @contextmanager
    def served(self, file):
        server = open_server(file, 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", server
        server.shutdown()
        server.server_close()

    def test_the_page_waits_follows_a_run_and_keeps_what_was_chosen(self, browser, growing):
        file = growing.parent / "grow.db"
        with going_on(growing, file.name):
            pass
        with self.served(file) as (address, _), opened(browser, address) as page:
            expect(page.locator("#description")).to_contain_text("no trial of wide is finished yet")
            self.grow(growing, 1)
            expect(page.locator("#live")).to_contain_text("stopped: 1 of 120 trials")
            expect(page.locator("body")).to_contain_text(f"no trial of near, {HOSTILE} is finished")
            self.grow(growing, 45)  # a run that was stopped, and is gone on with
            before = sum(recorded(file, state) for state in ("complete", "diverged", "failed"))
            assert 15 <= before < 120
            expect(page.locator("#live")).to_contain_text(f"stopped: {before} of 120 trials")
            page.get_by_label("average").select_option("median")
            page.locator("#filter").fill("near")
            page.evaluate("window.same = true")
            self.grow(growing, 10_000)
            expect(page.locator("#live")).to_contain_text("finished: 120 of 120 trials")
            assert page.evaluate("window.same")  # never loaded anew
            assert page.get_by_label("average").input_value() == "median"
            assert page.locator("#filter").input_value() == "near"
            expect(page.locator("#count")).to_contain_text("40 trials")  # the data come when they are due

    def test_it_answers_this_machine_alone_and_only_what_there_is(self, file):
        import requests

        with self.served(file) as (address, server):
            assert server.server_address[0] == "127.0.0.1"
            assert requests.get(address, headers={"Host": "evil.example:80"}, timeout=PATIENCE).status_code == 403
            assert requests.get(address + "../pyproject.toml", timeout=PATIENCE).status_code == 404
            assert requests.post(address, timeout=PATIENCE).status_code == 501
            first = requests.get(address + "data.json", timeout=PATIENCE)
            again = requests.get(
                address + "data.json", headers={"If-None-Match": first.headers["ETag"]}, timeout=PATIENCE
            )
            assert (first.status_code, again.status_code, again.content) == (200, 304, b"")

    def test_nothing_is_computed_again_before_it_is_due(self, file):
        times = iter([0.0, 0.0, 1.0, 1.0, 5.0, 20.0, 20.0, 21.0, 21.0])
        now = [0.0]

        def clock():
            now[0] = next(times, now[0])
            return now[0]

        watched = Watched(file, clock)
        first = watched.data()
        assert first["finished"] == 120
        os.utime(file)
        assert watched.data() is first  # changed, but not due
        assert watched.data() is not first

    def test_it_keeps_what_it_had_when_the_file_goes_away(self, file, tmp_path):
        copy = tmp_path / "copy.db"
        shutil.copy(file, copy)
        watched = Watched(copy)
        had = watched.data()
        copy.unlink()
        watched._next = 0.0
        assert watched.data() == had

    def test_a_port_that_is_taken_is_named(self, file):
        from hpsearch.contracts.errors import UsageError

        with self.served(file) as (_, server):
            port = server.server_address[1]
            with pytest.raises(UsageError, match=f"port {port} cannot be used"):
                open_server(file, port)
