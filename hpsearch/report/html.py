"""The interactive page: one file that works offline, with everything inside and nothing fetched from anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment
from markdown_it import MarkdownIt
from markupsafe import Markup

from hpsearch.contracts.json import Json

PARTS = files("hpsearch.report") / "page"
IMPORT = re.compile(r'^import \{ \w+(?:, \w+)* \} from "\./(\w+\.js)";\n', re.MULTILINE)
"""The only form of import that `join` can remove, and so the only one that the page's modules may use."""
EXPORT = re.compile(r"^export (?=async |function |const |let |class )", re.MULTILINE)
SCROLLED = '<div class="scroll" tabindex="0" role="group" aria-label="table of the discussion"><table>'
END = "</table></div>"
TOP_NAME = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


def write_html(document: Json, path: Path, discussion: Sequence[str] = ()) -> None:
    """Write the page of a `document` (hpsearch.report.search.document), with a discussion in Markdown."""
    path.write_text(render(document, discussion=discussion), encoding="utf-8")


def render(document: Json, live: str = "", discussion: Sequence[str] = ()) -> str:
    """The page as text; with `live` the page keeps asking that address and draws what it answers."""
    template = Environment(autoescape=True).from_string(_part("index.html"))
    # Inside <script> a browser looks for nothing but "</script" and "<!--"; JSON may write "<" in another way.
    data = json.dumps(document, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return template.render(
        title=document["title"],
        style=Markup(page_style()),
        script=Markup(join("main.js")),
        data=Markup(data),
        live=live,
        connect="'self'" if live else "'none'",
        discussion=Markup(markdown_html(discussion)),
    )


def markdown_html(texts: Sequence[str]) -> str:
    """Texts in Markdown as HTML; tags in them stay text, and a wide table scrolls in itself, with the keyboard too."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    # Text cannot hold the tag: it is escaped.
    return "".join(map(markdown.render, texts)).replace("<table>", SCROLLED).replace("</table>", END)


def page_style() -> str:
    """The style sheet that all pages share."""
    return _part("page.css")


def render_suite(name: str, description: str, settings: Sequence[Mapping[str, str]]) -> str:
    """A list of a suite's settings while it runs: of each its "label", the "address" of its page, what to "say"."""
    template = Environment(autoescape=True).from_string(_part("suite.html"))
    return template.render(name=name, description=description, settings=settings, style=Markup(page_style()))


def join(entry: str) -> str:
    """The JavaScript module `entry` and all its imports as one script, each module after those that it needs.

    The modules share one scope once their imports and exports are gone, so no two may define the same name.
    """
    texts: dict[str, str] = {}
    imports: dict[str, list[str]] = {}
    owners: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        if module in texts:
            continue
        source = _part(module)
        imports[module] = IMPORT.findall(source)
        waiting += imports[module]
        for name in TOP_NAME.findall(source):
            if owners.setdefault(name, module) != module:
                raise ValueError(f"{module} and {owners[name]} both define {name}; rename one of them")
        texts[module] = EXPORT.sub("", IMPORT.sub("", source))
        if wrong := re.search(r"^(import|export)\b.*", texts[module], re.MULTILINE):
            raise ValueError(f'{module}: write `import {{ a, b }} from "./module.js";` instead of `{wrong[0]}`')
    return "\n".join(texts[module] for module in TopologicalSorter(imports).static_order())


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")
