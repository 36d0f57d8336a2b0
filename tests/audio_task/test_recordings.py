import os
import random
import struct
import time
import wave

import numpy as np
import pytest
import soundfile

from audio_task import recordings
from audio_task.recordings import identity, read_wav
from hpsearch.contracts.errors import TaskError


def silent(*_):
    pass


@pytest.fixture
def files(tmp_path):
    """Twelve sound recordings."""
    random = np.random.default_rng(0)
    paths = [tmp_path / f"{number:02d}.wav" for number in range(12)]
    for path in paths:
        soundfile.write(path, (8000 * random.uniform(-1, 1, 500)).astype("<i2"), 8000)
    return paths


def test_samples_are_what_the_file_holds(files):
    with wave.open(str(files[0])) as file:
        expected = np.frombuffer(file.readframes(500), "<i2") / 32768
    assert np.array_equal(read_wav(files[0], 8000), expected.astype(np.float32))


def chunk_before_the_data(path):
    contents = path.read_bytes()
    at = contents.index(b"data")
    path.write_bytes(contents[:at] + b"LIST" + (3).to_bytes(4, "little") + b"abc\0" + contents[at:])


def test_other_chunks_do_not_matter(files):
    expected = read_wav(files[0], 8000)
    chunk_before_the_data(files[0])
    assert np.array_equal(read_wav(files[0], 8000), expected)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
@pytest.mark.parametrize("before", [lambda path: None, chunk_before_the_data], ids=["plain", "chunk before"])
def test_a_size_that_the_writer_left_open_does_not_matter(files, size, before):
    expected = read_wav(files[0], 8000)
    before(files[0])
    contents = files[0].read_bytes()
    at = contents.index(b"data")
    said = size.to_bytes(4, "little")
    files[0].write_bytes(contents[:4] + said + contents[8 : at + 4] + said + contents[at + 8 :])
    assert np.array_equal(read_wav(files[0], 8000), expected)
    files[0].write_bytes(contents[:4] + said + contents[8 : at + 4] + said)
    with pytest.raises(TaskError, match=r"00\.wav holds no samples"):
        read_wav(files[0], 8000)


def test_a_chunk_after_no_data_is_no_sound(files):
    contents = files[0].read_bytes()
    at = contents.index(b"data")
    files[0].write_bytes(contents[: at + 4] + bytes(4) + b"LIST" + (3).to_bytes(4, "little") + b"abc\0")
    with pytest.raises(TaskError, match=r"00\.wav holds no samples"):
        read_wav(files[0], 8000)


