"""The interactive page and the live one, in a real browser."""

import json
import os
import re
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from hpsearch.report import ReportContext, compute_curves
from hpsearch.report import html as page_html
from hpsearch.report.markdown import plain
from hpsearch.report.search.document import document
from hpsearch.report.search.findings import compute_findings
from hpsearch.report.search.headline import headline
from hpsearch.report.search.values import FRESH, RECORDED, Incumbents, Measured
from hpsearch.report.watch import Watched, open_server
from hpsearch.store.tables import load_tables
from tests.hpsearch.report.test_verdict import FAST, SLOW, studies, tables
from tests.tools.editing import edited
from tests.tools.pages import HOSTILE, STUDY, TASK, opened
from tests.tools.studies import going_on, recorded
from tests.tools.waiting import PATIENCE


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


def unfold(page, section):
    """Open every table of a section."""
    page.evaluate(f"document.querySelectorAll('#{section} details').forEach((node) => (node.open = true))")


def test_it_says_the_finding_first_and_names_stay_text(page, file):
    context = ReportContext.of_file(file, load_tables(file))
    first = headline(compute_findings(context.tables), context)
    section = page.locator("main > section").first
    assert section.get_attribute("id") == "overview"
    assert section.get_by_role("heading", level=2).inner_text() == first.sentence
    assert first.sentence.startswith(
        "near and wide, the best two of 3 methods, are not told apart after 8 trials: near ends "
    )
    said = section.inner_text()
    limits = [limit.brief for limit in first.limits]
    for text in (first.caution.sentence, *limits, *first.facts, *(tile.value for tile in first.tiles)):
        assert text in said
    assert page.locator("#tiles .tile").count() == 3
    assert page.locator("#description").inner_text() == "</script><script>alert(3)</script> & more"
    assert HOSTILE in page.locator(".legend").inner_text()
    assert page.locator("img").count() == 0


def test_readme_begins_with_the_same_words(page, html):
    sentence = page.locator("#h-overview").inner_text()
    assert f"**{plain(sentence)}**" in html.with_name("README.md").read_text()[:1500]


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768), (390, 844)])
def test_the_first_screen_holds_the_finding_and_on_a_wide_one_both_charts(browser, html, width, height):
    with opened(browser, f"file://{html}", viewport={"width": width, "height": height}) as page:
        order = ["#facts", "#h-overview", "#caution", "#tiles", "#curves svg.chart", "#soon svg.chart", "#cautions"]
        boxes = [page.locator(place).bounding_box() for place in order]
        if width < 900:  # in this order on a phone
            tops = [box["y"] for box in boxes]
            assert tops == sorted(tops)
        else:
            assert [box["y"] for box in boxes[:5]] == sorted(box["y"] for box in boxes[:5])
        if height == 900:
            assert max(box["y"] + box["height"] for box in boxes) <= height
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_limits_the_finding_stands_apart_and_leads_to_all_of_it(page):
    items = page.locator("#cautions li")
    assert items.count() > 1
    items.get_by_role("link", name="Worse on test data: ").click()
    assert page.locator("#chosen").bounding_box()["y"] < 100
    assert page.locator("#chosen table").first.is_visible()


def test_how_far_a_tile_can_be_trusted_is_told_on_request(page):
    assert "simulated" not in page.locator("#tiles").inner_text()
    button = page.locator("#tiles button").first
    button.focus()
    assert "nominal 95%, simulated" in page.locator("#tip").inner_text()
    assert "nominal 95%, simulated" in button.get_attribute("aria-label")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.locator("#tip").is_hidden()


