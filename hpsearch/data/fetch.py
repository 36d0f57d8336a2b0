"""Get a data set: download its archive, unpack the wanted files, and check what arrived.

Whatever stops a fetch, the same command goes on: it resumes the download where it broke off, and repeats the other
steps. The data set's folder appears at the end, whole.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, NamedTuple, Self, cast

from hpsearch.contracts.dataset import DataSet
from hpsearch.contracts.errors import FetchError, NoSpaceError, TaskError
from hpsearch.contracts.progress import Progress
from hpsearch.system.only_one import only_one

if TYPE_CHECKING:
    from requests import Response

BLOCK = 2**16
"""Bytes read and written at once; a connection that breaks loses fewer bytes than this."""
FULL = (errno.ENOSPC, errno.EDQUOT)
BUSY = (429, 500, 502, 503, 504)
"""Status codes after which a server is worth asking again."""
BREAKS = 5
"""How often in a row a connection may break without a new byte before the download fails."""
EXPANDS = 20
"""How many times larger than the archive the files in it may be; recordings and images expand by less than 2."""
MOST_FILES = 1_000_000
LONGEST_HEADER = 2**20
"""Most bytes that a tar's long name or attributes may have; tarfile reads them whole into memory."""
EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Types of headers in a tar that hold a long name or attributes for the next header."""
Open = Callable[[], IO[bytes]]


class _File(NamedTuple):
    """A file in an archive: its name there, its unpacked size, and a function that opens it."""

    name: str
    size: int
    open: Open
    regular: bool = True


def fetch(dataset: DataSet, folder: Path, source: str | None, progress: Progress) -> tuple[Path, str]:
    """Bring a data set into a data folder, unless it is there.

    Args:
        dataset: the data set to get.
        folder: the data folder, which is made if it is missing.
        source: another address, or an archive on this machine, instead of the publisher's archive.
        progress: told of bytes, files and clips.

    Returns:
        The data set's folder, and what its check says.

    Raises:
        FetchError: if the archive cannot be fetched, or is not what it should be. A wrong archive is removed; an
            unfinished download stays.
        NoSpaceError: if the disk is full; what is downloaded stays, and the next call goes on.
    """
    there = dataset.place(folder)
    if there is None:
        target = folder / dataset.places[0]
        with _clear_of_space(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with only_one(folder / f".{dataset.name}.lock", "waiting for another fetch of the same data set", progress):
                if not target.is_dir():
                    return target, _get(dataset, folder / f".fetching-{dataset.name}", target, source, progress)
        there = target
    # A fetch that was killed just before its end leaves this behind.
    shutil.rmtree(folder / f".fetching-{dataset.name}", ignore_errors=True)
    try:
        return there, dataset.check(there, progress)
    except TaskError as error:
        raise FetchError(f"{there} is there, and not whole: {error}; move it away, and fetch again") from error


def _get(dataset: DataSet, work: Path, target: Path, source: str | None, progress: Progress) -> str:
    """Download, unpack and check in a working folder, then rename; returns what the check says."""
    work.mkdir(exist_ok=True)
    unpacked = work / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    archive = _archive(dataset, work, source, progress)  # the next try goes on with what an error leaves here
    try:
        _verify(archive, dataset)
        _unpack(archive, unpacked, dataset, progress)
        found = dataset.check(unpacked, progress)
    except NoSpaceError:
        shutil.rmtree(unpacked, ignore_errors=True)
        raise
    except (FetchError, TaskError) as error:
        shutil.rmtree(work)  # or the next try would meet it again
        if isinstance(error, TaskError):
            found = str(error).replace(str(unpacked), "the archive")  # the folder is gone
            raise FetchError(f"what came is not {dataset.title} as known: {found}") from error
        raise
    target.parent.mkdir(parents=True, exist_ok=True)
    unpacked.rename(target)
    shutil.rmtree(work)
    return found


def _archive(dataset: DataSet, work: Path, source: str | None, progress: Progress) -> Path:
    """The archive on this machine: the user's own, or a downloaded one."""
    if source and "://" not in source:
        if not Path(source).is_file():
            raise FetchError(f"{source}: no such archive, nor is it an address with ://")
        return Path(source)
    address = source or dataset.archive
    if not address.startswith(("http://", "https://")):
        raise FetchError(f"{address}: only http:// and https:// addresses can be fetched; give an archive by its path")
    archive = work / hashlib.sha256(address.encode()).hexdigest()[:16]  # another address may give another archive
    if not archive.is_file():
        part = archive.with_suffix(".part")
        _stream(address, part, dataset.megabytes * 10**6, progress)
        part.replace(archive)
    return archive


