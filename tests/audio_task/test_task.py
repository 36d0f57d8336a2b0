"""What the task's settings do to a training: what the curves count, and in which precision it runs."""

from dataclasses import replace

import pytest

from audio_task.task import AudioTask
from binarynet.methods.filter import METHOD as FILTER
from hpsearch.contracts.progress import silent
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


def test_nonsensical_settings_are_refused():
    with pytest.raises(ValueError, match="curve_draws must be at least 1"):
        AudioTask(curve_draws=0)
