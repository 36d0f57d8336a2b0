import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from audio_task import TASK, features
from audio_task.corpora import Clip
from audio_task.features import WORTH_A_PROCESS, cached_features, on_device
from audio_task.log_mel import log_mel, noisy
from hpsearch.contracts.errors import TaskError
from tests.tools.editing import edited
from tests.tools.waiting import PATIENCE, hears_ctrl_c, until

SIZES = {"training": 6, "validation": 3, "test": 2}


def speech(seconds=0.4, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(int(8000 * seconds))).astype(np.float32)


@dataclass(frozen=True)
class Corpus:
    """Eleven clips; `log` is where each reading of one is noted, also from other processes."""

    log: Path
    name: str = "a"
    louder: float = 1.0
    copies: int = 1

    def identity(self, clips, progress):
        return self.name

    def facts(self, clips):
        return {}

    def files(self, clips):
        return []

    def clips(self):
        return [
            Clip(f"{part}{i}-{copy}", i, part)
            for copy in range(self.copies)
            for part, n in SIZES.items()
            for i in range(n)
        ]

    def samples(self, clip):
        with self.log.open("a") as file:
            file.write(f"{clip.name} {os.getpid()}\n")
        factor = 1.0 if clip.part == "training" else self.louder
        return np.float32(factor) * speech(0.2 + 0.1 * clip.digit, clip.digit)

    def read(self):
        """(clip, process) of each reading so far."""
        return [tuple(line.split()) for line in self.log.read_text().splitlines()] if self.log.is_file() else []


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path / "log")


def silent(*_):
    pass


@pytest.mark.parametrize("seconds", [0.14, 0.42, 2.3])
def test_features_are_librosas_log_mel_over_the_whole_clip(seconds):
    samples = speech(seconds)
    hop = int(np.ceil(len(samples) / 32))
    mel = librosa.feature.melspectrogram(y=samples, sr=8000, n_fft=512, hop_length=hop, n_mels=40)[:, :32]
    if mel.shape[1] < 32:
        mel = np.pad(mel, [(0, 0), (0, 32 - mel.shape[1])])
    expected = 10 * np.log10(np.maximum(mel, 1e-6))
    np.testing.assert_allclose(log_mel(samples).reshape(40, 32), expected, rtol=1e-4, atol=1e-3)


def test_several_draws_at_once_are_the_same_as_one_by_one():
    draws = noisy("c", speech(), 10.0, 3)
    np.testing.assert_allclose(log_mel(draws), np.stack([log_mel(draw) for draw in draws]), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0])
def test_the_noise_has_the_stated_ratio_and_differs_between_draws(snr_db):
    clip = speech(2.0)
    noise = noisy("c", clip, snr_db, 3) - clip
    powers = np.square(noise, dtype=float).mean(axis=1)
    ratio = 10 * np.log10(np.square(clip, dtype=float).mean() / powers)
    assert ratio == pytest.approx([snr_db] * 3, abs=0.3)
    assert np.abs(np.corrcoef(noise) - np.eye(3)).max() < 0.05
    assert np.array_equal(noisy("c", clip, snr_db, 3), noisy("c", clip, snr_db, 3))
    assert not np.array_equal(noisy("other", clip, snr_db, 1)[0] - clip, noise[0])


def test_clean_speech_is_left_alone():
    assert np.array_equal(noisy("c", speech(), None, 1)[0], speech())


def test_only_the_training_part_standardises(corpus):
    found = cached_features(corpus, 10.0, 4, 2, silent)
    shapes = {part: x.shape for part, x in found.inputs.items()}
    assert shapes == {"training": (4, 6, 1280), "validation": (2, 3, 1280), "test": (2, 2, 1280)}
    training = found.inputs["training"]
    assert training.mean(axis=(0, 1)) == pytest.approx(np.zeros(1280), abs=1e-4)
    assert training.std(axis=(0, 1)) == pytest.approx(np.ones(1280), abs=1e-3)

    changed = cached_features(Corpus(corpus.log, "b", louder=5.0), 10.0, 4, 2, silent)
    assert np.array_equal(changed.inputs["training"], training)
    assert (changed.inputs["test"] > found.inputs["test"]).all()


@pytest.mark.parametrize("shard", [1, 4, 128])
def test_shards_are_the_same_as_the_whole_at_once(corpus, monkeypatch, shard):
    monkeypatch.setattr(features, "CLIPS_A_SHARD", shard)
    monkeypatch.setattr(features, "WORTH_A_PROCESS", 100)
    found = cached_features(corpus, 10.0, 4, 2, silent)
    raw = {
        part: np.stack([
            log_mel(noisy(clip.name, corpus.samples(clip), 10.0, 4 if part == "training" else 2))
            for clip in corpus.clips() if clip.part == part
        ], axis=1)
        for part in SIZES
    }  # fmt: skip
    mean = raw["training"].mean(axis=(0, 1), dtype=np.float64)
    deviation = raw["training"].std(axis=(0, 1), dtype=np.float64) + 1e-6
    for part, x in raw.items():
        assert np.array_equal(found.inputs[part], ((x - mean) / deviation).astype(np.float32))