def test_a_phone_has_the_finding_and_a_chart_first_and_a_list_that_opens(browser, html):
    with opened(browser, f"file://{html}", viewport={"width": 390, "height": 844}) as page:
        chart = page.locator("#first svg.chart").first.bounding_box()
        assert chart["y"] + chart["height"] / 2 < 844  # most of it; names here are longer than a method's
        assert page.locator("#caution .whole").is_hidden()
        assert page.locator("#caution .brief").is_visible()
        button = page.locator("#sections")
        assert button.inner_text().endswith("Overview")
        assert page.locator("#places").is_hidden()
        button.click()
        page.get_by_role("link", name="Search spaces").click()
        assert page.locator("#places").is_hidden()
        assert button.inner_text().endswith("Search spaces")
        scrolled = (
            "[...document.querySelectorAll('main *, nav *, header *')].filter((node) => "
            "node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflowX !== 'visible' "
            "&& !node.closest('svg, .scroll, pre, select')).map((node) => node.outerHTML.slice(0, 100))"
        )
        assert page.evaluate(scrolled) == []


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The page of six methods, and what it was made from."""
    named = {f"method-{k}": studies(k, n=6, trials=12, shift=-0.05 * k) for k in range(6)}
    return written(compute_findings(tables(named)), tmp_path_factory.mktemp("many"))


@pytest.fixture(scope="module")
def truer(tmp_path_factory):
    """The page of two methods of which fresh seeds say the opposite of what was recorded."""
    found = compute_findings(tables({"lucky": FAST, "steady": SLOW}))
    recorded = found.incumbents.values[RECORDED]
    fresh = {"lucky": recorded.methods["steady"], "steady": recorded.methods["lucky"]}
    values = {RECORDED: recorded, FRESH: Measured(FRESH, "score", True, fresh)}
    return written(replace(found, incumbents=Incumbents(values, {}, {})), tmp_path_factory.mktemp("truer"))


def written(found, folder):
    page_html.write_html(document(found, ReportContext(found.tables, (Path("n.db"),))), folder / "index.html")
    return folder / "index.html"


def test_of_many_methods_those_that_the_headline_names_are_in_colour(browser, many):
    data = json.loads(re.search(r'id="data">(.*?)</script>', many.read_text(), re.S)[1])
    labels = [method["label"] for method in data["methods"]]
    named = sorted(labels.index(data["headline"][which]) for which in ("best", "other"))
    with opened(browser, f"file://{many}", viewport={"width": 1440, "height": 900}) as page:
        lit = page.locator("#curves path.line:not(.grey)")
        assert sorted(int(line.get_attribute("data-m")) for line in lit.all()) == named
        assert page.locator("#curves path.line").count() == 6
        assert page.locator("#soon h3").inner_text() == "Trials to a target, soonest first"
        assert page.locator("#soon svg text", has_text=re.compile("^10$")).count() == 2  # above the rows and below
        box = page.locator("#soon svg.chart").bounding_box()
        assert box["y"] + box["height"] < 900
        assert box["x"] < page.locator("#curves svg.chart").bounding_box()["x"]
        page.locator("#curves summary", has_text="Methods in colour").click()
        page.get_by_role("button", name=labels[-1], exact=True).click()
        assert lit.count() == 3


def test_each_figure_says_of_which_values_it_is(browser, truer, html):
    with opened(browser, f"file://{truer}") as page:
        assert page.locator("#curves h3").inner_text() == "Best so far: fresh seeds"
        assert page.locator("#curves svg text", has_text="score, fresh seeds").count() == 1
        page.get_by_label("average").select_option("mean")
        assert page.locator("#curves h3").inner_text() == "Best so far: recorded values"
        assert page.locator("#soon h3").inner_text() == "Trials to a target (recorded), soonest first"
        for section in ("target", "range", "extra", "wins", "chosen"):
            note = page.locator(f"#{section} .note").first
            assert note.inner_text() == "By recorded values; the headline goes by fresh seeds."
    with opened(browser, f"file://{html}") as page:
        assert "the headline goes by" not in page.locator("main").inner_text()


def test_the_level_and_the_trial_that_meets_it_are_drawn_in(page, file):
    context = ReportContext.of_file(file, load_tables(file))
    first = headline(compute_findings(context.tables), context)
    assert first.trial is not None
    assert page.locator("#curves .met").count() == 1
    assert f"after trial {first.trial}" in page.locator("#curves .met title").text_content()
    assert page.locator("#curves text.said").text_content() == f"trial {first.trial}"
    page.get_by_label("average").select_option("median")  # the level is a mean
    assert page.locator("#curves .met").count() == 0


def test_the_target_slides_and_what_is_not_reached_lies_in_the_gutter(page, file):
    found = compute_findings(load_tables(file))
    reached = [[s.median < np.inf for s in target.units["trials"].survival.values()] for target in found.targets]
    some = next(i for i, of in enumerate(reached) if any(of) and not all(of))
    slider, target = page.locator("#slider"), found.targets[some]
    slider.fill(str(some))
    assert slider.get_attribute("aria-valuetext").endswith(f"(as good as {100 * target.share:g}% of all results)")
    rows = page.locator("#soon .row")
    assert rows.count() == 3
    medians = {label: s.median for label, s in target.units["trials"].survival.items()}
    never = [label for label, median in medians.items() if median == np.inf]
    shown = rows.locator("text").all_text_contents()  # a long name is cut
    names = [next(label for label in medians if label.startswith(name.removesuffix("…"))) for name in shown]
    assert [medians[name] for name in names] == sorted(medians.values())
    edge = page.locator("#soon .gutter").bounding_box()["x"]
    for row, name in zip(rows.all(), names, strict=True):
        assert (row.locator(".mark").bounding_box()["x"] > edge) == (name in never)
    assert page.locator("#soon text", has_text="beyond 8").count() == 1
    assert page.locator("#target select").first.input_value() == str(some)


def test_hovering_tells_the_averages_at_a_trial(page, file):
    chart = page.locator("#curves svg.chart")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.locator("#studies").uncheck()  # so that no thin line is nearer
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    tip = page.locator("#tip").inner_text()
    trial = int(re.match(r"trial (\d), mean", tip)[1])
    mean = compute_curves(load_tables(file)).methods["near"].mean.estimate[trial - 1]
    assert float(re.search(r"near: ([\d.]+) \(", tip)[1]) == pytest.approx(mean, abs=0.01)
    assert "n = 5" in tip
    page.mouse.move(2, 2)
    assert page.locator("#tip").is_hidden()


def test_the_statistic_can_be_switched_and_methods_hidden(page):
    line = page.locator("#curves path.line").nth(1)
    mean = line.get_attribute("d")
    page.get_by_label("average").select_option("median")
    assert line.get_attribute("d") != mean
    assert page.locator("#curves path.line").count() == 3
    page.get_by_role("button", name="near", exact=True).hover()
    assert page.locator("#curves path.line.dim").count() == 2
    assert page.locator("#curves path.line.lit").count() == 1
    page.get_by_role("button", name="wide", exact=True).click()
    assert page.locator("#curves path.line").count() == 2
    assert page.get_by_role("button", name="wide", exact=True).get_attribute("aria-pressed") == "false"


def test_a_study_can_be_picked_with_the_mouse_and_with_the_keyboard(page):
    page.locator("#curves svg.chart").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    assert "wide, study 2" in page.locator("#picked").inner_text()
    assert page.locator("#curves .picked").count() == 1
    assert rows(page).count() == 8
    assert set(cells(page, "study")) == {"2"}
    # The focus and the cursor stay, so the next study is one key away.
    assert page.evaluate("document.activeElement.dataset.focus") == "curves"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert "wide, study 3" in page.locator("#picked").inner_text()
    page.keyboard.press("Escape")
    assert "only study" not in page.locator("#count").inner_text()
    thin = page.locator("#curves path.study").nth(7)  # near, study 3
    start = [float(number) for number in re.findall(r"[\d.]+", thin.get_attribute("d"))[:2]]
    box = page.locator("#curves svg.chart").bounding_box()
    page.mouse.click(box["x"] + start[0], box["y"] + start[1])
    assert re.search(r"near, study \d", page.locator("#picked").inner_text())


def test_a_picked_study_does_not_look_like_a_mean(page):
    look = "node => [getComputedStyle(node).stroke, getComputedStyle(node).strokeWidth].join()"
    means = [line.evaluate(look) for line in page.locator("#curves path.line").all()]
    page.locator("#curves svg.chart").focus()
    for key in ("ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#curves path.picked").evaluate(look) not in means
    assert page.locator("#curves .risen").count() >= 1


def test_a_discussion_is_shown_near_the_top_and_tags_in_it_stay_text(page):
    ids = [section.get_attribute("id") for section in page.locator("main > section").all()]
    assert ids[:3] == ["overview", "discussion", "verdict"]
    section = page.locator("#discussion")
    assert section.locator("strong").inner_text() == "Bold"
    assert "<img src=x onerror=alert(4)>" in section.inner_text()
    assert section.locator("img, a").count() == 0
    assert section.locator("td").inner_text() == "7"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("target", "wide: "),
        ("extra", " more"),
        ("wins", " is ahead with probability "),
        ("soon", " studies reached it"),
    ],
)
def test_what_the_pointer_is_at_is_told_and_stands_in_a_table(page, section, said):
    box = page.locator(f"#{section} .drawing svg").bounding_box()
    page.mouse.move(0, 0)
    page.locator(f"#{section} .drawing svg").scroll_into_view_if_needed()
    page.locator(f"#{section} .drawing svg").hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(page.locator("#tip")).to_contain_text(said)
    table_of = "target" if section == "soon" else section
    assert page.locator(f"#{table_of} .tables tbody tr").count() > 1


def test_every_table_but_that_of_trials_is_folded_and_stays_open_once_opened(page):
    for node in page.locator("main table").all():
        inside = node.evaluate(
            "node => node.closest('details') !== null || node.closest('#trials, #discussion') !== null"
        )
        assert inside, node.inner_text()
    assert page.locator("main details[open]").count() == 0
    page.locator("#target summary", has_text="median of each method").click()
    page.locator("#target select").first.select_option("0")
    assert page.locator("#target details[open] table").is_visible()
    assert page.locator("main .drawing").count() == page.locator("main details", has_text="How to read this").count()


def test_the_list_of_sections_stays_in_sight_and_leads_there(page):
    links = page.locator("#list a")
    assert links.all_inner_texts()[:2] == ["Overview", "Discussion"]
    page.get_by_role("link", name="All trials").click()
    assert page.locator("#trials").bounding_box()["y"] < 100
    assert page.locator("#list a[aria-current]").inner_text() == "All trials"
    assert page.locator("#list").bounding_box()["y"] >= 0


def test_what_is_looked_at_is_kept_in_the_address(browser, page, html):
    page.get_by_label("average").select_option("median")
    page.locator("#slider").fill("0")
    page.locator("#target select").nth(1).select_option("epochs")
    page.locator("#curves svg.chart").focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("link", name="Who beats whom").click()
    address = page.url
    assert address.startswith(f"file://{html}#wins?")
    with opened(browser, address) as again:
        assert again.get_by_label("average").input_value() == "median"
        assert again.locator("#slider").input_value() == "0"
        assert again.locator("#target select").nth(1).input_value() == "epochs"
        assert "wide, study 2" in again.locator("#picked").inner_text()
        assert again.locator("#wins").bounding_box()["y"] < 100
        assert again.url == address


def test_trials_swept_on_an_axis_are_the_same_in_every_figure(page, file):
    page.locator("#space").get_by_label("method").select_option(label="near")
    axis = page.locator("#space .drawing .brushable").first
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + box["height"] - 1)
    page.mouse.down()
    page.mouse.move(box["x"] + 12, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    low, high = map(float, re.fullmatch(r"x>=(\S+) x<=(\S+)", page.locator("#filter").input_value()).groups())
    assert low == pytest.approx(2.0, abs=0.02)
    assert high == pytest.approx(3.0, abs=0.02)
    trials = load_tables(file).trials
    near = trials[(trials["method"] == "near") & (trials["state"] == "complete")]
    swept = near[near["x"].between(low, high)]
    assert 0 < len(swept) < len(near)
    assert f"{len(swept)} of {len(near)} complete trials selected" in page.locator("#brushed").inner_text()
    assert page.locator("#space .drawing .trial:not(.left)").count() == len(swept)
    assert page.locator("#space .panels .dot:not(.left)").count() == len(swept)
    assert f"{len(swept)} trials" in page.locator("#count").inner_text()
    best = near.loc[near.groupby("repeat")["objective"].idxmax()]
    assert page.locator("#curves .study.hit").count() == best["x"].between(low, high).sum()
    page.locator("#unbrush").click()
    assert page.locator("#space .trial.left").count() == 0
    assert page.locator("#filter").input_value() == ""


def test_a_trial_has_a_page_of_its_own(browser, page, file, html):
    best = load_tables(file).trials.sort_values("objective", ascending=False).iloc[0]
    page.locator("#trials tbody button").first.click()
    dialog = page.locator("dialog")
    title = f"{best['method']}, study {best['repeat']}, trial {best['trial']}"
    assert dialog.get_by_role("heading", level=2).inner_text() == title
    assert dialog.locator("figure").count() == 2  # its study, and the one curve that the task records
    assert "score after each epoch" in dialog.inner_text()
    assert f"{best['x']:.5g}" in dialog.inner_text()
    assert "No attempt at it failed." in dialog.inner_text()
    with opened(browser, page.url) as again:
        assert again.locator("dialog h2").inner_text() == title
    later = dialog.get_by_role("button", name="trial before" if best["trial"] == 8 else "trial after")
    later.click()
    assert dialog.get_by_role("heading", level=2).inner_text() != title
    page.keyboard.press("Escape")
    assert dialog.is_hidden()
    assert "trial=" not in page.url


def test_what_is_printed_is_dark_on_white(page):
    page.locator("#theme").select_option("dark")
    page.emulate_media(media="print")
    text = page.locator("#curves svg text").first
    assert text.evaluate("node => getComputedStyle(node).fill") == "rgb(86, 91, 97)"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_targets_and_units_can_be_switched(page, file):
    before = page.locator("#target path.line").nth(0).get_attribute("d")
    page.locator("#target select").first.select_option("0")
    unfold(page, "target")
    assert page.locator("#target path.line").nth(0).get_attribute("d") != before
    assert "as good as 50% of all results" in page.locator("#target .tables").inner_text()
    assert page.locator("#target select").nth(1).locator("option").all_inner_texts() == ["trials", "epochs", "seconds"]
    page.locator("#target select").nth(1).select_option("epochs")
    assert "median epochs" in page.locator("#target .tables").inner_text()
    assert page.locator("#range thead th").count() == 1 + len(compute_findings(load_tables(file)).targets)
    assert page.locator("#range tbody tr").count() == 3


def test_who_is_ahead_is_told_at_each_trial(page, file):
    wins = page.locator("#wins")
    assert wins.locator("svg circle").count() == 8
    curves = compute_curves(load_tables(file)).methods
    near, wide = (curves[label].incumbents[:, 0] for label in ("near", "wide"))
    by_hand = np.mean([(a > b) + 0.5 * (a == b) for a in near for b in wide])
    assert f"trial 1: {100 * by_hand:.0f}% (" in wins.locator("svg circle title").first.text_content()
    wins.locator("select").select_option(label=f"near is ahead of {HOSTILE}")
    assert wins.locator("svg circle").count() == 8


def test_trials_of_one_method_are_drawn_against_those_of_another(page, file):
    found = compute_findings(load_tables(file))
    extra = found.extra["near", "wide"]
    page.locator("#extra select").select_option(label="wide for what near has")
    points = page.locator("#extra .mark")
    risen = [t for t in range(8) if found_own(found, "near")[t] == t + 1]
    assert points.count() == len(risen)
    beyond = sum(np.isinf(extra.estimate[t]) for t in risen)
    assert page.locator("#extra path.mark").count() == beyond  # triangles in the hatched part
    hatched = page.locator("#extra rect[fill^='url(#hatch']").bounding_box()
    for triangle in page.locator("#extra path.mark").all():
        box = triangle.bounding_box()
        assert hatched["y"] <= box["y"] <= hatched["y"] + hatched["height"]


def found_own(found, label):
    """The first trial at which a method's mean had its value of each trial, one after another."""
    means = found.curves.methods[label].mean.estimate
    return [int(np.argmax(means >= value - 1e-12)) + 1 for value in means]


