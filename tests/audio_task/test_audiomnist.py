import re
import shutil

import numpy as np
import pytest
import soundfile

from audio_task.corpora.audiomnist import DATASET, TEST_SPEAKERS, AudioMnist, check, part_of
from audio_task.task import AudioTask
from binarynet.methods.filter import METHOD
from hpsearch.contracts.errors import TaskError


def silent(*_):
    pass


def tone(hertz, seconds=0.05, rate=48000):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """60 speakers, 500 clips each: links to ten short tones, one a digit."""
    folder = tmp_path_factory.mktemp("whole")
    for digit in range(10):
        soundfile.write(folder / f"{digit}.wav", tone(200 + 100 * digit), 48000)
    data = folder / "data"
    for speaker in range(1, 61):
        (data / f"{speaker:02d}").mkdir(parents=True)
        for digit in range(10):
            for repetition in range(50):
                path = data / f"{speaker:02d}" / f"{digit}_{speaker:02d}_{repetition}.wav"
                path.hardlink_to(folder / f"{digit}.wav")
    (data / "audioMNIST_meta.txt").write_text("{}")
    return data


@pytest.fixture
def some(whole, tmp_path):
    """Six speakers, of all parts in fold 0, ten clips each."""
    for speaker in (5, 26, 12, 4, 1, 2):
        (tmp_path / f"{speaker:02d}").mkdir()
        for digit in range(10):
            name = f"{speaker:02d}/{digit}_{speaker:02d}_7.wav"
            shutil.copy(whole / name, tmp_path / name)
    return tmp_path


def test_the_folds_part_the_speakers():
    assert sorted(speaker for speakers in TEST_SPEAKERS for speaker in speakers) == list(range(1, 61))
    for fold in range(5):
        parts = [part_of(speaker, fold) for speaker in range(1, 61)]
        assert [parts.count(part) for part in ("training", "validation", "test")] == [36, 12, 12]
        assert all(part_of(speaker, fold) == "test" for speaker in TEST_SPEAKERS[fold])
        assert all(part_of(speaker, (fold + 1) % 5) == "validation" for speaker in TEST_SPEAKERS[fold])


def test_a_whole_tree_has_thirty_thousand_clips_each_once(whole):
    corpus = AudioMnist(whole, fold=2)
    clips = corpus.clips()
    assert len({clip.name for clip in clips}) == 30_000
    assert (clips[0].name, clips[0].part, clips[-1].name) == ("0_01_0", "validation", "9_60_49")
    counts = {part: sum(clip.part == part for clip in clips) for part in ("training", "validation", "test")}
    assert counts == {"training": 18_000, "validation": 6_000, "test": 6_000}
    assert all(clip.digit == int(clip.name[0]) for clip in clips)
    assert corpus.facts(clips) == {"speakers": "36/12/12 for training/validation/test, fold 2 of AudioMNIST"}


def test_clips_are_resampled_to_8_khz(some):
    corpus = AudioMnist(some, speakers="present")
    for clip in corpus.clips()[:10]:
        samples = corpus.samples(clip)
        assert samples.dtype == np.float32
        assert len(samples) == 400
        middle = slice(100, 300)  # away from the filter's edges
        expected = tone(200 + 100 * clip.digit, rate=8000)
        np.testing.assert_allclose(samples[middle], expected[middle], atol=2e-3)


def test_what_8_khz_cannot_hold_is_filtered_away(some):
    path = some / "05" / "0_05_7.wav"
    soundfile.write(path, tone(6000), 48000)
    corpus = AudioMnist(some, speakers="present")
    (clip,) = (clip for clip in corpus.clips() if clip.name == "0_05_7")
    assert np.abs(corpus.samples(clip)[100:300]).max() < 0.005


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: [shutil.rmtree(data / s) for s in ("07", "08", "09", "31")],
         r"4 of 60 speakers are missing \(07-09, 31\); .* get it whole with: hpsearch data fetch audiomnist"),
        (lambda data: [(data / f"03/{f}").unlink() for f in ("4_03_11.wav", "0_03_2.wav")],
         r"missing files 03/0_03_2\.wav, 03/4_03_11\.wav;"),
        (lambda data: [(data / f"03/9_03_{i}.wav").unlink() for i in range(12)], r"9_03_7\.wav and 2 more"),
        (lambda data: shutil.copy(data / "01/0_01_0.wav", data / "01/0_01_50.wav"), r"surplus files 01/0_01_50\.wav"),
        (lambda data: shutil.copy(data / "01/0_01_0.wav", data / "01/copy.WAV"), r"surplus files 01/copy\.WAV"),
        (lambda data: shutil.copytree(data / "01", data / "61"), r"surplus files 61/0_01_0\.wav.* and 490 more"),
        (lambda data: (data / "02/0_02_0.wav").rename(data / "03/0_02_0.wav"),
         r"surplus files 03/0_02_0\.wav; missing files 02/0_02_0\.wav"),
    ],
)  # fmt: skip
def test_anything_but_the_published_tree_is_refused(whole, tmp_path, damage, message):
    data = tmp_path / "data"
    shutil.copytree(whole, data, copy_function=lambda a, b: __import__("os").link(a, b))
    damage(data)
    with pytest.raises(TaskError, match=message):
        AudioMnist(data).clips()


