"""What the live page's server says to those who do not ask as a browser does: an HTTP error, and nothing else."""

import re
import shutil
import socket
import sqlite3
import struct
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from hpsearch.contracts.errors import UsageError
from hpsearch.report.watch import Watched, open_server, said
from hpsearch.store.database import Database
from hpsearch.store.standing import Standing
from hpsearch.store.suite import Setting, Suite, write_list
from tests.tools.studies import OWN_STUDY, OWN_TASK, going_on, run_to_end
from tests.tools.waiting import PATIENCE


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    (folder / "watched_task.py").write_text(OWN_TASK)
    (folder / "own.toml").write_text(OWN_STUDY.format(module="watched_task"))
    return run_to_end(folder / "own.toml")


@contextmanager
def served(file, host="127.0.0.1"):
    """A server's address; at the end every request has been dealt with."""
    server = open_server(file, 0, host)
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
        (ASKED.replace(b"localhost", b"127.0.0.1"), b"200"),
        (ASKED.replace(b"localhost", b"[::1]:80"), b"200"),
        (ASKED.replace(b"localhost", b"evil.example"), b"403"),
        (ASKED.replace(b"localhost", b"evil.example:localhost"), b"403"),
        (ASKED.replace(b"localhost", b"localhost.evil.example"), b"403"),
        (ASKED.replace(b"localhost", b"[::1].evil.example"), b"403"),
        (ASKED.replace(b"localhost", b"localhost:evil.example"), b"403"),
        (ASKED.replace(b"localhost", b"0.0.0.0"), b"403"),
        (ASKED.replace(b"localhost", b"localhost\r\nHost: evil.example"), b"403"),
        (ASKED.replace(b"/ ", b"/data.json ").replace(b"localhost", b"evil.example"), b"403"),
        (ASKED.replace(b"/ ", b"/status.json ").replace(b"localhost", b"evil.example"), b"403"),
        (ASKED.replace(b"/ ", b"/status.json "), b"200"),
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


def test_it_answers_to_the_host_that_it_is_told_too(file):
    with served(file, "127.0.0.2") as address:
        assert address[0] == "127.0.0.2"
        assert answers(address, ASKED.replace(b"localhost", b"127.0.0.2:80")) == [b"200"]
        assert answers(address, ASKED.replace(b"localhost", b"127.0.0.3")) == [b"403"]
    with served(file) as address:
        assert answers(address, ASKED.replace(b"localhost", b"127.0.0.2")) == [b"403"]


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
def test_it_can_be_served_at_an_address_of_ipv6(file):
    try:
        server = open_server(file, 0, "::1")
    except UsageError as error:
        pytest.skip(str(error))
    with server:
        assert server.server_address[0] == "::1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "no.such.host.invalid"])
def test_a_host_that_no_browser_can_ask_for_is_refused(file, host):
    with pytest.raises(UsageError, match="--host"):
        open_server(file, 0, host)


NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def before(**passed):
    return (NOW - timedelta(**passed)).isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    ("stands", "line"),
    [
        (Standing("preparing"), "running: it prepares its data"),
        (Standing("waiting", goes_on="with: hpsearch run a"),
         "waiting: nobody has run it yet; begin with: hpsearch run a"),
        (Standing("running", 0, 100, before(minutes=2)), "running: no trial is finished yet; it began 2 min ago"),
        (Standing("running", 30, 100, before(minutes=10), "", before(seconds=20), 20),
         "running: 30 of 100 trials, the last one 20 s ago, 34 min left at this rate"),  # as 20 took 580 s
        (Standing("running", 30, None, before(minutes=10), "", before(seconds=20), 20),
         "running: 30 trials, the last one 20 s ago"),
        (Standing("running", 30, 100, before(seconds=5), "", before(hours=2), 0),
         "running: 30 of 100 trials, the last one 2.0 h ago; it began 5 s ago"),
        (Standing("stopped", 30, 100, before(hours=3), before(hours=2), before(hours=2), 30, "with: hpsearch run a"),
         "stopped: 30 of 100 trials, the last one 2.0 h ago; go on with: hpsearch run a"),
        (Standing("killed", 30, 100, before(hours=3), "", before(hours=2), 30, "with: hpsearch run a"),
         "killed, or its machine was: 30 of 100 trials, the last one 2.0 h ago; go on with: hpsearch run a"),
        (Standing("finished", 100, 100, before(hours=3), before(hours=2), before(hours=2), 30, "with: hpsearch run a"),
         "finished: 100 of 100 trials, the last one 2.0 h ago"),
        (Standing("running", 30, 100, before(hours=-1), "", before(hours=-1), 20),  # its clock is ahead
         "running: 30 of 100 trials, the last one 0 s ago, 0 s left at this rate"),
    ],
)  # fmt: skip
def test_each_standing_has_its_line(stands, line):
    assert said(stands, before()) == line


