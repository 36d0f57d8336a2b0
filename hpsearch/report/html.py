"""The interactive page: one file that works offline, with everything inside and nothing fetched from anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markdown_it import MarkdownIt
from markupsafe import Markup

PARTS = files("hpsearch.report") / "page"


def write_html(document: dict[str, Any], path: Path, discussion: Sequence[str] = ()) -> None:
    """Write the page of what `hpsearch.report.document.document` gives, with a discussion in Markdown."""
    path.write_text(render(document, discussion=discussion), encoding="utf-8")


def render(document: dict[str, Any], live: str = "", discussion: Sequence[str] = ()) -> str:
    """The page as text; with `live` it asks that address again and again and draws what comes."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")  # tags in it stay text
    template = Environment(autoescape=True).from_string(_part("index.html"))
    # Inside <script> a browser looks for nothing but "</script" and "<!--"; JSON may write "<" in another way.
    data = json.dumps(document, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return template.render(
        title=document["title"],
        style=Markup(_part("page.css")),
        script=Markup(_part("page.js")),
        data=Markup(data),
        live=live,
        connect="'self'" if live else "'none'",
        discussion=Markup("".join(map(markdown.render, discussion))),
    )


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")
