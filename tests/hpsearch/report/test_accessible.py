"""The interactive page for everybody: axe-core finds nothing, and every text can be read in light and in dark."""

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from hpsearch.report import html as page_html
from hpsearch.report.suite.page import write_suite_report
from hpsearch.store.suite import gathered
from tests.tools.pages import opened

AXE = "axe-core@4.14.1"
TEXT = 4.5
"""Least contrast of text and its background (WCAG 2.2, success criterion 1.4.3)."""


COLOURS = """selector => {
    const node = document.querySelector(selector), style = getComputedStyle(node);
    let below = node;
    const paper = (of) => getComputedStyle(of).backgroundColor;
    while (below && ["rgba(0, 0, 0, 0)", "transparent"].includes(paper(below))) below = below.parentElement;
    return [node instanceof SVGElement ? style.fill : style.color, paper(below || document.body)];
}"""
"""The colours of an element's text and of what it stands on."""


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The source of axe-core, from npm."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here, which axe-core comes from")
    folder = tmp_path_factory.mktemp("axe")
    subprocess.run(["npm", "pack", "--silent", AXE], cwd=folder, check=True, timeout=300)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        return packed.extractfile("package/axe.min.js").read().decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing(browser, html, axe, scheme, width):
    with opened(browser, f"file://{html}", color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        for state in ("as it opens", "unfolded", "a trial"):
            if state == "unfolded":
                page.evaluate("document.querySelectorAll('details').forEach((node) => (node.open = true))")
            elif state == "a trial":
                page.locator("#trials tbody button").first.click()
            page.evaluate(axe)
            found = page.evaluate(
                "axe.run(document, {rules: {'landmark-unique': {enabled: true}, "
                "'scrollable-region-focusable': {enabled: true}}})"
            )
            wrong = [(of["id"], node["html"][:200]) for of in found["violations"] for node in of["nodes"]]
            assert wrong == [], state
            # What axe cannot decide, since it is drawn or cut by the edge of a box that scrolls, is decided here.
            undecided = [node for of in found["incomplete"] if of["id"] == "color-contrast" for node in of["nodes"]]
            for node in undecided:
                text, paper = page.evaluate(f"({COLOURS})({json.dumps(node['target'][-1])})")
                assert _contrast(_hex(text), _hex(paper)) >= TEXT, (state, node["html"][:200], text, paper)


@pytest.fixture(scope="module")
def suite_html(file, tmp_path_factory):
    """The page of a suite of two settings."""
    folder = tmp_path_factory.mktemp("suite")
    files = [shutil.copy(file, folder / name) for name in ("one.db", "other.db")]
    suite = gathered([Path(path) for path in files], "two settings")
    write_suite_report(suite, folder / "report", "hpsearch report one.db other.db --as-suite")
    return folder / "report" / "index.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_in_the_page_of_a_suite(browser, suite_html, axe, scheme, width):
    with opened(browser, f"file://{suite_html}", color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        page.evaluate(axe)
        found = page.evaluate("axe.run(document)")
        assert [(of["id"], node["html"][:200]) for of in found["violations"] for node in of["nodes"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_text_can_be_read_on_its_paper(scheme):
    colours = _colours(scheme)
    texts = {"ink", "faint", "accent", *(name for name in colours if re.fullmatch(r"c\d", name))}
    for name in texts:
        assert _contrast(colours[name], colours["paper"]) >= TEXT, name
    for name in ("ink", "faint", "accent"):
        assert _contrast(colours[name], colours["panel"]) >= TEXT, name
    assert _contrast(colours["warn"], colours["warn-paper"]) >= TEXT


def test_contrast_is_that_of_the_guidelines():
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def _hex(computed):
    """A computed colour, "rgb(1, 2, 3)" or "color(srgb 0.1 0.2 0.3)", as "#010203"."""
    numbers = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", computed)][:3]
    return "#" + "".join(f"{round(255 * x if computed.startswith('color') else x):02x}" for x in numbers)


def _colours(scheme):
    style = (page_html.PARTS / "page.css").read_text()
    light = re.search(r":root \{(.*?)\}", style, re.S)[1]
    dark = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', style, re.S)[1]
    found = dict(re.findall(r"--([\w-]+): (#\w{6})", light))
    return found | dict(re.findall(r"--([\w-]+): (#\w{6})", dark)) if scheme == "dark" else found


def _contrast(a, b):
    brighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour):
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
