"""What Python code does, as far as its text tells: comments, docstrings and layout change nothing, a statement does."""

from __future__ import annotations

import ast
import hashlib

DIGITS = 16
"""Hexadecimal digits of a hash that are kept."""


def hashed(meaning: object) -> str:
    """A hash of lists, tuples and plain values, such as `meaning` returns."""
    return hashlib.sha256(repr(meaning).encode()).hexdigest()[:DIGITS]


def meaning(node: object) -> object:
    """A syntax tree as plain values, without places, comments and docstrings; the same in every version of Python.

    Fields that are empty are left out, since newer versions have more of them.
    """
    if isinstance(node, list):
        return [meaning(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _is_docstring(
        node.body
    ):
        fields["body"] = node.body[1:]
    return type(node).__name__, [(name, meaning(value)) for name, value in fields.items()]


def _is_docstring(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
