import multiprocessing
from dataclasses import dataclass

import librosa
import numpy as np
import pytest
import torch

from audio_task import TASK, features
from audio_task.clips import Clip
from audio_task.features import cached_features, log_mel, noisy, on_device


def clip(seconds=0.4, part="training", digit=1, name="c", seed=0):
    samples = 0.1 * np.random.default_rng(seed).standard_normal(int(8000 * seconds))
    return Clip(name, digit, part, samples.astype(np.float32))


@dataclass
class Corpus:
    name: str = "a"
    asked: int = 0

    def identity(self):
        return self.name

    def clips(self, progress):
        self.asked += 1
        sizes = {"training": 6, "validation": 3, "test": 2}
        return [clip(0.2 + 0.1 * i, part, i, f"{part}{i}", i) for part, n in sizes.items() for i in range(n)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def silent(*_):
    pass


@pytest.mark.parametrize("seconds", [0.14, 0.42, 2.3])
def test_features_are_librosas_log_mel_over_the_whole_clip(seconds):
    samples = clip(seconds).samples
    hop = int(np.ceil(len(samples) / 32))
    mel = librosa.feature.melspectrogram(y=samples, sr=8000, n_fft=512, hop_length=hop, n_mels=40)[:, :32]
    if mel.shape[1] < 32:
        mel = np.pad(mel, [(0, 0), (0, 32 - mel.shape[1])])
    expected = 10 * np.log10(np.maximum(mel, 1e-6))
    np.testing.assert_allclose(log_mel(samples).reshape(40, 32), expected, rtol=1e-4, atol=1e-3)


def test_several_draws_at_once_are_the_same_as_one_by_one():
    draws = noisy(clip(), 10.0, 3)
    np.testing.assert_allclose(log_mel(draws), np.stack([log_mel(draw) for draw in draws]), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 10.0])
def test_the_noise_has_the_stated_ratio_and_differs_between_draws(snr_db):
    speech = clip(2.0)
    noise = noisy(speech, snr_db, 3) - speech.samples
    powers = np.square(noise, dtype=float).mean(axis=1)
    ratio = 10 * np.log10(np.square(speech.samples, dtype=float).mean() / powers)
    assert ratio == pytest.approx([snr_db] * 3, abs=0.3)
    assert np.abs(np.corrcoef(noise) - np.eye(3)).max() < 0.05
    assert np.array_equal(noisy(speech, snr_db, 3), noisy(speech, snr_db, 3))
    assert not np.array_equal(noisy(clip(2.0, name="other"), snr_db, 1)[0] - speech.samples, noise[0])


def test_clean_speech_is_left_alone():
    assert np.array_equal(noisy(clip(), None, 1)[0], clip().samples)


def test_only_the_training_part_standardises():
    found = cached_features(Corpus(), 10.0, 4, 2, silent)
    shapes = {part: x.shape for part, x in found.inputs.items()}
    assert shapes == {"training": (4, 6, 1280), "validation": (2, 3, 1280), "test": (2, 2, 1280)}
    training = found.inputs["training"]
    assert training.mean(axis=(0, 1)) == pytest.approx(np.zeros(1280), abs=1e-4)
    assert training.std(axis=(0, 1)) == pytest.approx(np.ones(1280), abs=1e-3)

    class Louder(Corpus):
        def clips(self, progress):
            return [
                c if c.part == "training" else Clip(c.name, c.digit, c.part, 5 * c.samples)
                for c in super().clips(progress)
            ]

    changed = cached_features(Louder("b"), 10.0, 4, 2, silent)
    assert np.array_equal(changed.inputs["training"], training)
    assert (changed.inputs["test"] > found.inputs["test"]).all()


def test_features_are_computed_once_and_again_for_other_contents_or_settings():
    corpus = Corpus()
    first = cached_features(corpus, 10.0, 2, 1, silent)
    again = cached_features(corpus, 10.0, 2, 1, silent)
    assert corpus.asked == 1
    assert all(np.array_equal(first.inputs[part], again.inputs[part]) for part in first.inputs)
    cached_features(corpus, 5.0, 2, 1, silent)
    corpus.name = "changed"
    cached_features(corpus, 5.0, 2, 1, silent)
    assert corpus.asked == 3


def test_progress_is_told_to_its_end():
    told = []
    cached_features(Corpus(), None, 1, 1, lambda *what: told.append(what))
    assert told[-1] == ("computing features", 11, 11)


def write_and_die(monkeypatch_cache):
    import os

    os.environ["HPSEARCH_CACHE"] = str(monkeypatch_cache)
    features.np.save = lambda *_: os._exit(9)
    cached_features(Corpus(), 10.0, 2, 1, silent)


def test_a_writer_that_is_killed_leaves_no_half_cache(cache):
    process = multiprocessing.get_context("fork").Process(target=write_and_die, args=(cache,))
    process.start()
    process.join()
    assert process.exitcode == 9
    corpus = Corpus()
    assert cached_features(corpus, 10.0, 2, 1, silent).inputs["training"].shape == (2, 6, 1280)
    assert corpus.asked == 1


def test_every_draw_of_validation_counts_as_a_clip():
    found = cached_features(Corpus(), 10.0, 4, 2, silent)
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
