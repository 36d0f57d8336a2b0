"""What the documentation points to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[a-z]*/README.md")])
ROOMS = "hpsearch|binarynet|audio_task|cifar_task|studies|benchmarks|examples|tests|reports|docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{ROOMS})/[\w/.-]+)", text)
    linked = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert missing == []


def test_tests_that_a_page_names_by_their_file_are_there():
    there = {path.name for path in ROOT.glob("tests/**/test_*.py")}
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+\.py)`", page.read_text(encoding="utf-8"))}
    assert named <= there
