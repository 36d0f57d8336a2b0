"""What the task's settings do to a training: what the curves count, and in which precision it runs."""

from dataclasses import replace

import pytest
import torch

from audio_task.task import AudioTask
from binarynet.methods.filter import METHOD as FILTER
from binarynet.training import Variants
from hpsearch.contracts.errors import SpecError
from hpsearch.contracts.progress import silent
from hpsearch.study.settings import with_settings
from hpsearch.system import machine

TASK = AudioTask(
    corpus="synthetic", voices=6, takes=1, snr_db=10.0, draws=2, evaluation_draws=3, width=16, epochs=4, batch_size=16,
    precision="fp32",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _features():
    TASK.prepare(silent)


def trained(**settings):
    configurations = [{"alpha": 1e-2, "gamma": 0.2}, {"alpha": 1e-3, "gamma": 0.5}]
    return replace(TASK, **settings).train(FILTER, configurations, [1, 2], "cpu")


def test_curves_count_one_version_of_each_clip_and_the_objective_all_of_them():
    few, all_of_them, more = trained(), trained(curve_draws=3), trained(curve_draws=9)
    assert more == all_of_them
    clips = len(TASK._data("cpu").validation.labels) // 3
    for one, every in zip(few, all_of_them, strict=True):
        assert one.objective == every.objective == one.curves["validation_accuracy"][-1]
        assert one.metrics == every.metrics
        assert one.curves["train_loss"] == every.curves["train_loss"]
        assert one.curves["validation_accuracy"][-1] == every.curves["validation_accuracy"][-1]
        counts = [accuracy * clips for accuracy in one.curves["validation_accuracy"][:-1]]
        assert counts == pytest.approx([round(count) for count in counts], abs=1e-9)
    assert few != all_of_them


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_auto_is_what_the_machine_says_and_each_trial_tells_which(monkeypatch, precision):
    monkeypatch.setattr(machine, "precision", lambda wanted, device: precision if wanted == "auto" else wanted)
    found = trained(precision="auto")
    assert found == trained(precision=precision)
    assert [result.precision for result in found] == [precision] * 2


def test_fresh_noise_makes_a_version_an_epoch_and_shows_none_twice(monkeypatch):
    fresh = replace(TASK, draws="fresh")
    said = fresh.prepare(silent)
    assert "4 noise draws of each training clip and 3 of the others" in said["features"]
    steps, batch = [], Variants.batch

    def noted(data, order, variant):
        steps.append(batch(data, order, variant))
        return steps[-1]

    monkeypatch.setattr(Variants, "batch", noted)
    fresh.train(FILTER, [{"alpha": 1e-2, "gamma": 0.2}] * 2, [1, 2], "cpu")
    first, second = torch.cat(steps, dim=1)
    assert len(first) == len(second) == 4 * 16  # each of four epochs has one step, which takes 16 of the 30 clips
    assert len(first.unique(dim=0)) == len(second.unique(dim=0)) == 4 * 16
    assert not torch.equal(first, second)


def test_a_training_in_fresh_noise_does_not_depend_on_its_company():
    fresh = replace(TASK, draws="fresh")
    configurations = [{"alpha": 10.0**-i, "gamma": 0.2, "real_learning_rate": 0.1 / i} for i in range(1, 6)]
    together = fresh.train(FILTER, configurations, [1, 2, 3, 4, 5], "cpu")
    assert [fresh.train(FILTER, [c], [seed], "cpu")[0] for seed, c in enumerate(configurations, 1)] == together
    assert together != replace(TASK, draws=4).train(FILTER, configurations, [1, 2, 3, 4, 5], "cpu")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"curve_draws": 0}, "curve_draws must be at least 1"),
        ({"draws": 0}, 'draws must be at least 1, or "fresh", got 0'),
        ({"draws": "fresh"}, 'draws = "fresh" needs noise: set snr_db to a ratio'),
        ({"draws": "fresh", "snr_db": 0.0, "epochs": 0}, "epochs must be at least 1"),
    ],
)
def test_nonsensical_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        AudioTask(**settings)


def test_a_study_file_may_ask_for_fresh_noise():
    assert with_settings(TASK, {"draws": "fresh"}, "task").draws == "fresh"
    with pytest.raises(SpecError, match=r"^task.draws: .*got 'often'"):
        with_settings(TASK, {"draws": "often"}, "task")
    with pytest.raises(SpecError, match=r'^task: draws = "fresh" needs noise'):
        with_settings(TASK, {"draws": "fresh", "snr_db": "clean"}, "task")
