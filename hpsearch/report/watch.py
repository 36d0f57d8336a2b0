"""The report's page, live while a comparison runs: served read-only on this machine alone, and never reloaded."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from hpsearch.contracts.errors import UsageError
from hpsearch.contracts.json import Json
from hpsearch.report.context import ReportContext, searches
from hpsearch.report.html import render
from hpsearch.report.search.document import document
from hpsearch.report.search.findings import compute_findings
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables

HOST = "127.0.0.1"
REST = 9.0
"""After computing a page it rests at least this many times as long, so that watching costs a tenth of a core."""


class Watched:
    """The page's data, computed anew when the database has changed; several threads may ask for it."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns the time in seconds."""
        self.file, self.clock = file, clock
        self._lock = threading.Lock()
        self._seen: tuple[int | None, ...] = ()
        self._next = 0.0
        self._data: Json = {}

    def data(self) -> Json:
        """The newest data, or {"waiting": why, ...} while there is none."""
        with self._lock:
            seen = _state(self.file)
            if (seen != self._seen and self.clock() >= self._next) or not self._data:
                started = self.clock()
                self._data, self._seen = self._computed(), seen
                self._next = self.clock() + REST * (self.clock() - started)
            return self._data

    def _computed(self) -> Json:
        try:
            context = ReportContext.of_file(self.file, load_tables(self.file)).begun()
            return document(compute_findings(context.tables), context)
        except Exception as error:  # a page that watches for days must say what is wrong, whatever it is
            # Keep what was drawn, since the run may be resumed; before anything was drawn, say what to wait for.
            if "waiting" not in self._data and self._data:
                return self._data
            return {"title": self.file.stem, "description": "", "waiting": str(error)}


def _state(file: Path) -> tuple[int | None, ...]:
    """A value that changes whenever the database does: size and time of its file and of the log beside it."""
    found: list[int | None] = []
    for path in (file, file.with_name(file.name + "-wal")):
        try:
            stat = path.stat()
            found += [stat.st_size, stat.st_mtime_ns]
        except OSError:
            found.append(None)
    return tuple(found)


def serve(file: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted; `ready` is told its address.

    Raises UsageError if the port is taken, or if the comparison does not search.
    """
    with Database(file) as database:
        comparison = database.existing()
    if not searches(comparison):
        raise UsageError(
            f"{file}: searches nothing (searcher {comparison.spec.searcher.name}), so it has no curve to watch; "
            "see the report"
        )
    with open_server(file, port) as server:
        ready(f"http://{HOST}:{server.server_address[1]}/")
        server.serve_forever()


def open_server(file: Path, port: int) -> ThreadingHTTPServer:
    """A server that is bound and not yet serving; port 0 takes a free one."""
    watched = Watched(file)

    class Handler(_Handler):
        source = watched

    try:
        return _Server((HOST, port), Handler)
    except OSError as error:
        raise UsageError(f"port {port} cannot be used: {error.strerror}; give another one with --port") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away in the middle; whatever else goes wrong is ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    source: ClassVar[Watched]
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the page, or with its data."""
        # Refuse other names: another site's page may resolve its own name to this machine in a reader's browser.
        if (self.headers.get("Host") or "").partition(":")[0].lower() not in (HOST, "localhost"):
            self._answer(HTTPStatus.FORBIDDEN, b"only for this machine", "text/plain")
        elif self.path == "/":
            self._answer(
                HTTPStatus.OK, render(self.source.data(), live="data.json").encode(), "text/html; charset=utf-8"
            )
        elif self.path == "/data.json":
            self._data()
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"there is / and /data.json", "text/plain")

    def _data(self) -> None:
        data = self.source.data()
        tag = f'"{id(data):x}-{data.get("finished", 0)}"'
        if self.headers.get("If-None-Match") == tag:
            self._answer(HTTPStatus.NOT_MODIFIED, b"", "application/json", tag)
        else:
            self._answer(HTTPStatus.OK, json.dumps(data, allow_nan=False).encode(), "application/json", tag)

    def _answer(self, status: HTTPStatus, body: bytes, kind: str, tag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if status >= HTTPStatus.BAD_REQUEST:  # what follows in the same connection is not looked at
            self.send_header("Connection", "close")
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        if status != HTTPStatus.NOT_MODIFIED:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Log nothing: a page that asks every two seconds would fill the terminal."""
