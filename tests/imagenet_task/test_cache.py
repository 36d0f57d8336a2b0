"""Decoding, and the cache of decoded images: whole or absent, resumed, checked, bounded in memory."""

import io
import multiprocessing
import os
import re
import shutil
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import silent
from imagenet_task import cache as caching
from imagenet_task import decoding, shards
from imagenet_task.cache import cached_images, stored_side
from imagenet_task.datasets import imagenet
from tests.imagenet_task.conftest import CLASSES, jpeg, make_tar, make_tree, picture

SIDE = 37
"""Side of a cached image at a resolution of 32."""


def read(tree):
    return imagenet.read(tree, silent)


def contents(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def two_steps(image, side):
    """torchvision's Resize and CenterCrop, on Pillow."""
    width, height = image.size
    short = min(width, height)
    size = (int(side * width / short), int(side * height / short))
    left, top = round((size[0] - side) / 2), round((size[1] - side) / 2)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR).crop((left, top, left + side, top + side)))


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (64, 64), (30, 20), (300, 299)])
def test_a_square_is_the_resized_middle(size):
    waves = np.sin(np.add.outer(np.arange(size[1]) / 9, np.arange(size[0]) / 7))
    image = Image.fromarray((127 + 100 * np.stack([waves, -waves, waves / 2], -1)).astype(np.uint8))
    found = decoding.square(contents(image, "PNG"), 37)
    assert found.shape == (37, 37, 3)
    assert found.dtype == np.uint8
    away = np.abs(found.astype(int) - two_steps(image, 37).astype(int))
    assert away.mean() < 6  # its longer side is rounded before the crop, which shifts it by up to a pixel
    if size[0] == size[1]:
        assert not away.any()


