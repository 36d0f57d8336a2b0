"""A browser, and the report of a small study of three methods."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import sync_playwright

from hpsearch.report import write_report
from tests.tools.pages import STUDY, TASK
from tests.tools.studies import run_to_end


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


@pytest.fixture(scope="package")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "page_task.py").write_text(TASK)
    (folder / "page.toml").write_text(STUDY.format(module="page_task"))
    return run_to_end(folder / "page.toml")


@pytest.fixture(scope="package")
def html(file):
    (file.parent / "report").mkdir()
    (file.parent / "report" / "discussion.md").write_text(
        "**Bold** <img src=x onerror=alert(4)> [a](javascript:alert(5))\n\n| n |\n| --- |\n| 7 |\n"
    )
    write_report(file, file.parent / "report")
    return file.parent / "report" / "index.html"
