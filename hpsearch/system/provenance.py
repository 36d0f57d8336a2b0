"""Who runs a comparison, where, and with which versions: what must be known to get the same result again."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from itertools import pairwise
from pathlib import Path

from hpsearch.contracts.json import Json
from hpsearch.system.rounding import VARIABLE


def provenance(*packages: str, **facts: str | int | Json) -> Json:
    """Facts about this machine, this Python and this checkout, versions of `packages` too, and the caller's `facts`."""
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": relevant_versions(packages),
        "commit": commit(Path(__file__).resolve().parents[1]),
        VARIABLE.lower(): os.environ.get(VARIABLE, ""),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        **facts,
    }


def processor() -> str:
    """Model name of the processor and its longest vectors; results may depend on both."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    features = [name for name in ("avx2", "avx512f", "amx_bf16") if re.search(rf"\b{name}\b", text)]
    return " ".join([model[1] if model else platform.processor() or platform.machine(), *features])


def relevant_versions(others: Iterable[str] = ()) -> dict[str, str]:
    """Versions of hpsearch, of the packages that it directly requires, and of others; without what is not installed."""
    try:
        needed = requires("hpsearch") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        return {d.name: d.version for d in distributions() if d.name in ("torch", "ax-platform", "numpy", *others)}
    names = [re.split(r"[\s;<>=!~\[]", need)[0] for need in needed if "extra ==" not in need]
    return {name: found for name in ["hpsearch", *names, *others] if (found := _version(name))}


def commit(folder: Path) -> str | None:
    """Commit of the checkout that holds `folder`, with "+changes" if files differ; None outside of git."""
    head = _git(folder, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = _git(folder, "status", "--porcelain")
    return f"{head}+changes" if changed else head


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def differences(old: Json, new: Json) -> Iterable[str]:
    """Differences between two runs that may change results: processor, versions, the searchers' own, and rounding.

    A run that recorded no version of any searcher had the first of its only one; what `new` does not have, such as a
    searcher that it does not use, is not compared.
    """
    if old.get("processor") != new.get("processor"):
        yield f"processor: {old.get('processor')} before, {new.get('processor')} now"
    was, now = old.get("versions", {}), new.get("versions", {})
    # What one version of hpsearch needs and the other does not may have been there all the same, unrecorded.
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            yield f"{name}: {was[name]} before, {now[name]} now"
    was, now = _searcher_versions(old) or {"": 1}, _searcher_versions(new)
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            yield f"proposals of the searcher{name}: version {was[name]} before, {now[name]} now"
    if (rounds := old.get("rounding", "not recorded")) != new.get("rounding", rounds):
        yield f"rounding of matrix products: {rounds} before, {new['rounding']} now"


def _searcher_versions(run: Json) -> dict[str, int]:
    """Version of each searcher that a run used: that of the comparison has no name, those of single methods have."""
    of_comparison = {"": run["searcher_version"]} if "searcher_version" in run else {}
    return of_comparison | {f" {name}": version for name, version in run.get("searcher_versions", {}).items()}


def changed_modules(old: Json, new: Json, parts: Sequence[str] = ("training", "proposing")) -> list[str]:
    """The user's own modules that do something else in one run than in another.

    A module that only one of them uses is no change: methods may be added, and where a module begins to import another,
    it has changed itself. There are none where a run did not record its code, as those before version 0.2.

    Args:
        old: provenance of a run, whose "code" is what `hpsearch.study.code.own_code` returned.
        new: provenance of the other.
        parts: of that code, what to compare.
    """
    if "code" not in old or "code" not in new:
        return []
    was, now = (
        {(part, name): done for part in parts for name, done in run["code"][part].items()} for run in (old, new)
    )
    return sorted({name for part, name in was.keys() & now.keys() if was[part, name] != now[part, name]})


def code_changes(runs: Sequence[Json]) -> list[str]:
    """A sentence on each run, given the provenances of all, that began with other code than the run before it.

    A run that recorded no code is passed over.
    """
    known = [(number, run) for number, run in enumerate(runs, 1) if "code" in run]
    return [
        f"the code of {', '.join(names)} changed between runs {before} and {after} of {len(runs)}: "
        "trials before and after may measure different things"
        for (before, old), (after, new) in pairwise(known)
        if (names := changed_modules(old, new))
    ]