def test_features_are_computed_once_and_again_for_other_contents_or_settings(corpus):
    first = cached_features(corpus, 10.0, 2, 1, silent)
    again = cached_features(corpus, 10.0, 2, 1, silent)
    assert len(corpus.read()) == 11
    assert all(np.array_equal(first.inputs[part], again.inputs[part]) for part in first.inputs)
    cached_features(corpus, 5.0, 2, 1, silent)
    cached_features(Corpus(corpus.log, "changed"), 5.0, 2, 1, silent)
    assert len(corpus.read()) == 33


def test_progress_is_told_to_its_end(corpus):
    told = []
    cached_features(corpus, None, 1, 1, lambda *what: told.append(what))
    assert told[-1] == ("computing features", 11, 11)


def test_many_clips_are_shared_between_processes(corpus, tmp_path, monkeypatch):
    alone = cached_features(corpus, None, 1, 1, silent)
    monkeypatch.setattr(features, "CLIPS_A_SHARD", 16)
    many = Corpus(tmp_path / "many", copies=-(-(WORTH_A_PROCESS + 1) * 16 // 6))
    found = cached_features(many, None, 1, 1, silent)
    processes = {process for _, process in many.read()}
    assert str(os.getpid()) not in processes
    assert len(many.read()) == 11 * many.copies
    assert {process for _, process in corpus.read()} == {str(os.getpid())}
    assert found.inputs["training"].shape == (1, 6 * many.copies, 1280)
    np.testing.assert_allclose(found.inputs["test"][0, :2], alone.inputs["test"][0, :2], rtol=1e-3, atol=1e-3)


def fill_and_die(corpus, after):
    """The pass, dying in its `after`-th write."""
    written, write = [], features.write_whole

    def dying(path, *arguments):
        if len(written) == after:
            os._exit(9)
        write(path, *arguments)
        written.append(path)

    features.write_whole, features.CLIPS_A_SHARD, features.WORTH_A_PROCESS = dying, 2, 100
    cached_features(corpus, 10.0, 2, 1, silent)


@pytest.mark.parametrize(("after", "left"), [(0, 11), (1, 9), (4, 3), (6, 0), (8, 0)])
def test_a_pass_that_was_killed_goes_on_where_it_stopped(corpus, cache, monkeypatch, after, left):
    process = multiprocessing.get_context("fork").Process(target=fill_and_die, args=(corpus, after))
    process.start()
    process.join()
    assert process.exitcode == 9
    before = len(corpus.read())
    monkeypatch.setattr(features, "CLIPS_A_SHARD", 2)
    monkeypatch.setattr(features, "WORTH_A_PROCESS", 100)
    found = cached_features(corpus, 10.0, 2, 1, silent)
    assert len(corpus.read()) - before == left
    monkeypatch.setenv("HPSEARCH_CACHE", str(cache / "other"))
    undisturbed = cached_features(corpus, 10.0, 2, 1, silent)
    assert all(np.array_equal(found.inputs[part], undisturbed.inputs[part]) for part in SIZES)
    assert not list(cache.glob("audio/.partial-*"))


class Evil:
    """What a cache from somewhere else might hold."""

    called = False

    def __reduce__(self):
        return (setattr, (Evil, "called", True))


@pytest.mark.parametrize("damage", ["missing", "short", "shape", "empty", "flipped", "pickled", "no checksums"])
def test_a_cache_that_lost_something_is_filled_again(corpus, cache, damage):
    first = cached_features(corpus, 10.0, 2, 1, silent)
    expected = {part: np.array(x) for part, x in first.inputs.items()}
    (path,) = cache.glob("audio/*/training.npy")
    if damage == "missing":
        path.unlink()
    elif damage == "shape":
        np.save(path, np.zeros((2, 5, 1280), np.float32))
    elif damage == "flipped":
        contents = bytearray(path.read_bytes())
        contents[-1000] ^= 1
        path.write_bytes(contents)
    elif damage == "pickled":
        np.save(path, np.array([Evil()], dtype=object), allow_pickle=True)
    elif damage == "no checksums":
        path.with_name("checksums.json").write_text("{")
    else:
        path.write_bytes(path.read_bytes()[:5000] if damage == "short" else b"")
    again = cached_features(corpus, 10.0, 2, 1, silent, verify=True)
    assert all(np.array_equal(again.inputs[part], expected[part]) for part in expected)
    assert not Evil.called


def test_a_cache_that_cannot_be_written_is_said(corpus, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(TaskError, match=r"features cannot be kept in .*: Not a directory; make room there"):
        cached_features(corpus, 10.0, 2, 1, silent)


def test_training_cannot_change_the_cache(corpus):
    found = cached_features(corpus, 10.0, 2, 1, silent)
    found.inputs["training"][:] = 0
    assert cached_features(corpus, 10.0, 2, 1, silent).inputs["training"].any()


def test_every_draw_of_validation_counts_as_a_clip(corpus):
    found = cached_features(corpus, 10.0, 4, 2, silent)
    data = on_device(found, "cpu", "bf16")
    assert data.validation.inputs.shape == (6, 1280)
    assert data.validation.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.validation.inputs.dtype == torch.bfloat16
    assert data.training.variants == 4
    order, variant = torch.tensor([[5, 0], [1, 1]]), torch.tensor([[3, 0], [2, 1]])
    batch = data.training.batch(order, variant)
    assert batch.shape == (2, 2, 1280)
    expected = torch.from_numpy(found.inputs["training"][2, 1].copy()).bfloat16()
    assert torch.equal(batch[1, 0], expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"width": 0}, "width"), ({"corpus": "synthetic", "voices": 4}, "at least 5 voices"), ({"epochs": 0}, "epochs")],
)
def test_a_nonsensical_setting_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        type(TASK)(**settings)


