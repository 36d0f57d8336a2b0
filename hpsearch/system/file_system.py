"""The file system that holds a path, and whether other machines see it too."""

from __future__ import annotations

import re
from pathlib import Path

NETWORK_FILE_SYSTEMS = (
    "nfs", "cifs", "smb", "fuse", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs", "virtiofs", "vboxsf", "panfs",
    "ocfs2", "gfs2", "wekafs",
)  # fmt: skip
"""Beginnings of the names of file systems that several machines may share."""
MOUNTS = Path("/proc/mounts")


def is_shared(path: Path) -> bool:
    """Whether other machines may see this path too."""
    return file_system(path).startswith(NETWORK_FILE_SYSTEMS)


def file_system(path: Path) -> str:
    """Type of the file system that holds `path`, on Linux; empty on other systems."""
    if not MOUNTS.is_file():
        return ""
    best, kind = "", ""
    folder = str(path.resolve().parent) + "/"
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        _, mount, this_kind, *_ = line.split(" ")
        mount = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), mount)  # blanks are written as \040 there
        if folder.startswith(mount.rstrip("/") + "/") and len(mount) >= len(best):
            best, kind = mount, this_kind
    return kind
