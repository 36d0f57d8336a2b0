"""Completions that the shell offers while a command is typed; each function gets the word typed so far."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def studies(incomplete: str) -> list[str]:
    """Names of shipped studies and suites, and TOML files below the current folder."""
    from hpsearch.study.shipped import shipped_studies, shipped_suites

    return [*_beginning([*shipped_studies(), *shipped_suites()], incomplete), *_files(incomplete, ".toml")]


def databases(incomplete: str) -> list[str]:
    """Databases below the current folder."""
    return _files(incomplete, ".db")


def datasets(incomplete: str) -> list[str]:
    """Names of data sets."""
    from hpsearch.study import kinds, registry

    return _beginning(registry.Registry.here().names(kinds.DATASET), incomplete)


def executors(incomplete: str) -> list[str]:
    """Names of executors."""
    from hpsearch.study import kinds, registry

    return _beginning(registry.Registry.here().names(kinds.EXECUTOR), incomplete)


def formats(incomplete: str) -> list[str]:
    """Names of export formats."""
    from hpsearch.study import kinds, registry

    return _beginning(registry.Registry.here().names(kinds.EXPORT), incomplete)


def kinds_of_starters(incomplete: str) -> list[str]:
    """Kinds of training for which there are files to begin with."""
    from hpsearch.study.shipped import starters

    return _beginning(starters(), incomplete)


def _files(incomplete: str, ending: str) -> list[str]:
    """Files with one ending; if there are none, the shell offers its own completions."""
    folder, slash, _ = incomplete.rpartition("/")
    start = folder + slash
    return _beginning((start + path.name for path in sorted(Path(start or ".").glob(f"[!.]*{ending}"))), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