def test_the_table_sorts_filters_and_turns_its_pages(page, file):
    trials = load_tables(file).trials
    assert "120 trials, page 1 of 5" in page.locator("#count").inner_text()
    texts = cells(page, "score")
    shown = [float(text) for text in texts]
    assert shown == sorted(shown, reverse=True)
    assert len({len(text.partition(".")[2]) for text in texts}) == 1  # the same decimals down the column
    assert shown[0] == pytest.approx(trials["objective"].max(), rel=1e-3)
    page.locator("#trials th button", has_text="score").first.click()
    assert page.locator("#trials th[aria-sort='ascending']").inner_text() == "score ▲"
    assert page.evaluate("document.activeElement.innerText") == "score ▲"
    assert float(cells(page, "score")[0]) == pytest.approx(trials["objective"].min(), rel=1e-3)
    expected = trials[(trials["objective"] > 0.9) & (trials["method"] == "near")]
    for text in ("score>0.9 near", "near score > 0.9", "score >90% near"):
        page.locator("#filter").fill(text)
        assert f"{len(expected)} trials" in page.locator("#count").inner_text()
    page.locator("#filter").fill("height > 3")
    assert page.locator("#unknown").inner_text().startswith("No column is named height; there are: method, study, ")
    page.locator("#filter").fill("")
    assert page.locator("#unknown").is_hidden()
    page.locator("#trials").get_by_label("state").select_option(label="diverged")
    assert set(cells(page, "reason")) == {"<img src=x onerror=alert(2)> too large"}
    page.locator("#trials").get_by_label("state").select_option(label="all")
    page.locator("#on").click()
    assert "page 2 of 5" in page.locator("#count").inner_text()