def test_from_the_first_result_the_axis_has_all_planned_trials_and_nothing_is_tested(own_study):
    study = own_study()
    with going_on(study) as records:
        for _ in zip(range(7), records, strict=False):
            pass
        data = Watched(study.with_name("run.db")).data()
    assert (data["trials"], data["axis"], data["tested"]) == (1, 6, False)
    assert [pair["p"] for pair in data["pairs"]] == [None]
    assert not any(of_unit["tests"] for target in data["targets"] for of_unit in target["units"].values())
    finished = Watched(run_to_end(study)).data()
    assert (finished["trials"], finished["axis"], finished["tested"]) == (6, 6, True)


def test_the_states_of_a_run_are_told_apart(own_study):
    study = own_study()
    file = study.with_name("run.db")
    watched = Watched(file)
    watched.clock = lambda: 0.0  # so that it looks at each call
    assert watched.status()["state"] == "gone"
    with Database(file, write=True):
        assert watched.status() == {"state": "preparing", "say": "running: it prepares its data"}
    with going_on(study) as records:
        assert watched.status()["state"] == "running"
        assert "no trial is finished yet" in watched.status()["say"]
        next(records)
        assert watched.status()["say"].startswith("running: 1 of 36 trials")
    assert watched.status()["state"] == "stopped"
    killed = file.with_name("killed.db")
    shutil.copy(file, killed)
    with closing(sqlite3.connect(killed)) as connection, connection:
        connection.execute("UPDATE runs SET ended = NULL")
    of_killed = Watched(killed)
    assert of_killed.status()["state"] == "killed"
    assert of_killed.status()["say"].endswith(f"go on with: hpsearch run {study} --database {killed}")
    with closing(sqlite3.connect(killed)) as connection, connection:
        for table in ("attempts", "trials", "runs"):
            connection.execute(f"DELETE FROM {table}")
    of_killed._look_again = 0.0
    assert of_killed.status()["state"] == "waiting"
    run_to_end(study)
    assert watched.status() == {"state": "finished", "say": watched.status()["say"]}
    assert watched.status()["say"].startswith("finished: 36 of 36 trials")


def test_a_suite_is_served_as_a_list_with_a_page_for_each_setting_that_is_begun(file, tmp_path):
    shutil.copy(file, tmp_path / "begun.db")
    settings = (Setting("<begun>", tmp_path / "begun.db"), Setting("to come", tmp_path / "later.db"))
    write_list(Suite("both", "Does it hang?", settings), tmp_path)
    with served(tmp_path) as (host, port):

        def page(path):
            with urlopen(f"http://{host}:{port}{path}", timeout=PATIENCE) as answer:
                return answer.read().decode()

        listed = page("/")
        assert '<a href="/1/">&lt;begun&gt;</a>: finished: ' in listed
        assert "to come: waiting: it is not begun yet" in listed
        assert "Does it hang?" in listed
        assert 'data-live="data.json"' in page("/1/")
        assert '"state": "finished"' in page("/1/status.json")
        assert "waiting" in page("/2/data.json")
        for path in ("/data.json", "/3/", "/1", "/1/x", "/../1/"):
            with pytest.raises(HTTPError, match="404"):
                page(path)
        assert answers((host, port), ASKED.replace(b"localhost", b"evil.example")) == [b"403"]