GREY = picture(0, 1).convert("L")
KINDS = {
    "grey": contents(GREY, "JPEG"),
    "grey png": contents(GREY, "PNG"),
    "grey and alpha": contents(GREY.convert("LA"), "PNG"),
    "one bit": contents(GREY.convert("1"), "PNG"),
    "sixteen bits": contents(GREY.convert("I;16"), "PNG"),
    "palette": contents(picture(0, 1).quantize(16), "PNG"),
    "palette with transparency": contents(picture(0, 1).quantize(16), "PNG", transparency=b"\x00\x80\xff"),
    "transparent": contents(picture(0, 1).convert("RGBA"), "PNG"),
    "CMYK": contents(picture(0, 1).convert("CMYK"), "JPEG"),
    "webp": contents(picture(0, 1), "WEBP", lossless=True),
    "bmp": contents(picture(0, 1), "BMP"),
    "ppm": contents(picture(0, 1), "PPM"),
    "one pixel": contents(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG"),
    "one row": contents(Image.new("RGB", (2000, 1), (9, 8, 7)), "PNG"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_becomes_red_green_and_blue(kind):
    found = decoding.square(KINDS[kind], 37)
    assert found.shape == (37, 37, 3)
    if kind.startswith("one "):
        assert kind == "one bit" or (found == (9, 8, 7)).all()
    elif kind != "sixteen bits":
        expected = decoding.square(contents(picture(0, 1), "PNG"), 37).astype(int)
        if "grey" in kind:
            assert (found == found[..., :1]).all()
        else:
            assert np.abs(found - expected).mean() < 20


def test_sides_are_eight_sevenths_of_the_resolution():
    assert [stored_side(resolution) for resolution in (224, 112, 64, 32)] == [256, 128, 73, 37]


def test_cached_images_are_the_squares_in_the_order_of_the_listing(tree):
    images = read(tree)
    found = cached_images(images, 32, silent)
    for part, pixels in ((images.training, found.training), (images.validation, found.validation)):
        assert pixels.shape == (len(part.names), SIDE, SIDE, 3)
        for image, name in enumerate(part.names):
            assert np.array_equal(pixels[image], decoding.square((part.source / name).read_bytes(), SIDE))


def test_images_in_an_archive_are_decoded_from_there(tree):
    shutil.rmtree(tree / "val")
    make_tar(tree, [2, 0, 1, 1])
    found = cached_images(read(tree), 32, silent).validation
    for number, label in enumerate([2, 0, 1, 1], 1):
        expected = decoding.square(jpeg(picture(label, 2000 + number)), SIDE)
        assert np.array_equal(found[number - 1], expected)


@pytest.fixture
def decoded(monkeypatch):
    """Counts how many images were decoded in this process."""
    calls, square = [], decoding.square
    monkeypatch.setattr(decoding, "square", lambda contents, side: calls.append(side) or square(contents, side))
    return calls


def test_images_are_decoded_once_and_again_for_what_would_change_them(tree, decoded, monkeypatch):
    first = cached_images(read(tree), 32, silent)
    again = cached_images(read(tree), 32, silent, verify=True)
    assert len(decoded) == 24
    assert again.sha256 == first.sha256
    assert np.array_equal(again.training, first.training)
    cached_images(read(tree), 40, silent)
    assert len(decoded) == 48
    path = tree / "val" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"
    os.utime(path, ns=(1, 1))  # changed, or copied without its time: the same pixels
    assert cached_images(read(tree), 32, silent).sha256 == first.sha256
    assert len(decoded) == 72
    path.write_bytes(jpeg(picture(1, 77)))
    other = cached_images(read(tree), 32, silent)
    assert len(decoded) == 96
    assert other.sha256 != first.sha256
    monkeypatch.setattr("PIL.__version__", "99.0")
    cached_images(read(tree), 32, silent)
    assert len(decoded) == 120


def test_a_change_of_the_decoding_decodes_again(tree, tmp_path, decoded, monkeypatch):
    cached_images(read(tree), 32, silent)
    changed = tmp_path / "decoding.py"
    changed.write_text(Path(decoding.__file__).read_text() + "# changed\n")
    monkeypatch.setattr(decoding, "__file__", str(changed))
    cached_images(read(tree), 32, silent)
    assert len(decoded) == 48


def test_progress_is_told_to_its_end(tree):
    told = []
    cached_images(read(tree), 32, lambda *what: told.append(what))
    assert told[-1] == ("decoding images", 24, 24)
    cached_images(read(tree), 32, lambda *what: told.append(what), verify=True)
    assert told[-1] == ("checking decoded images", 24, 24)


def small_shards(monkeypatch, images, worth=100):
    """Let shards have this many images; by default none is worth a process."""
    monkeypatch.setattr(caching, "SHARD_BYTES", images * 3 * SIDE**2)
    monkeypatch.setattr(shards, "WORTH_A_PROCESS", worth)


def test_processes_and_shards_change_nothing(tree, decoded, monkeypatch):
    whole = cached_images(read(tree), 32, silent)
    small_shards(monkeypatch, 4, worth=2)
    shared = cached_images(read(tree), 32, silent, verify=True)
    assert len(decoded) == 24  # the second pass was in other processes
    assert np.array_equal(shared.training, whole.training)
    assert np.array_equal(shared.validation, whole.validation)
    assert cached_images(read(tree), 32, silent, verify=True).sha256 == shared.sha256


def fill_and_die(tree, after):
    """The pass with shards of 2 images, dying in its `after`-th decoding."""
    calls, square = [], decoding.square

    def dying(contents, side):
        if len(calls) == after:
            os._exit(9)
        calls.append(side)
        return square(contents, side)

    decoding.square = dying
    caching.SHARD_BYTES, shards.WORTH_A_PROCESS = 2 * 3 * SIDE**2, 100
    cached_images(read(tree), 32, silent)


@pytest.mark.parametrize(("after", "left"), [(0, 24), (1, 24), (2, 22), (9, 16), (17, 8), (23, 2)])
def test_a_pass_that_was_killed_goes_on_where_it_stopped(tree, cache, decoded, monkeypatch, after, left):
    process = multiprocessing.get_context("fork").Process(target=fill_and_die, args=(tree, after))
    process.start()
    process.join()
    assert process.exitcode == 9
    (ledger,) = cache.glob("imagenet/*/ledger.txt")
    with ledger.open("ab") as file:
        file.write(b"train 8 12345")  # a line without its end, as a kill may leave one
    small_shards(monkeypatch, 2)
    found = cached_images(read(tree), 32, silent, verify=True)
    assert len(decoded) == left
    monkeypatch.setenv("HPSEARCH_CACHE", str(cache / "other"))
    undisturbed = cached_images(read(tree), 32, silent)
    assert np.array_equal(found.training, undisturbed.training)
    assert np.array_equal(found.validation, undisturbed.validation)
    assert found.sha256 == undisturbed.sha256


DAMAGES = {
    # what is done to the folder's files, and how many images are decoded again, in shards of 4 (5 and 2 of them)
    "flipped": (lambda train, _: flip(train, -1000), 2),
    "header": (lambda train, _: flip(train, 70), 18),
    "short": (lambda train, _: train.write_bytes(train.read_bytes()[:5000]), 18),
    "missing": (lambda train, _: train.unlink(), 18),
    "empty": (lambda train, _: train.write_bytes(b""), 18),
    "no ledger": (lambda _, ledger: ledger.unlink(), 24),
    "a line gone": (lambda _, ledger: ledger.write_bytes(ledger.read_bytes().split(b"\n", 1)[1]), 4),
    "nonsense": (lambda _, ledger: ledger.write_bytes(b"\xff\x00 \n train 99 1\ntrain x 1\nother 1 2\n"), 24),
    "a wrong checksum": (lambda _, ledger: ledger.write_bytes(ledger.read_bytes() + b"val 1 7\n"), 2),
}


def flip(path, at):
    changed = bytearray(path.read_bytes())
    changed[at] ^= 1
    path.write_bytes(changed)


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_cache_has_lost_is_decoded_again_and_nothing_else(tree, cache, decoded, monkeypatch, damage):
    small_shards(monkeypatch, 4)
    first = cached_images(read(tree), 32, silent)
    expected, sha256 = np.array(first.training), first.sha256
    del first
    (train,), (ledger,) = cache.glob("imagenet/*/train.npy"), cache.glob("imagenet/*/ledger.txt")
    change, again = DAMAGES[damage]
    change(train, ledger)
    decoded.clear()
    found = cached_images(read(tree), 32, silent, verify=True)
    assert len(decoded) == again
    assert np.array_equal(found.training, expected)
    assert found.sha256 == sha256
    assert cached_images(read(tree), 32, silent, verify=True).sha256 == sha256
    assert len(decoded) == again


def test_a_changed_byte_is_found_only_when_asked_for(tree, cache, decoded):
    cached_images(read(tree), 32, silent)
    (train,) = cache.glob("imagenet/*/train.npy")
    flip(train, -1)
    cached_images(read(tree), 32, silent)
    assert len(decoded) == 24
    cached_images(read(tree), 32, silent, verify=True)
    assert len(decoded) == 42  # this part is one shard


def png_of_size(width, height):
    """A PNG that says it is so large, and ends there."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 1000) + b"IDAT"


UNREADABLE = {
    "cut": (jpeg(picture(0, 1))[:-200], r"truncated"),
    "text": (b"<html>not found</html>", r"no image in a known format"),
    "another format": (contents(picture(0, 1), "GIF"), r"no image in a known format"),
    "too large": (png_of_size(20_000, 20_000), r"exceeds limit"),
}


@pytest.mark.parametrize(("kind", "worth"), [*((kind, 100) for kind in UNREADABLE), ("cut", 0)])
def test_an_unreadable_image_ends_the_pass_with_its_name(tree, monkeypatch, kind, worth):
    small_shards(monkeypatch, 2, worth)
    damaged, why = UNREADABLE[kind]
    path = tree / "val" / CLASSES[2] / f"{CLASSES[2]}_1.JPEG"
    whole = path.read_bytes()
    path.write_bytes(damaged)
    message = rf"^{re.escape(str(path))} cannot be read as an image \(.*{why}.*\): copy it again, or remove"
    with pytest.raises(TaskError, match=message) as refused:
        cached_images(read(tree), 32, silent)
    assert "\n" not in str(refused.value)
    path.write_bytes(whole)
    assert cached_images(read(tree), 32, silent, verify=True).validation.any()


def test_an_unreadable_image_of_an_archive_is_named(tree):
    shutil.rmtree(tree / "val")
    make_tar(tree, [0, 1, 2])
    images = read(tree)
    with (tree / imagenet.TAR).open("r+b") as file:
        file.seek(int(images.validation.stamps[1, 0]))
        file.write(b"zzzz")
    with pytest.raises(TaskError, match=r"^ILSVRC2012_val_00000002\.JPEG in .*val\.tar cannot be read as an image"):
        cached_images(read(tree), 32, silent)


def test_a_process_has_one_shard_in_memory(tmp_path, monkeypatch):
    """Forty shards in one process take little more than one: what is decoded is written and forgotten."""
    images = read(make_tree(tmp_path / "data", training=53, validation=1))
    cached_images(images, 32, silent)  # what is imported at the first call stays
    one = 3 * 256**2
    monkeypatch.setattr(caching, "SHARD_BYTES", 4 * one)
    monkeypatch.setattr(shards, "WORTH_A_PROCESS", 100)
    tracemalloc.start()
    try:
        found = cached_images(images, 224, silent)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 4 * one < peak < 12 * one
    assert len(found.training) == 159


def test_jobs_carry_their_own_images_only():
    """What a process is sent must not grow with the data set."""
    part = imagenet.Part(Path(), [str(i) for i in range(100)], np.arange(100), np.zeros((100, 3), np.int64))
    some = part.some(range(10, 14))
    assert (list(some.names), some.labels.tolist(), len(some.stamps)) == (["10", "11", "12", "13"], [10, 11, 12, 13], 4)


def test_too_small_a_disk_is_said_before_anything_is_decoded(tree, decoded, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shards.shutil, "disk_usage", lambda _: usage(10**6, 10**6, 1000))
    with pytest.raises(
        TaskError, match=r"decoded images need 0\.0 GB in .*imagenet, where 0\.0 GB are free: make room"
    ):
        cached_images(read(tree), 32, silent)
    assert decoded == []


def test_a_cache_that_cannot_be_written_is_said(tree, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(TaskError, match=r"decoded images cannot be kept in .*: Not a directory; make room there"):
        cached_images(read(tree), 32, silent)


def test_training_cannot_change_the_cache(tree):
    found = cached_images(read(tree), 32, silent)
    with pytest.raises(ValueError, match="read-only"):
        found.training[:] = 0


def test_a_script_without_a_guard_is_told_and_does_not_hang(tree, tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from pathlib import Path\n"
        "from imagenet_task import cache\n"
        "from imagenet_task.datasets import imagenet\n"
        "cache.SHARD_BYTES, silent = 3, lambda *_: None\n"
        f"cache.cached_images(imagenet.read(Path({str(tree)!r}), silent), 32, silent)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "TaskError: a process that decodes images died" in done.stderr
    assert "must do it below `if __name__ == '__main__':`" in done.stderr
