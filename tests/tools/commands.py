"""Commands as they are typed, in this process."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from hpsearch.cli.app import main


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def cli(*words: object, cwd: Path | None = None, **environment: str) -> Done:
    """A command as it is typed, but in this process: a new one spends seconds on its imports."""
    out, errors = io.StringIO(), io.StringIO()
    path, handlers = (
        list(sys.path),
        {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)},
    )
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["hpsearch", *map(str, words)])
        for name, value in {"COLUMNS": "200", **environment}.items():
            patch.setenv(name, value)
        patch.setenv("HPSEARCH_DATA", os.environ.get("HPSEARCH_DATA", ""))  # --data sets it
        patch.chdir(cwd or Path.cwd())
        try:
            main()
            code: object = 0
        except SystemExit as stop:
            code = stop.code
        except Exception:  # as the interpreter ends a process
            traceback.print_exc()
            code = 1
        finally:
            sys.path[:] = path
            gc.enable()  # `report` does without
            for number, handler in handlers.items():
                signal.signal(number, handler)
    return Done(int(code or 0) if code is None or isinstance(code, int) else 1, out.getvalue(), errors.getvalue())
