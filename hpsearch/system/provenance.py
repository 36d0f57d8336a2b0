"""Who runs a comparison, where, and with which versions: what has to be known to get the same again."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distributions, requires, version
from pathlib import Path

from hpsearch.contracts.json import Json


def provenance(**facts: str | int) -> Json:
    """This machine, this Python and this checkout, with `facts` of the caller's."""
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
    """Model name of the processor and the longest vectors it has, which results may depend on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    features = [name for name in ("avx2", "avx512f", "amx_bf16") if re.search(rf"\b{name}\b", text)]
    return " ".join([model[1] if model else platform.processor() or platform.machine(), *features])


def relevant_versions() -> dict[str, str]:
    """Versions of hpsearch and of what it directly requires."""
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
    """What differs between two runs that may change results: processor, versions, and those of the searcher if known.

    A run that has no version of its searcher had the first.
    """
    if old.get("processor") != new.get("processor"):
        yield f"processor: {old.get('processor')} before, {new.get('processor')} now"
    for name, was in sorted(old.get("versions", {}).items()):
        now = new.get("versions", {}).get(name)
        if was != now:  # what was not recorded then may have been there all the same
            yield f"{name}: {was} before, {now} now"
    first = old.get("searcher_version", 1)
    if (now := new.get("searcher_version", first)) != first:
        yield f"proposals of the searcher: version {first} before, {now} now"