SLOW_PASS = """
import sys, time
from pathlib import Path

sys.path.insert(0, {tests!r})
from test_features import Corpus, silent
from audio_task.features import cached_features


class Slow(Corpus):
    def samples(self, clip):
        time.sleep(0.05)
        return super().samples(clip)


if __name__ == "__main__":
    cached_features(Slow(Path({log!r}), copies=100), None, 1, 1, silent)
"""


def running(pids):
    return {
        pid
        for pid in pids
        if Path(f"/proc/{pid}/stat").is_file() and " Z " not in Path(f"/proc/{pid}/stat").read_text()
    }


@pytest.mark.skipif(not Path("/proc/self/stat").is_file(), reason="looks for processes in /proc")
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_no_process_of_the_pass_outlives_its_driver(tmp_path, cache, sign):
    corpus = Corpus(tmp_path / "log")
    script = tmp_path / "slow.py"
    script.write_text(SLOW_PASS.format(tests=str(Path(__file__).parent), log=str(corpus.log)))
    driver = subprocess.Popen([sys.executable, script], stderr=subprocess.DEVNULL, preexec_fn=hears_ctrl_c)
    until(lambda: len(corpus.read()) >= 30)
    workers = {int(process) for _, process in corpus.read()}
    assert driver.pid not in workers
    assert running(workers) == workers
    driver.send_signal(sign)
    driver.wait(PATIENCE)
    until(lambda: not running(workers))


def test_a_script_without_a_guard_is_told_and_does_not_hang(tmp_path):
    script = tmp_path / "slow.py"
    unguarded = SLOW_PASS.split("if __name__")[0] + edited(SLOW_PASS.split('"__main__":')[1], "\n    ", "\n")
    script.write_text(unguarded.format(tests=str(Path(__file__).parent), log=str(tmp_path / "log")))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "TaskError: a process that computes features died" in done.stderr
    assert "must do it below `if __name__ == '__main__':`" in done.stderr


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_shard_of_an_earlier_pass_is_not_trusted_if_damaged(tmp_path, cache, monkeypatch, damage):
    corpus = Corpus(tmp_path / "log")
    whole = {part: np.array(array) for part, array in cached_features(corpus, None, 1, 1, silent).inputs.items()}
    shutil.rmtree(cache)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(features, "_statistics", killed)
        with pytest.raises(KeyboardInterrupt):
            cached_features(corpus, None, 1, 1, silent)
    (shard,) = cache.rglob(".partial-*/training/*.npy")
    contents = bytearray(shard.read_bytes())
    contents[len(contents) // 2] ^= 4
    shard.write_bytes(contents[:-1000] if damage == "cut" else contents)
    found = cached_features(corpus, None, 1, 1, silent).inputs
    assert all(np.array_equal(found[part], whole[part]) for part in whole)


def test_features_do_not_depend_on_the_number_of_threads(tmp_path, cache):
    found = []
    for threads in (1, 2):
        corpus = Corpus(tmp_path / f"log{threads}", name=str(threads))
        with threadpool_limits(threads):
            inputs = cached_features(corpus, 0.0, 2, 1, silent).inputs
        found.append({part: np.asarray(array).tobytes() for part, array in inputs.items()})
    assert found[0] == found[1]
