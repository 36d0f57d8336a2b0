"""What the shell offers while a command is typed; each function is called with what is typed so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path


def studies(incomplete: str) -> list[str]:
    """Names of shipped studies, and TOML files from here."""
    from hpsearch.spec import shipped_studies

    return [*_beginning(shipped_studies(), incomplete), *_files(incomplete, ".toml")]


def databases(incomplete: str) -> list[str]:
    """Databases from here."""
    return _files(incomplete, ".db")


def datasets(incomplete: str) -> list[str]:
    """Names of data sets."""
    from hpsearch.spec import available_datasets

    return _beginning(available_datasets(), incomplete)


def members(package: str) -> Callable[[str], list[str]]:
    """Names of the modules in a package."""

    def complete(incomplete: str) -> list[str]:
        from hpsearch.spec import available

        return _beginning(available(package), incomplete)

    return complete


def _files(incomplete: str, ending: str) -> list[str]:
    """Files of one kind; where there are none, the shell offers its own."""
    folder, slash, _ = incomplete.rpartition("/")
    start = folder + slash
    return _beginning((start + path.name for path in sorted(Path(start or ".").glob(f"[!.]*{ending}"))), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
