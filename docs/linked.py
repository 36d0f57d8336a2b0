"""The site has every file of the repository that a page links to: what is Markdown as a page, the rest as it is.

A page links to files by their places in the repository, so that its links hold there too. In the site `docs` is the
root, beside the other folders, and a page README.md of a folder is README.html, because a report has an index.html.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = "docs/"
BEGIN = ("README.md", "CHANGELOG.md")
"""Pages outside of docs that the navigation names."""
LINK = re.compile(r"(\]\()([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to, and what is linked to from there."""
    todo = [*BEGIN, *(DOCS + file.src_uri for file in files.documentation_pages())]
    seen = set(todo)
    for page in todo:
        if not page.startswith(DOCS):
            file = File.generated(config, page, abs_src_path=str(ROOT / page))
            if page.endswith("/README.md"):
                file.dest_uri = page.removesuffix("md") + "html"
            files.append(file)
        if page.endswith(".md"):
            found = [there for _, there in _linked(page, (ROOT / page).read_text(encoding="utf-8"))]
            todo += [there for there in dict.fromkeys(found) if there not in seen]
            seen.update(found)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Let links lead to where the files lie in the site."""
    here = page.file.src_uri
    source = here if files.get_file_from_path(here) and (ROOT / here).is_file() else DOCS + here
    places = dict(_linked(source, markdown))

    def moved(link: re.Match[str]) -> str:
        there = places.get(link[2])
        if there is None:
            return link[0]
        return link[1] + os.path.relpath(there.removeprefix(DOCS), PurePosixPath(here).parent)

    return LINK.sub(moved, markdown)


def _linked(page: str, text: str) -> Iterator[tuple[str, str]]:
    """The links of a page to files of the repository: as written, and from its root."""
    for _, link in LINK.findall(text):
        there = os.path.normpath(PurePosixPath(page).parent / link)
        if (ROOT / there).is_file():
            yield link, there
