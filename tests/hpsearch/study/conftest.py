"""Modules that one test of names has written are not those of the next."""

import re
import sys

import pytest

from hpsearch.study import registry


@pytest.fixture(autouse=True)
def _modules_as_they_were():
    """A process imports a module once, and finds entry points once."""
    before, path = set(sys.modules), list(sys.path)
    registry._declared.cache_clear()
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if re.search(r"_(beside|installed|broken|old|unrelated)$", name):
            del sys.modules[name]
    registry._declared.cache_clear()