def _stream(address: str, part: Path, size: int, progress: Progress) -> None:
    """Download into `part`, from where an earlier call or a broken connection left off."""
    import requests

    broken = 0
    while True:
        had = _size(part)
        try:
            with requests.get(address, stream=True, timeout=(30, 60), headers=_resuming(part)) as response:
                if _receive(response, part, size, progress):
                    break
            reason = "the connection broke off"
            if response.status_code in BUSY:
                reason = f"the server answered {response.status_code} {response.reason}"
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            reason = "the connection broke off" if _size(part) else "no connection to the server"
        except requests.RequestException as error:
            reason = f"{type(error).__name__}: {error}"
        broken = broken + 1 if _size(part) <= had else 1
        if broken >= BREAKS:
            goes_on = (
                f"goes on, where the server allows it from {_size(part) / 1e6:.1f} MB" if _size(part) else "tries again"
            )
            raise FetchError(
                f"{address}: {reason}; the same command {goes_on}; or give another address or an archive with --from"
            )
        time.sleep(min(2.0**broken / 4, 10))
    _validator(part).unlink(missing_ok=True)


def _resuming(part: Path) -> dict[str, str]:
    """Headers that ask for the rest of the file that `part` begins, but only if the server's file is still the same."""
    if not _size(part) or not _validator(part).is_file():
        return {"Accept-Encoding": "identity"}
    validator = _validator(part).read_text(encoding="ascii")
    return {"Accept-Encoding": "identity", "Range": f"bytes={_size(part)}-", "If-Range": validator}