def test_a_table_that_is_cut_says_so_and_its_head_stays(browser, html):
    with opened(browser, f"file://{html}", viewport={"width": 700, "height": 500}) as page:
        box = page.locator("#trials .scroll")
        box.scroll_into_view_if_needed()
        expect(page.locator("#trials .more")).to_have_text("more columns to the right →")
        box.evaluate("node => { node.scrollTop = 200; }")
        inside = box.bounding_box()["y"]
        assert page.locator("#trials thead th").first.bounding_box()["y"] == pytest.approx(inside, abs=1)
        box.evaluate("node => { node.scrollLeft = node.scrollWidth; }")
        expect(page.locator("#trials .more")).to_have_text("")


def test_the_space_of_each_method_is_drawn(page):
    space = page.locator("#space")
    unfold(page, "space")
    assert space.locator(".panels figure").count() == 2
    assert "depth" in space.locator(".tables").inner_text()
    space.get_by_label("method").select_option(label=HOSTILE)
    assert "choice" in space.locator(".tables").inner_text()
    assert space.locator(".drawing path.trial").count() == 40


def test_light_dark_narrow_and_on_paper(browser, html):
    with opened(browser, f"file://{html}", color_scheme="dark", viewport={"width": 360, "height": 700}) as page:
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_label("colours").select_option("light")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.emulate_media(media="print")
        assert page.locator("#trials .controls").is_hidden()
        assert len(page.pdf()) > 10_000


def test_on_paper_every_table_is_open_and_fits(browser, html):
    with opened(browser, f"file://{html}", viewport={"width": 700, "height": 1000}) as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("main details:not([open])").count() == 0
        for node in page.locator("main table").all():
            assert node.evaluate("node => node.getBoundingClientRect().right") <= 701
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("main details[open]").count() == 0


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
            "seconds<9": False, "absent=1": False, "wide": False, "": True, "score > 0.5": True, "score >= 91 %": False,
            "score>=90%": True, "kind = b|a": True, "kind=b|c": False,
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
