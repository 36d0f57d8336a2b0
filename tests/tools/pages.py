"""The interactive page of a small study, opened in a browser."""

from __future__ import annotations

from contextlib import contextmanager

from playwright.sync_api import expect

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
    assert {
        url for url in asked if not url.startswith(address.partition("#")[0]) and not url.startswith("data:")
    } == set()