def _receive(response: Response, part: Path, size: int, progress: Progress) -> bool:
    """Append or write a response's body; returns whether the archive is complete."""
    if response.status_code in BUSY:
        return False
    if response.status_code == 416:  # there is no more: what is kept is all, or more than the server has
        whole = response.headers.get("Content-Range") == f"bytes */{_size(part)}"
        if not whole:
            part.unlink()
        return whole
    if response.status_code not in (200, 206):
        raise FetchError(
            f"{response.url}: the server answered {response.status_code} {response.reason}; "
            "try again later, or give another address or an archive with --from"
        )
    if "html" in response.headers.get("Content-Type", ""):
        raise FetchError(
            f"{response.url}: a web page came instead of an archive (a login, a proxy, a wrong address?); "
            "give another address or an archive with --from"
        )
    start = _size(part) if response.status_code == 206 else 0
    if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        part.unlink()  # not the rest that was asked for
        return False
    length = response.headers.get("Content-Length")
    total = start + int(length) if length else None
    _needs(part.parent, (total or size) - start)
    validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
    if validator and not validator.startswith("W/"):  # a weak one is not enough to resume by
        _validator(part).write_text(validator, encoding="ascii")
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        for block in response.iter_content(BLOCK):
            file.write(block)
            if total is None and file.tell() > EXPANDS * size:
                raise FetchError(f"{response.url}: sends more than {EXPANDS} times what the archive has; see --from")
            progress("downloading, kB", file.tell() // 1000, max(total or size, file.tell()) // 1000)
    return total is None or _size(part) == total


def _verify(archive: Path, dataset: DataSet) -> None:
    """Compare the archive with the publisher's checksum, if there is one."""
    if dataset.md5 is None:
        return
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != dataset.md5:
        raise FetchError(
            f"what came is not the publisher's archive of {dataset.title}: its md5 is {found}, not {dataset.md5}; "
            "fetch again, or give another address or an archive with --from"
        )


@contextmanager
def _opened(archive: Path, dataset: DataSet) -> Iterator[list[_File]]:
    """The files in a zip archive, or the regular files in a tar archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            yield _modest((_File(i.filename, i.file_size, partial(opened.open, i)) for i in entries), dataset)
        return
    try:
        tape = tarfile.open(archive, tarinfo=_Header)  # noqa: SIM115 closed below
    except tarfile.ReadError:  # its own text lists every compression that it has tried
        raise ValueError("it begins like neither") from None
    with tape:
        # A link is not followed: what it leads to is outside the archive, or is counted already.
        members = (_File(i.name, i.size, cast("Open", partial(tape.extractfile, i)), i.isreg()) for i in tape)
        yield _modest(members, dataset)


class _Header(tarfile.TarInfo):
    """A tar's header that refuses a long name or attributes of too many bytes before they are read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in EXTENSIONS and header.size > LONGEST_HEADER):
            raise ValueError(f"a header of {header.size / 1e6:.0f} MB")
        return header


def _modest(files: Iterable[_File], dataset: DataSet) -> list[_File]:
    """The files, in order. Raises FetchError if they are too large, or would lie outside their folder."""
    found: list[_File] = []
    size, limit = 0, EXPANDS * dataset.megabytes * 10**6
    for count, file in enumerate(files, 1):  # a tar is read file by file, and no further than to one that is too large
        if file.regular:
            found.append(file)
        size += abs(file.size)  # attributes of a tar may say less than nothing
        if _leads_out(file.name):
            raise FetchError(f"the archive holds {file.name!r}, which leads out of its folder: nothing was unpacked")
        if size > limit or count > MOST_FILES:
            raise FetchError(
                f"the archive would unpack to more than {limit / 1e6:.0f} MB or {MOST_FILES} files, "
                f"{EXPANDS} times what {dataset.title} has: nothing was unpacked"
            )
    return found


def _unpack(archive: Path, work: Path, dataset: DataSet, progress: Progress) -> None:
    """Unpack the wanted files of an archive, each to the path that its name gives."""
    try:
        with _opened(archive, dataset) as files:
            matches = [(file, match[1]) for file in files if (match := re.fullmatch(dataset.members, file.name))]
            if not matches:
                raise FetchError(
                    f"the archive holds no {dataset.title} among its {len(files)} files; they should be named as in "
                    f"{dataset.archive}"
                )
            _needs(work.parent, sum(file.size for file, _ in matches))
            for done, (file, path) in enumerate(matches, 1):
                (work / path).parent.mkdir(parents=True, exist_ok=True)
                with file.open() as packed, (work / path).open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, BLOCK)
                progress("unpacking files", done, len(matches))
    except (FetchError, NoSpaceError, MemoryError):
        raise
    except Exception as error:  # a broken archive may raise anything, even OSError from a decompressor
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise FetchError(f"what came is no sound zip or tar archive ({error}); fetch again, or use --from") from error


def _leads_out(name: str) -> bool:
    """Whether a file of this name would lie outside the folder that an archive is unpacked into."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name


def _needs(folder: Path, needed: int) -> None:
    """Raise NoSpaceError unless the folder's disk has this many bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceError(f"{folder}: {needed / 1e6:.0f} MB are needed there, and {free / 1e6:.0f} MB are free")


@contextmanager
def _clear_of_space(folder: Path) -> Iterator[None]:
    """Turn the operating system's error of a full disk into NoSpaceError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise NoSpaceError(f"{folder}: the disk is full; make room, and the same command goes on") from error
        raise


def _size(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


def _validator(part: Path) -> Path:
    """The file that keeps the ETag or date of a partial download; without it the rest might come from another file."""
    return part.with_name(part.name + ".validator")
