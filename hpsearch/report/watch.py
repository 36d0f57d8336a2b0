"""The report's page, live while a comparison runs: served read-only to its own host names, and never reloaded."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from hpsearch.contracts.errors import HpsearchError, UsageError
from hpsearch.contracts.json import Json
from hpsearch.report.context import ReportContext, searches
from hpsearch.report.html import render, render_suite
from hpsearch.report.search.document import document
from hpsearch.report.search.findings import compute_findings
from hpsearch.store.database import Database
from hpsearch.store.standing import Standing, standing
from hpsearch.store.suite import suite_in
from hpsearch.store.tables import load_tables
from hpsearch.system import clock
from hpsearch.system.lock import holder

HOST = "127.0.0.1"
OWN_NAMES = frozenset((HOST, "localhost", "::1"))
"""What a browser on this machine may call it."""
ANY = frozenset(("", "0.0.0.0", "::"))
"""Addresses that a server can listen at and no browser can ask for."""
HOST_HEADER = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]*))(?::\d*)?")
"""A name or an IPv4 address, or an IPv6 address in brackets, and a port or none (RFC 9110, 7.2; RFC 3986, 3.2.2)."""
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
        self._looking = threading.Lock()
        self._look_again = 0.0
        self._stands = Standing("waiting")

    def data(self) -> Json:
        """The newest data, or {"waiting": why, ...} while there is none."""
        with self._lock:
            seen = _state(self.file)
            if (seen != self._seen and self.clock() >= self._next) or not self._data:
                started = self.clock()
                computed = self._computed()
                # What could not be read is read again, though the file stays as it is.
                self._seen = self._seen if computed is self._data else seen
                self._data = computed
                self._next = self.clock() + REST * (self.clock() - started)
            return self._data

    def status(self) -> Json:
        """How the comparison stands now: its "state", and what to "say" about it in one line."""
        with self._looking:
            if (started := self.clock()) >= self._look_again:
                try:
                    with Database(self.file) as database:
                        self._stands = standing(database, holder(self.file))
                except HpsearchError as error:
                    return {"state": "gone", "say": str(error)}
                self._look_again = self.clock() + REST * (self.clock() - started)
            return {"state": self._stands.state, "say": said(self._stands, clock.now())}

    def _computed(self) -> Json:
        try:
            tables = load_tables(self.file)
            if not searches(tables.comparison):  # laid out since it is watched
                raise UsageError(f"{self.file}: searches nothing, so it has no curve to watch; see the report")
            context = ReportContext.of_file(self.file, tables).begun()
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


def said(stands: Standing, now: str) -> str:
    """How a comparison stands, in one line: how far it is, how long ago its last trial ended, and what to do or expect.

    Args:
        stands: what its file and its lock say.
        now: the present time, ISO 8601.
    """
    if stands.state == "preparing":
        return "running: it prepares its data"
    if stands.state == "waiting":
        return f"waiting: nobody has run it yet; begin {stands.goes_on}" if stands.goes_on else "waiting: it is empty"
    is_running = stands.state == "running"
    if not stands.last:
        far = "no trial is finished yet"
    else:
        of = "" if stands.planned is None else f" of {stands.planned}"
        far = f"{stands.finished}{of} trials, the last one {_passed(stands.last, now)} ago"
    if is_running and stands.seconds_left is not None:
        far += f", {clock.duration(stands.seconds_left)} left at this rate"
    elif is_running and not stands.fresh and stands.began:
        far += f"; it began {_passed(stands.began, now)} ago"
    if is_running or stands.state == "finished":
        return f"{stands.state}: {far}"
    how = "stopped" if stands.state == "stopped" else "killed, or its machine was"
    return f"{how}: {far}; go on {stands.goes_on}"


def _passed(since: str, now: str) -> str:
    """How long it is since a recorded time."""
    return clock.duration(clock.seconds_between(since, now))


class WatchedSuite:
    """The settings of a suite's folder, each watched at an address of its own once it is begun: "/1/", "/2/", ..."""

    def __init__(self, folder: Path) -> None:
        self.suite = suite_in(folder)
        self.settings = {f"/{number}/": Watched(s.file) for number, s in enumerate(self.suite.settings, 1)}

    def page(self) -> str:
        """The list of settings, with how each stands."""
        rows = []
        for (address, watched), setting in zip(self.settings.items(), self.suite.settings, strict=True):
            begun = setting.file.is_file()
            say = watched.status()["say"] if begun else "waiting: it is not begun yet"
            rows.append({"label": setting.label, "address": address if begun else "", "say": say})
        return render_suite(self.suite.name, self.suite.description, rows)


def serve(file: Path, port: int, ready: Callable[[str], None], host: str = HOST) -> None:
    """Serve a comparison's page, or those of a suite's folder, until interrupted; `ready` is told the address.

    Raises UsageError if it cannot be served at that host and port, or if the comparison does not search.
    """
    if not file.is_dir():
        with Database(file) as database:
            comparison = database.comparison()
        if comparison is not None and not searches(comparison):
            raise UsageError(
                f"{file}: searches nothing (searcher {comparison.spec.searcher.name}), so it has no curve to watch; "
                "see the report"
            )
    with open_server(file, port, host) as server:
        ready(f"http://{f'[{host}]' if ':' in host else host}:{server.server_address[1]}/")
        server.serve_forever()


def open_server(file: Path, port: int, host: str = HOST) -> ThreadingHTTPServer:
    """A server that is bound and not yet serving; port 0 takes a free one.

    It answers to requests for `host` and for this machine's own names, whatever the port that they name: that may be a
    tunnel's. Raises UsageError if it cannot be bound.
    """
    if host in ANY:
        raise UsageError(f"--host {host}: name the one address or name that a browser will ask for")
    suite = WatchedSuite(file) if file.is_dir() else None

    class Handler(_Handler):
        sources = {"/": Watched(file)} if suite is None else suite.settings
        index = suite
        names = OWN_NAMES | {host.lower()}

    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise UsageError(f"--host {host}: is no address of this machine: {error.strerror}") from error

    class Server(_Server):
        address_family = family

    try:
        return Server((str(address[0]), port), Handler)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used on {host}: {error.strerror}; give another one with --port or --host"
        ) from error


def _host_of(header: str) -> str:
    """The name or address in a Host header, without its port; empty if it is none."""
    found = HOST_HEADER.fullmatch(header)
    return (found[1] or found[2]).lower() if found else ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away in the middle; whatever else goes wrong is ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    sources: ClassVar[Mapping[str, Watched]]
    index: ClassVar[WatchedSuite | None]
    names: ClassVar[frozenset[str]]
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Answer with the page, or with its data."""
        # Refuse other names: another site's page may resolve its own name to this machine in a reader's browser.
        folder, slash, name = self.path.rpartition("/")
        source = self.sources.get(folder + slash)
        if [name for name in map(_host_of, self.headers.get_all("Host", [""])) if name not in self.names]:
            self._answer(HTTPStatus.FORBIDDEN, b"not a name of this server; see hpsearch watch --host", "text/plain")
        elif self.path == "/" and self.index is not None:
            self._answer(HTTPStatus.OK, self.index.page().encode(), "text/html; charset=utf-8")
        elif source is not None and name == "":
            page = render(source.data(), live="data.json")
            self._answer(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")
        elif source is not None and name == "data.json":
            self._data(source.data())
        elif source is not None and name == "status.json":
            self._answer(HTTPStatus.OK, json.dumps(source.status()).encode(), "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"there is /, /data.json and /status.json", "text/plain")

    def _data(self, data: Json) -> None:
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
