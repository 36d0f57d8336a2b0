"""JSON values whose shape others decide: settings of plug-ins, facts about a machine."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = "dict[str, Any]"
"""A JSON object of unknown shape."""
