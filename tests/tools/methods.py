"""The methods for binary networks that are found, a new file among them by being there."""

from __future__ import annotations

from binarynet.method import BinaryMethod, binary
from hpsearch.study import kinds
from hpsearch.study.registry import Registry

METHODS = Registry().names(kinds.METHOD)


def method_of(name: str) -> BinaryMethod:
    """The method of that name, with its own settings and space."""
    return binary(Registry().find(kinds.METHOD, name))