BROKEN = [
    (lambda path: path.write_bytes(b""), "is empty"),
    (lambda path: path.write_bytes(b"<html>not found</html>" * 9), "is not a WAV file"),
    (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is truncated: its last 100 bytes are missing"),
    (lambda path: path.write_bytes(path.read_bytes()[:20]), "is truncated"),
    (lambda path: path.write_bytes(path.read_bytes()[:36]), "is truncated"),
    (lambda path: soundfile.write(path, np.zeros((100, 2)), 8000), "should be mono, but has 2 channels"),
    (lambda path: soundfile.write(path, np.zeros(100), 48000), "should be at 8000 Hz, but is at 48000"),
    (lambda path: soundfile.write(path, np.zeros(0), 8000), "holds no samples"),
    (lambda path: soundfile.write(path, np.full(9, np.nan, "f4"), 8000, "FLOAT"), "not numbers"),
    (lambda path: soundfile.write(path, np.full(9, 3.0, "f4"), 8000, "FLOAT"), "not numbers"),
    (lambda path: path.write_bytes(path.read_bytes().replace(b"fmt ", b"fmd ")), "not a readable WAV"),
    (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
]


@pytest.mark.parametrize(("damage", "message"), BROKEN)
def test_a_broken_file_is_named(files, damage, message):
    damage(files[3])
    with pytest.raises(TaskError, match=rf"03\.wav {message}|03\.wav .*{message}"):
        read_wav(files[3], 8000)
    with pytest.raises(TaskError, match=r"03\.wav"):
        identity(files, 8000, silent)


def test_all_broken_files_are_named_up_to_ten(files):
    for path in files[:2]:
        path.write_bytes(b"")
    with pytest.raises(TaskError, match=r"00\.wav is empty; \S*01\.wav is empty$"):
        identity(files, 8000, silent)
    for path in files:
        path.write_bytes(b"")
    with pytest.raises(TaskError, match=r"09\.wav is empty; and 2 more$"):
        identity(files, 8000, silent)


def test_what_was_sound_is_read_again_only_if_it_has_changed(files, monkeypatch):
    read = []
    original = recordings._bytes
    monkeypatch.setattr(recordings, "_bytes", lambda path: read.append(path) or original(path))
    first = identity(files, 8000, silent)
    assert len(read) == 12
    assert identity(files, 8000, silent) == first
    assert len(read) == 12
    contents = bytearray(files[5].read_bytes())
    contents[-1] ^= 1
    files[5].write_bytes(contents)
    os.utime(files[5], ns=(0, time.time_ns() + 1))
    assert identity(files, 8000, silent) != first


def test_a_broken_file_is_named_each_time(files):
    files[3].write_bytes(b"")
    for _ in range(2):
        with pytest.raises(TaskError, match=r"03\.wav is empty"):
            identity(files, 8000, silent)


def test_all_is_read_anew_if_asked_for(files):
    first = identity(files, 8000, silent)
    before = files[5].stat()
    contents = bytearray(files[5].read_bytes())
    contents[-1] ^= 1
    files[5].write_bytes(contents)
    os.utime(files[5], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert identity(files, 8000, silent) == first  # as a build tool would be fooled
    assert identity(files, 8000, silent, anew=True) != first


def test_a_link_that_leads_nowhere_is_named(files):
    files[3].unlink()
    files[3].symlink_to("nowhere")
    with pytest.raises(TaskError, match=r"03\.wav cannot be read: No such file"):
        identity(files, 8000, silent)


@pytest.mark.parametrize("text", ["", "abc", "g" * 64])
def test_a_spoilt_memory_is_not_believed(files, cache, text):
    first = identity(files, 8000, silent)
    (memory,) = (cache / "audio" / "identities").iterdir()
    memory.write_text(text)
    assert identity(files, 8000, silent) == first


def test_a_cache_that_cannot_be_written_is_no_obstacle(files, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "file"))
    assert len(identity(files, 8000, silent)) == 64


def test_progress_is_told(files):
    told = []
    identity(files, 8000, lambda *what: told.append(what))
    assert told[-1] == ("checking recordings", 12, 12)


def riff(chance):
    """A WAV file of any format, rate, width and length, its chunks in any order, and sometimes no longer one."""
    sound = chance.randbytes(chance.randrange(400))
    tag, channels, rate, width = 1, 1, 8000, 16
    if chance.random() < 0.6:
        channels, width = chance.choice([1, 2, 0, 65535]), chance.choice([8, 16, 24, 32, 0, 7, 64])
        rate, tag = chance.choice([8000, 48000, 0, 2**32 - 1]), chance.choice([1, 1, 3, 7, 17, 85, 0xFFFE, 0])
    block = channels * width // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * block % 2**32, block % 2**16, width)
    chunks = [(b"fmt ", form), (b"data", sound), (b"LIST", b"abc"), (b"fact", b"\0" * 4)]
    if chance.random() < 0.3:
        chance.shuffle(chunks)
    body = b"WAVE" + b"".join(
        name
        + struct.pack("<I", chance.choice([len(part)] * 27 + [0, 2**32 - 1, 10**6]))
        + part
        + b"\0" * (len(part) % 2)
        for name, part in chunks[: chance.choice([4, 4, 4, 2, 1])]
    )
    contents = bytearray(b"RIFF" + struct.pack("<I", len(body)) + body)
    if chance.random() < 0.4:
        for _ in range(chance.randrange(1, 6)):
            contents[chance.randrange(len(contents))] = chance.randrange(256)
    if chance.random() < 0.2:
        del contents[chance.randrange(len(contents)) :]
    return bytes(contents)


def test_500_generated_files_are_read_or_refused_with_their_names(tmp_path):
    chance, read, said = random.Random(0), 0, set()
    for number in range(500):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(riff(chance))
        refused, samples = None, np.zeros(1)
        try:
            samples = read_wav(path, 8000)
            read += 1
        except TaskError as error:
            refused = str(error)
        assert samples.ndim == 1
        assert np.isfinite(samples).all()
        assert len(samples) > 0
        if refused is not None:
            assert refused.startswith(str(path))
            said.add(refused.removeprefix(f"{path} ").split(":")[0][:14])
    assert read > 50
    assert len(said) > 5


def test_odd_names_are_read_as_they_are(tmp_path, files):
    for name in ("ü ß 漢.wav", "a b\n.wav", "-rf.wav", "%s{0}.wav", "'\"`$(ls).wav", "x" * 250 + ".wav"):
        path = tmp_path / name
        path.write_bytes(files[0].read_bytes())
        assert np.array_equal(read_wav(path, 8000), read_wav(files[0], 8000))
    with pytest.raises(TaskError, match="cannot be read"):
        read_wav(tmp_path / ("x" * 300 + ".wav"), 8000)
