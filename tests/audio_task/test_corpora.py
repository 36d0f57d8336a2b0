import wave

import numpy as np
import pytest
import soundfile

from audio_task.corpora.fsdd import DATASET, Fsdd, check, part_of, validation_of
from audio_task.corpora.synthetic import DIGITS, SOUNDS, SyntheticSpeech, make_voice, speak
from audio_task.task import AudioTask
from hpsearch.contracts.errors import TaskError

VALIDATION_OF_1 = [7, 8, 24, 26, 27, 35, 38, 39, 40, 46]  # as ever


def silent(*_):
    pass


def identity(recordings):
    corpus = Fsdd(recordings)
    return corpus.identity(corpus.clips(), silent)


@pytest.fixture
def recordings(tmp_path):
    """A small FSDD: two digits, one speaker, indices of all three parts."""
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for digit in (3, 7):
        for index in (0, 4, 5, 14, 15, 49):
            samples = (8000 * random.uniform(-1, 1, 1000 + index)).astype("<i2")
            soundfile.write(folder / f"{digit}_theo_{index}.wav", samples, 8000)
    return folder


class TestFsdd:
    def test_the_publishers_indices_choose_the_parts(self):
        assert [part_of(index) for index in (0, 4, 5, 14, 15, 49)] == [
            "test", "test", "validation", "validation", "training", "training",
        ]  # fmt: skip

    def test_a_seed_draws_ten_others_for_validation_and_leaves_the_test_alone(self, tmp_path):
        parts = {}
        for seed in (None, 1, 2, 1):
            held_out = validation_of(seed)
            parts[seed] = [part_of(index, held_out) for index in range(50)]
            assert parts[seed][:5] == ["test"] * 5
            assert (parts[seed].count("validation"), parts[seed].count("training")) == (10, 35)
        assert parts[None] == [part_of(index) for index in range(50)]
        assert len({tuple(of) for of in parts.values()}) == 3
        assert [i for i, part in enumerate(parts[1]) if part == "validation"] == VALIDATION_OF_1

    def test_the_seed_reaches_the_clips(self, recordings):
        held_out = validation_of(3)
        for clip in Fsdd(recordings, 3).clips():
            assert clip.part == part_of(int(clip.name.split("_")[2]), held_out)

    def test_each_corpus_has_its_splits(self):
        assert [AudioTask(corpus="audiomnist").split_of(repeat, 9) for repeat in (1, 5, 6)] == [
            {"fold": 0}, {"fold": 4}, {"fold": 0},
        ]  # fmt: skip
        assert AudioTask(corpus="fsdd").split_of(2, 9) == {"split_seed": 9}
        assert AudioTask(corpus="synthetic").split_of(2, 9) == {}
        with pytest.raises(ValueError, match="split_seed"):
            AudioTask(corpus="synthetic", split_seed=1)

    def test_clips_are_what_the_files_hold(self, recordings):
        corpus = Fsdd(recordings)
        clips = corpus.clips()
        assert [clip.name for clip in clips[:3]] == ["3_theo_0", "3_theo_14", "3_theo_15"]
        assert {clip.digit for clip in clips} == {3, 7}
        with wave.open(str(recordings / "3_theo_14.wav")) as file:
            expected = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        assert np.array_equal(corpus.samples(clips[1]), expected.astype(np.float32))

    def test_the_identity_follows_the_contents(self, recordings):
        before = identity(recordings)
        assert identity(recordings) == before
        (recordings / "notes.txt").write_text("not a recording")
        assert identity(recordings) == before
        path = recordings / "7_theo_49.wav"
        path.write_bytes(path.read_bytes()[:-2] + b"\x01\x02")
        assert identity(recordings) != before

    def test_names_in_letters_of_either_case_are_read(self, recordings):
        wanted = {}
        for old, new in (
            ("3_theo_0.wav", "3_Theo_0.WAV"),
            ("3_theo_5.wav", "3_ann2_1.Wav"),
            ("7_theo_4.wav", "7_Ünal_4.wav"),
        ):
            wanted[new] = (recordings / old).read_bytes()
            (recordings / old).rename(recordings / new)
        corpus = Fsdd(recordings)
        clips = {path.name: clip for clip, path in zip(corpus.clips(), corpus.files(corpus.clips()), strict=True)}
        assert len(clips) == 12
        assert clips["3_ann2_1.Wav"].part == "test"
        assert {name: path.read_bytes() for name, path in ((n, corpus.files([clips[n]])[0]) for n in wanted)} == wanted
        assert len(corpus.samples(clips["3_Theo_0.WAV"])) == 1000

    def test_a_recording_that_is_there_twice_is_named(self, recordings):
        (recordings / "3_THEO_0.wav").write_bytes((recordings / "3_theo_0.wav").read_bytes())
        with pytest.raises(TaskError, match=r"holds both 3_THEO_0\.wav and 3_theo_0\.wav"):
            Fsdd(recordings).clips()

    @pytest.mark.parametrize("below", ["", "fsdd"])
    def test_the_folder_is_found_by_any_of_its_names(self, recordings, monkeypatch, below):
        monkeypatch.setenv("HPSEARCH_DATA", str(recordings.parents[1] / below))
        assert DATASET.find() == recordings

    def test_a_missing_folder_is_said_with_the_way_out(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path))
        with pytest.raises(TaskError, match="hpsearch data fetch fsdd; or say where it lies with --data DIR"):
            DATASET.find()

    def test_other_recordings_than_the_known_ones_do_not_pass_the_check(self, recordings):
        with pytest.raises(TaskError, match=r"12 sound recordings, but not exactly the 3,000 of commit"):
            check(recordings, silent)

    def test_a_part_without_clips_is_named(self, recordings):
        for path in recordings.glob("*_theo_[04].wav"):
            path.unlink()
        with pytest.raises(TaskError, match="no clips for test"):
            Fsdd(recordings).clips()

    def test_an_empty_folder_is_named(self, tmp_path):
        with pytest.raises(TaskError, match="no recordings named"):
            Fsdd(tmp_path).clips()


