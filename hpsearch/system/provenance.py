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


def provenance(**facts: str | int | Json) -> Json:
    """Facts about this machine, this Python and this checkout, and the caller's `facts`."""
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": relevant_versions(),
        "commit": commit(Path(__file__).resolve().parents[1]),
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


def relevant_versions() -> dict[str, str]:
    """Versions of hpsearch and of the packages that it directly requires."""
    try:
        needed = requires("hpsearch") or []
    except PackageNotFoundError:  # run from a checkout that is not installed
        return {d.name: d.version for d in distributions() if d.name in ("torch", "ax-platform", "numpy")}
    names = [re.split(r"[\s;<>=!~\[]", need)[0] for need in needed if "extra ==" not in need]
    return {name: found for name in ["hpsearch", *names] if (found := _version(name))}


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
    """Differences between two runs that may change results: processor and versions."""
    if old.get("processor") != new.get("processor"):
        yield f"processor: {old.get('processor')} before, {new.get('processor')} now"
    for name, was in sorted(old.get("versions", {}).items()):
        now = new.get("versions", {}).get(name)
        if was != now:  # a package may have been there then, unrecorded
            yield f"{name}: {was} before, {now} now"


def changed_modules(old: Json, new: Json) -> list[str]:
    """The user's own modules that do something else in one run than in another; none if one of them recorded no code.

    Args:
        old: provenance of a run, whose "code" is what `hpsearch.study.code.own_code` returned.
        new: provenance of the other.
    """
    was, now = (run.get("code", {}).get("modules", {}) for run in (old, new))
    if not was or not now:
        return []
    return sorted(name for name in {*was, *now} if was.get(name) != now.get(name))


def code_changes(runs: Sequence[Json]) -> list[str]:
    """A sentence on each run, given the provenances of all, that began with other code than the run before it.

    A run that recorded no code is passed over.
    """
    known = [(number, run) for number, run in enumerate(runs, 1) if run.get("code", {}).get("modules")]
    return [
        f"the code of {', '.join(names)} changed between runs {before} and {after} of {len(runs)}: "
        "trials before and after may measure different things"
        for (before, old), (after, new) in pairwise(known)
        if (names := changed_modules(old, new))
    ]