def test_those_present_are_enough_if_the_study_says_so(some):
    corpus = AudioMnist(some, speakers="present")
    assert len(corpus.clips()) == 60
    assert corpus.facts(corpus.clips()) == {"speakers": "2/2/2 for training/validation/test, fold 0 of AudioMNIST"}
    with pytest.raises(TaskError, match=r'54 of 60 speakers are missing .* set speakers = "present"'):
        AudioMnist(some).clips()
    (some / "05" / "notes.wav").write_bytes(b"")
    with pytest.raises(TaskError, match=r"surplus files 05/notes\.wav; move what does not belong there away"):
        corpus.clips()


def test_a_fold_without_a_part_is_named(some):
    with pytest.raises(TaskError, match="no speaker for test in fold 3; choose another fold"):
        AudioMnist(some, fold=3, speakers="present").clips()
    with pytest.raises(TaskError, match="no recordings named NN/digit_NN_repetition"):
        AudioMnist(some / "05", speakers="present").clips()


def stereo(path):
    soundfile.write(path, np.zeros((100, 2)), 48000)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-500]), "truncated: its last 500 bytes"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (stereo, "should be mono, but has 2 channels"),
        (lambda path: soundfile.write(path, np.zeros(100), 44100), "should be at 48000 Hz, but is at 44100"),
        (lambda path: path.write_text("version https://git-lfs\n" * 5), "is not a WAV file"),
        (lambda path: soundfile.write(path, np.full(9, np.nan, "f4"), 48000, "FLOAT"), "not numbers"),
    ],
)
def test_a_broken_file_stops_a_study_before_its_first_trial(some, monkeypatch, damage, message):
    damage(some / "26" / "8_26_7.wav")
    (some / "AudioMNIST" / "data").mkdir(parents=True)
    for folder in some.glob("[0-9][0-9]"):
        folder.rename(some / "AudioMNIST" / "data" / folder.name)
    monkeypatch.setenv("HPSEARCH_DATA", str(some))
    with pytest.raises(TaskError, match=rf"8_26_7\.wav {message}|8_26_7\.wav .*{message}"):
        AudioTask(corpus="audiomnist", speakers="present").prepare(silent)


def test_a_short_training_on_the_published_layout_learns(some, monkeypatch):
    (some / "AudioMNIST").mkdir()
    (some / "AudioMNIST" / "data").mkdir()
    for folder in some.glob("[0-9][0-9]"):
        folder.rename(some / "AudioMNIST" / "data" / folder.name)
    monkeypatch.setenv("HPSEARCH_DATA", str(some))
    task = AudioTask(corpus="audiomnist", speakers="present", snr_db=20.0, width=64, epochs=60, batch_size=20)
    facts = task.prepare(silent)
    assert "20/20/20 clips" in str(facts["features"])
    kinds = [path.suffix for path in task.files()]  # what other machines are sent: recordings and features
    assert (kinds.count(".wav"), kinds.count(".npy"), len(kinds)) == (60, 3, 63)
    (result,) = task.train(METHOD, [{"alpha": 1e-3, "gamma": 0.1}], [1], "cpu")
    assert result.objective is not None
    assert result.objective > 0.5  # tones of ten pitches; chance is 0.1


def test_the_whole_tree_passes_the_check(whole):
    assert re.fullmatch(r"30,000 recordings of 60 speakers, SHA-256 [0-9a-f]{64}", check(whole, silent))


@pytest.mark.parametrize("place", ["AudioMNIST/data", "AudioMNIST-master/data"])
def test_the_folder_is_found_by_any_of_its_names(tmp_path, monkeypatch, place):
    (tmp_path / place).mkdir(parents=True)
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path))
    assert DATASET.find() == tmp_path / place


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"corpus": "audiomnist", "fold": 5}, "fold"), ({"fold": 1}, "AudioMNIST"), ({"speakers": "present"}, "neither")],
)
def test_a_setting_that_would_do_nothing_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AudioTask(**settings)
