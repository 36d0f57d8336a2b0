"""Commands on a terminal of a certain width, as a person sees them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

from tests.tools.waiting import PATIENCE


def on_terminal(*words: object, columns: int = 80, cwd: Path | None = None) -> str:
    """All that a command writes on a terminal, without colours; lines that were drawn over follow each other."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    written: list[bytes] = []

    def read() -> None:
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # as Linux ends a terminal
                return
            if not part:
                return
            written.append(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        subprocess.run(
            [sys.executable, "-m", "hpsearch", *map(str, words)], cwd=cwd, timeout=PATIENCE, check=True,
            stdin=terminal, stdout=terminal, stderr=terminal, env={**environment, "TERM": "xterm"},
        )  # fmt: skip
    finally:
        os.close(terminal)
        reader.join(PATIENCE)
        os.close(controller)
    text = b"".join(written).decode()
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text).replace("\r\n", "\n").replace("\r", "\n")