class TestSyntheticSpeech:
    def test_the_same_arguments_give_the_same_clips(self):
        one, two = SyntheticSpeech(5, 1), SyntheticSpeech(5, 1)
        assert one.clips() == two.clips()
        assert len(set(one.clips())) == 5 * 10
        assert all(np.array_equal(one.samples(clip), two.samples(clip)) for clip in one.clips())

    def test_more_voices_leave_the_first_ones_as_they_were(self):
        few, many = SyntheticSpeech(5, 1), SyntheticSpeech(6, 1)
        assert many.clips()[: len(few.clips())] == few.clips()
        assert all(np.array_equal(few.samples(clip), many.samples(clip)) for clip in few.clips()[::7])

    def test_voices_are_in_one_part_only(self):
        parts = {}
        for clip in SyntheticSpeech(10, 1).clips():
            parts.setdefault(clip.name.split("_")[1], set()).add(clip.part)
        assert all(len(found) == 1 for found in parts.values())
        assert set().union(*parts.values()) == {"training", "validation", "test"}

    def test_speech_is_finite_short_and_of_even_loudness(self):
        corpus = SyntheticSpeech(5, 1)
        for clip in corpus.clips():
            samples = corpus.samples(clip)
            assert np.abs(samples).max() == pytest.approx(0.5)
            assert 0.1 < len(samples) / 8000 < 2.0

    def test_every_digit_is_made_of_known_sounds(self):
        assert len(DIGITS) == 10
        assert set("".join(DIGITS)) <= set(SOUNDS)

    def test_a_voices_pitch_can_be_heard(self):
        random = np.random.default_rng(4)
        voice = make_voice(random)
        samples = speak(3, voice, random)  # "three": mostly a long vowel
        middle = samples[len(samples) // 2 :][:1600].astype(float)
        correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
        lags = np.arange(8000 // 400, 8000 // 60)
        pitch = 8000 / lags[np.argmax(correlation[lags])]
        assert pitch == pytest.approx(voice.pitch, rel=0.3)
