"""What the live page's server says to those who do not ask as a browser does: an HTTP error, and nothing else."""

import re
import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from hpsearch.report.watch import open_server
from tests.tools.studies import OWN_STUDY, OWN_TASK, run_to_end
from tests.tools.waiting import PATIENCE


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    (folder / "watched_task.py").write_text(OWN_TASK)
    (folder / "own.toml").write_text(OWN_STUDY.format(module="watched_task"))
    return run_to_end(folder / "own.toml")


@contextmanager
def served(file):
    """A server's address; at the end every request has been dealt with."""
    server = open_server(file, 0)
    server.daemon_threads = False  # so that closing waits for them
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address
    finally:
        server.shutdown()
        server.server_close()


def answers(address, request):
    """The status of each answer until the server hangs up; to what is no HTTP/1 it has no line of its own."""
    with socket.create_connection(address, timeout=PATIENCE) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    return re.findall(rb"^HTTP/1\.1 (\d+)", received, re.MULTILINE) or re.findall(rb"Error code: (\d+)", received)


LONGEST = 65537  # bytes of a line that are looked at
ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (ASKED, b"200"),
        (ASKED.replace(b"localhost", b"LOCALHOST:8808"), b"200"),
        (ASKED.replace(b"localhost", b"evil.example"), b"403"),
        (ASKED.replace(b"localhost", b"evil.example") + ASKED, b"403"),
        (ASKED.replace(b"localhost", b"\xff\0["), b"403"),
        (b"GET / HTTP/1.1\r\n\r\n", b"403"),
        (ASKED.replace(b"/ ", b"/../etc/passwd "), b"404"),
        (ASKED.replace(b"/ ", b"/%00\xff "), b"404"),
        (ASKED.replace(b"/ ", b"http://localhost/ "), b"404"),
        (ASKED.replace(b"GET", b"POST") + ASKED, b"501"),
        (ASKED.replace(b"HTTP/1.1", b"HTTP/1.x"), b"400"),
        (ASKED.replace(b"HTTP/1.1", b"HTTP/9.9"), b"505"),
        (b"\x16\x03\x01\x02\x00 TLS at the wrong door\r\n\r\n", b"400"),
        (b"one\r\n\r\n", b"400"),
        (b"GET /" + b"x" * (LONGEST - 5), b"414"),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * (LONGEST - 3), b"431"),
        (ASKED.replace(b"\r\n\r\n", b"\r\n" + b"A: b\r\n" * 200 + b"\r\n"), b"431"),
    ],
)  # fmt: skip
def test_each_request_gets_one_answer_and_the_terminal_none(file, request_, status, capfd):
    with served(file) as address:
        assert answers(address, request_) == [status]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("sent", [b"", b"GET / HT", ASKED[:-4], ASKED, ASKED * 20])
def test_a_client_that_goes_away_is_no_error(file, sent, capfd):
    with served(file) as address:
        with socket.create_connection(address, timeout=PATIENCE) as client:
            client.sendall(sent)
            # Closed at once, and what is under way is thrown away: as by a browser that is ended.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert answers(address, ASKED) == [b"200"]
    assert capfd.readouterr() == ("", "")


def test_what_is_wrong_here_is_told(file, capfd, monkeypatch):
    monkeypatch.setattr("hpsearch.report.watch.render", lambda *_, **__: 1 / 0)
    with served(file) as address:
        assert answers(address, ASKED) == []
    assert "ZeroDivisionError" in capfd.readouterr().err
