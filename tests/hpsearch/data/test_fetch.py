"""Downloads from a real server on the loopback interface."""

import contextlib
import errno
import gzip
import hashlib
import http.server
import io
import os
import random
import shutil
import tarfile
import threading
import tracemalloc
import zipfile
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from hpsearch.contracts.dataset import DataSet
from hpsearch.contracts.errors import FetchError, NoSpaceError, TaskError
from hpsearch.data import fetch as fetching
from hpsearch.data.fetch import fetch

CONTENTS = {f"{i}.wav": np.random.default_rng(i).bytes(200_000) for i in range(5)}


def silent(*_):
    pass


def check(folder, progress):
    for name, contents in CONTENTS.items():
        if not (folder / name).is_file() or (folder / name).read_bytes() != contents:
            raise TaskError(f"{folder / name} is not as published")
    return f"{len(list(folder.iterdir()))} files"


def zipped(members, compression=zipfile.ZIP_STORED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as file:
        for name, contents in members:
            file.writestr(name, contents)
    return packed.getvalue()


def archive(extra=()):
    wanted = [(f"set-master/data/{name}", contents) for name, contents in CONTENTS.items()]
    return zipped([*wanted, ("set-master/README.md", "not wanted"), *extra])


@dataclass
class Site:
    """What the server serves, and what it was asked."""

    body: bytes
    kind: str = "application/zip"
    tag: str | None = '"one"'
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    length: bool = True
    status: int = 200
    asked: list[tuple[str | None, int]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def site():
    """A server that may cut its answers short after `cuts` bytes, one a request."""
    served = Site(archive())

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            wanted, start, status = self.headers.get("Range"), 0, served.status
            if wanted and served.ranges and self.headers.get("If-Range") == served.tag:
                start, status = int(wanted.removeprefix("bytes=").removesuffix("-")), 206
                if start >= len(served.body):
                    status = 416
            self.range = f"bytes {start}-{len(served.body) - 1}/{len(served.body)}" if status == 206 else None
            body = served.body[start:] if status in (200, 206) else b"no"
            served.asked.append((wanted, status))
            self.send_response(status)
            self.send_header("Content-Type", served.kind)
            if served.tag:
                self.send_header("ETag", served.tag)
            if status in (206, 416):
                self.send_header("Content-Range", self.range or f"bytes */{len(served.body)}")
            if served.length:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
            self.end_headers()
            cut = served.cuts.pop(0) if served.cuts else len(body)
            with contextlib.suppress(OSError):
                self.wfile.write(body[:cut])
            self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    served.address = f"http://127.0.0.1:{server.server_port}/set.zip"
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def dataset(site):
    return DataSet("set", "The Set", site.address, 1, "none", r"[^/]+/data/(.+\.wav)", ("set/data", "data"), check)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(fetching.time, "sleep", lambda _: None)


def part(folder, site):
    """Where the beginning of the archive at the site's address is kept."""
    name = hashlib.sha256(site.address.encode()).hexdigest()[:16]
    return folder / ".fetching-set" / f"{name}.part"


def left(folder):
    """Everything in the data folder; no lock stays."""
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_download_is_unpacked_checked_and_nothing_else_stays(site, dataset, tmp_path):
    told = []
    folder, found = fetch(dataset, tmp_path / "new", None, lambda *what: told.append(what))
    assert folder == tmp_path / "new" / "set" / "data"
    assert found == "5 files"
    assert sorted(path.name for path in folder.iterdir()) == sorted(CONTENTS)
    assert left(tmp_path / "new") == ["set"]
    assert {what for what, _, _ in told} == {"downloading, kB", "unpacking files"}
    assert told[-1] == ("unpacking files", 5, 5)
    assert site.asked == [(None, 200)]


def test_what_is_there_and_whole_is_not_fetched_again(site, dataset, tmp_path):
    fetch(dataset, tmp_path, None, silent)
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert len(site.asked) == 1
    (tmp_path / "set" / "data" / "3.wav").unlink()
    with pytest.raises(FetchError, match=r"is there, and not whole: .*3\.wav is not as published; move it away"):
        fetch(dataset, tmp_path, None, silent)


def test_a_connection_that_breaks_is_resumed_where_it_broke(site, dataset, tmp_path):
    site.cuts = [300_000, 100_000, 50]
    fetch(dataset, tmp_path, None, silent)
    starts = [wanted for wanted, _ in site.asked]
    first, second = 4 * fetching.BLOCK, 5 * fetching.BLOCK  # whole blocks of what had arrived
    assert starts == [None, f"bytes={first}-", f"bytes={second}-", f"bytes={second}-"]


def test_a_later_call_resumes_what_an_earlier_one_kept(site, dataset, tmp_path):
    site.cuts = [300_000, 0, 0, 0, 0, 0]
    with pytest.raises(
        FetchError, match=r"broke off; the same command goes on, where the server allows it from 0\.3 MB"
    ):
        fetch(dataset, tmp_path, None, silent)
    site.cuts, before = [], len(site.asked)
    fetch(dataset, tmp_path, None, silent)
    assert site.asked[before:] == [(f"bytes={4 * fetching.BLOCK}-", 206)]


class PowerCutError(BaseException):
    pass


def test_a_download_that_is_killed_is_resumed(site, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "BLOCK", 100_000)

    def dying(what, done, total):
        if done >= 400:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        fetch(dataset, tmp_path, None, dying)
    fetch(dataset, tmp_path, None, silent)
    assert site.asked[1] == ("bytes=400000-", 206)


def test_an_unpacking_that_is_killed_starts_anew_without_downloading(site, dataset, tmp_path):
    def dying(what, done, total):
        if what == "unpacking files" and done == 3:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        fetch(dataset, tmp_path, None, dying)
    assert not (tmp_path / "set").exists()
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert len(site.asked) == 1


def test_the_rest_of_another_file_is_not_appended(site, dataset, tmp_path):
    site.cuts = [300_000, 0, 0, 0, 0, 0]
    with pytest.raises(FetchError):
        fetch(dataset, tmp_path, None, silent)
    site.tag, site.cuts, site.body = '"two"', [], archive(extra=[("set-master/new.txt", "x" * 999)])
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert site.asked[-1] == (f"bytes={4 * fetching.BLOCK}-", 200)


@pytest.mark.parametrize("without", ["ranges", "tag"])
def test_a_server_that_cannot_resume_begins_anew(site, dataset, tmp_path, without):
    setattr(site, without, None)
    site.cuts = [300_000, 500_000]
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert [status for _, status in site.asked] == [200, 200, 200]


def test_a_server_that_says_no_length_is_believed_only_as_far_as_the_archive_is_sound(site, dataset, tmp_path):
    site.length, site.cuts = False, [300_000]
    with pytest.raises(FetchError, match=r"no sound zip or tar archive .*; fetch again"):
        fetch(dataset, tmp_path, None, silent)
    assert left(tmp_path) == []
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"


def test_more_kept_than_the_server_has_begins_anew(site, dataset, tmp_path):
    kept = part(tmp_path, site)
    kept.parent.mkdir()
    kept.write_bytes(b"x" * (len(site.body) + 5))
    kept.with_name(f"{kept.name}.validator").write_text('"one"')
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert [status for _, status in site.asked] == [416, 200]


def test_a_web_page_is_no_archive(site, dataset, tmp_path):
    site.body, site.kind = b"<html>please log in</html>", "text/html; charset=utf-8"
    with pytest.raises(FetchError, match=r"set\.zip: a web page came instead of an archive .* --from"):
        fetch(dataset, tmp_path, None, silent)
    site.kind = "application/zip"  # and one that calls itself an archive
    with pytest.raises(FetchError, match="no sound zip or tar archive"):
        fetch(dataset, tmp_path, None, silent)
    assert left(tmp_path) == []


@pytest.mark.parametrize("scheme", ["ftp", "file", "s3"])
def test_other_schemes_are_refused_at_once(dataset, tmp_path, scheme):
    with pytest.raises(FetchError, match="only http:// and https://"):
        fetch(dataset, tmp_path, f"{scheme}://somewhere/set.zip", silent)


def test_a_busy_server_is_asked_again(site, dataset, tmp_path, monkeypatch):
    def relent(_):
        site.status = 200

    site.status = 503
    monkeypatch.setattr(fetching.time, "sleep", relent)
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert [status for _, status in site.asked] == [503, 200]


def test_a_whole_part_is_not_downloaded_again(site, dataset, tmp_path):
    kept = part(tmp_path, site)
    kept.parent.mkdir()
    kept.write_bytes(site.body)
    kept.with_name(f"{kept.name}.validator").write_text('"one"')
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert [status for _, status in site.asked] == [416]


def test_a_weak_tag_does_not_resume(site, dataset, tmp_path):
    site.tag, site.cuts = 'W/"one"', [300_000]
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    assert site.asked == [(None, 200), (None, 200)]


def test_another_address_is_not_served_what_the_first_one_gave(site, dataset, tmp_path, monkeypatch):
    def full(*_):
        raise NoSpaceError("full")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(fetching, "_unpack", full)
        with pytest.raises(NoSpaceError):
            fetch(dataset, tmp_path, None, silent)
    with pytest.raises(FetchError, match="no connection"):
        fetch(dataset, tmp_path, "http://127.0.0.1:9/other.zip", silent)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_any_flipped_byte_is_a_sentence(dataset, tmp_path, compression):
    whole = zipped([(f"set-master/data/{name}", b"0123456789" * 50) for name in CONTENTS], compression)
    random = np.random.default_rng(0)
    for number in range(60):
        broken = bytearray(whole)
        broken[random.integers(len(broken))] ^= 1 << random.integers(8)
        mine = tmp_path / "mine.zip"
        mine.write_bytes(broken)
        with pytest.raises(FetchError):  # its contents are not the published ones, if nothing else
            fetch(dataset, tmp_path / str(number), str(mine), silent)


@pytest.mark.parametrize("status", [404, 403])
def test_the_servers_refusal_is_passed_on(site, dataset, tmp_path, status):
    site.status = status
    with pytest.raises(FetchError, match=rf"the server answered {status} .* --from"):
        fetch(dataset, tmp_path, None, silent)


def test_no_server_at_all(dataset, tmp_path):
    with pytest.raises(FetchError, match="no connection to the server; the same command tries again"):
        fetch(replace(dataset, archive="http://127.0.0.1:9/set.zip"), tmp_path, None, silent)


@pytest.mark.parametrize(
    "name", ["../evil.wav", "set-master/data/../../../evil.wav", "/tmp/evil.wav", "..\\evil.wav", "C:\\evil.wav"]
)
def test_an_archive_that_leads_out_of_its_folder_is_refused_whole(site, dataset, tmp_path, name):
    site.body = archive(extra=[(name, "evil")])
    with pytest.raises(FetchError, match="leads out of its folder: nothing was unpacked"):
        fetch(dataset, tmp_path / "inner", None, silent)
    assert left(tmp_path / "inner") == []
    assert not list(tmp_path.rglob("*evil*"))


def test_other_contents_than_published_leave_nothing(site, dataset, tmp_path):
    site.body = archive(extra=[]).replace(CONTENTS["2.wav"][:50], b"z" * 50)
    with pytest.raises(FetchError, match=r"no sound zip or tar archive .*CRC"):
        fetch(dataset, tmp_path, None, silent)
    site.body = zipped([("set-master/data/0.wav", b"other")])
    with pytest.raises(FetchError, match=r"what came is not The Set as known: the archive/0\.wav is not as published"):
        fetch(dataset, tmp_path, None, silent)
    site.body = zipped([("other/readme", b"other")])
    with pytest.raises(FetchError, match="holds no The Set among its 1 files"):
        fetch(dataset, tmp_path, None, silent)
    assert left(tmp_path) == []


def test_an_archive_of_the_users_own_is_left_alone(site, dataset, tmp_path):
    mine = tmp_path / "mine.zip"
    mine.write_bytes(site.body)
    assert fetch(dataset, tmp_path / "data", str(mine), silent)[1] == "5 files"
    assert mine.is_file()
    assert site.asked == []
    with pytest.raises(FetchError, match="no such archive"):
        fetch(dataset, tmp_path / "elsewhere", str(tmp_path / "yours.zip"), silent)


def taped(members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        for name, contents in members:
            info = tarfile.TarInfo(name)
            if isinstance(contents, bytes):
                info.size = len(contents)
                file.addfile(info, io.BytesIO(contents))
            else:
                info.type, info.linkname = tarfile.SYMTYPE, contents
                file.addfile(info)
    return packed.getvalue()


def test_a_tar_archive_is_as_good_as_a_zip(site, dataset, tmp_path):
    site.body = taped([(f"set-master/data/{name}", contents) for name, contents in CONTENTS.items()])
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"
    site.body = site.body[:-50_000]
    with pytest.raises(FetchError, match="no sound zip or tar archive"):
        fetch(dataset, tmp_path / "again", None, silent)


@pytest.mark.parametrize("evil", [("../evil.wav", b"evil"), ("/evil.wav", b"evil")])
def test_a_tar_that_leads_out_of_its_folder_is_refused_whole(site, dataset, tmp_path, evil):
    site.body = taped([("set-master/data/0.wav", CONTENTS["0.wav"]), evil])
    with pytest.raises(FetchError, match="leads out of its folder"):
        fetch(dataset, tmp_path / "inner", None, silent)
    assert not list(tmp_path.rglob("*evil*"))


def test_a_link_in_a_tar_does_not_lead_to_this_machine(site, dataset, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("mine")
    members = [(f"set-master/data/{name}", contents) for name, contents in CONTENTS.items()]
    site.body = taped([*members[1:], ("set-master/data/0.wav", str(secret))])
    with pytest.raises(FetchError):
        fetch(dataset, tmp_path / "data", None, silent)
    assert left(tmp_path / "data") == []


def test_an_archive_with_another_checksum_than_the_publishers_is_not_even_opened(site, dataset, tmp_path, monkeypatch):
    known = replace(dataset, md5=hashlib.md5(site.body).hexdigest())
    assert fetch(known, tmp_path / "good", None, silent)[1] == "5 files"
    site.body = zipped([(f"set-master/data/{name}", contents) for name, contents in CONTENTS.items()])
    monkeypatch.setattr(fetching, "_unpack", pytest.fail)
    with pytest.raises(FetchError, match=rf"its md5 is [0-9a-f]{{32}}, not {known.md5}; fetch again"):
        fetch(known, tmp_path / "bad", None, silent)
    assert left(tmp_path / "bad") == []


def test_too_little_room_is_said_before_the_first_byte(site, dataset, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=500_000)
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NoSpaceError, match="1 MB are needed there, and 0 MB are free"):
        fetch(dataset, tmp_path, None, silent)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")  # noqa: PTH110
def test_a_disk_that_fills_up_is_said_and_the_next_call_goes_on(site, dataset, tmp_path):
    kept = part(tmp_path, site)
    kept.parent.mkdir()
    kept.symlink_to("/dev/full")  # the kernel itself says that there is no space
    with pytest.raises(NoSpaceError, match="the disk is full; make room, and the same command goes on") as caught:
        fetch(dataset, tmp_path, None, silent)
    assert caught.value.exit_code == 3
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    kept.unlink()
    assert fetch(dataset, tmp_path, None, silent)[1] == "5 files"


def test_two_at_once_fetch_once(site, dataset, tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch(dataset, tmp_path, None, silent)[1])) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["5 files"] * 3
    assert len(site.asked) == 1


class TestArchivesThatExplode:
    def test_a_small_zip_of_much_is_refused_before_anything_is_unpacked(self, dataset, tmp_path):
        (tmp_path / "bomb.zip").write_bytes(
            zipped([(f"set-master/data/{i}.wav", bytes(5_000_000)) for i in range(5)], zipfile.ZIP_DEFLATED)
        )
        assert (tmp_path / "bomb.zip").stat().st_size < 50_000
        with pytest.raises(FetchError, match="would unpack to more than 20 MB"):
            fetch(dataset, tmp_path / "data", str(tmp_path / "bomb.zip"), silent)
        assert left(tmp_path / "data") == []

    def test_a_tar_is_not_even_read_to_its_end(self, dataset, tmp_path, monkeypatch):
        """One file of 300 MB that nobody wants: to list what follows it, all of it would have to be unpacked."""
        (tmp_path / "bomb.tgz").write_bytes(taped([("big", bytes(300_000_000)), ("set-master/data/0.wav", b"0")]))
        read, sizes = gzip.GzipFile.read, []
        monkeypatch.setattr(gzip.GzipFile, "read", lambda self, size=-1: sizes.append(size) or read(self, size))
        with pytest.raises(FetchError, match="would unpack to more than 20 MB"):
            fetch(dataset, tmp_path / "data", str(tmp_path / "bomb.tgz"), silent)
        assert 0 < sum(sizes) < 10_000_000

    def test_a_headers_attributes_are_not_read_without_end(self, dataset, tmp_path):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.PAX_FORMAT) as file:
            info = tarfile.TarInfo("set-master/data/0.wav")
            info.pax_headers = {"comment": "x" * 50_000_000}
            file.addfile(info)
        (tmp_path / "bomb.tgz").write_bytes(packed.getvalue())
        del packed, info
        tracemalloc.start()
        with pytest.raises(FetchError, match=r"no sound zip or tar archive \(a header of 50 MB"):
            fetch(dataset, tmp_path / "data", str(tmp_path / "bomb.tgz"), silent)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        tracemalloc.stop()

    def test_links_do_not_multiply_a_file(self, dataset, tmp_path):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as file:
            info = tarfile.TarInfo("set-master/data/0.wav")
            info.size = 1_500_000
            file.addfile(info, io.BytesIO(bytes(1_500_000)))
            for number in range(1, 40):
                link = tarfile.TarInfo(f"set-master/data/{number}.wav")
                link.type, link.linkname = tarfile.LNKTYPE, info.name
                file.addfile(link)
        (tmp_path / "bomb.tgz").write_bytes(packed.getvalue())
        unpacked = []
        counting = replace(dataset, check=lambda folder, _: unpacked.extend(folder.iterdir()) or check(folder, silent))
        with pytest.raises(FetchError):
            fetch(counting, tmp_path / "data", str(tmp_path / "bomb.tgz"), silent)
        assert [path.name for path in unpacked] == ["0.wav"]

    @pytest.mark.parametrize("where", ["header", "attributes"])
    def test_a_tar_that_leads_back_is_no_endless_loop(self, dataset, tmp_path, where):
        first, second = tarfile.TarInfo("set-master/data/0.wav"), tarfile.TarInfo("set-master/data/1.wav")
        if where == "header":
            second.size = -512
            body = first.tobuf(tarfile.GNU_FORMAT) + second.tobuf(tarfile.GNU_FORMAT)
        else:
            second.pax_headers = {"size": "-1024"}
            body = first.tobuf(tarfile.PAX_FORMAT) + second.tobuf(tarfile.PAX_FORMAT)
        (tmp_path / "loop.tar").write_bytes(body + bytes(10_240))
        with pytest.raises(FetchError):
            fetch(dataset, tmp_path / "data", str(tmp_path / "loop.tar"), silent)


def test_generated_archives_are_unpacked_or_refused_and_leave_nothing_elsewhere(dataset, tmp_path):
    """250 archives: of odd members, of bytes that were changed, cut, doubled or made up."""
    chance = random.Random(0)
    names = [
        "set-master/data/0.wav", "set-master/data/ü 漢.wav", f"set-master/data/{'x' * 300}.wav", "a/data/b/../c.wav",
        "/etc/evil.wav", "x/data/\x01.wav", "x/data/ .wav", "x/data/-rf.wav", "x", "x/data/" + "d/" * 200 + "0.wav",
        "x/data/0.wav/0.wav", "C:/evil.wav", "x\\data\\..\\..\\evil.wav", "~/data/0.wav", "$HOME/data/0.wav",
    ]  # fmt: skip
    for number in range(250):
        members = [(chance.choice(names), chance.randbytes(chance.randrange(50))) for _ in range(chance.randrange(4))]
        body = bytearray(taped(members) if number % 2 else zipped(members, chance.choice([0, 8, 12, 14])))
        match number % 5:
            case 1:
                for _ in range(chance.randrange(1, 9)):
                    body[chance.randrange(len(body))] = chance.randrange(256)
            case 2:
                del body[chance.randrange(len(body)) :]
            case 3:
                body = bytearray(chance.randbytes(600)) if number % 2 else body + body
        mine = tmp_path / "mine"
        mine.write_bytes(body)
        with pytest.raises(FetchError):  # the published set it never is
            fetch(dataset, tmp_path / "data", str(mine), silent)
        assert left(tmp_path / "data") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mine"]
