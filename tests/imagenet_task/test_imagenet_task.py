"""Whole trainings on small folders, and what the task says of settings and data that do not fit."""

import shutil
import subprocess
import sys

import pytest
import torch

from binarynet.methods.filter import METHOD as FILTER
from binarynet.stacked import Stacked
from binarynet.targets import Targets
from binarynet.training import Budget, Data, Labelled, Training
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import silent
from hpsearch.contracts.searcher import History
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from hpsearch.study.plan import read_plan
from hpsearch.study.shipped import find_study
from imagenet_task.images import CROPS
from imagenet_task.networks import load
from imagenet_task.task import ImageNetTask
from tests.imagenet_task.conftest import CLASSES, make_tar, make_tree
from tests.tools.studies import run_to_end

STUDY = """
name = "tiny"
trials = 1
repeats = 2
seed = 4
pack = {pack}
searcher = "sobol"

[task]
name = "imagenet_task"
classes = 3
resolution = 32
validation = 2
epochs = 1
batch_size = 4

[methods.filter]
"""


def test_a_whole_comparison_is_the_same_in_any_pack_and_on_any_workers(tree, tmp_path):
    tables = {}
    for pack, workers in ((1, 2), (2, 1)):
        study = tmp_path / f"{pack}.toml"
        study.write_text(STUDY.format(pack=pack))
        tables[pack] = load_tables(run_to_end(study, f"{pack}.db", "processes", workers))
    one, other = (t.trials.drop(columns="seconds") for t in tables.values())
    assert len(one) == 2
    assert set(one["state"]) == {"complete"}
    assert other.equals(one)
    assert tables[1].curves.equals(tables[2].curves)
    with Database(tmp_path / "1.db") as database:
        data = database.existing().data
    assert len(data["images_sha256"]) == 64
    assert data["images"] == "18 training and 6 test images of 3 classes at 37 pixels"


def test_it_learns(tmp_path, monkeypatch):
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path / "data"))
    make_tree(tmp_path / "data" / "imagenet", training=24, validation=8)
    task = ImageNetTask(classes=3, resolution=32, validation=4, epochs=3, batch_size=12)
    (result,) = task.train(FILTER, [{"alpha": 1e-2, "gamma": 0.2}], [1], "cpu")
    assert result.metrics["test_accuracy"] > 0.8  # colours are easily told; chance is a third


def test_the_objective_is_known_without_data():
    assert ImageNetTask().objective.chance == 1e-3
    assert ImageNetTask(classes=10).objective.name == "validation accuracy"
    objective = ImageNetTask(classes=10, validation=0).objective
    assert (objective.name, objective.chance, objective.searchable) == ("test accuracy", 0.1, False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "resnet"}, "network is one of bireal18, deit_tiny, reactnet_a, xnornet; got 'resnet'"),
        ({"classes": 1}, "classes must be at least 2, got 1"),
        ({"resolution": 20}, "resolution must be 32 to 512 for bireal18, got 20"),
        ({"network": "xnornet", "resolution": 64}, "resolution must be 224 for xnornet, got 64"),
        ({"network": "deit_tiny", "resolution": 100}, "must be a multiple of 16 from 32 to 512 for deit_tiny, got 100"),
        ({"validation": -1}, "validation must be at least 0, got -1"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        ImageNetTask(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"imagenet has 3 classes, and the task's setting says classes = 1000: give classes = 3 in the study file"),
        ({"classes": 3, "validation": 6}, r"has a class with 6 training images, which leaves none to train on with"),
    ],
)
def test_data_that_does_not_fit_the_settings_is_one_sentence(tree, settings, message):
    for call in (lambda task: task.prepare(silent), lambda task: task.load("cpu")):
        with pytest.raises(TaskError, match=message):
            call(ImageNetTask(resolution=32, **settings))


def test_prepare_checks_every_byte_and_training_none(tree, cache):
    task = ImageNetTask(classes=3, resolution=32, validation=1)
    before = task.prepare(silent)
    (path,) = cache.glob("imagenet/*/train.npy")
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 1
    path.write_bytes(contents)
    task.load("cpu")
    assert path.read_bytes() == contents
    assert task.prepare(silent) == before
    assert path.read_bytes() != contents


def test_a_folder_without_images_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path))
    with pytest.raises(TaskError, match=r"no ImageNet images under .*: train/CLASS/IMAGE and val/CLASS/IMAGE are exp"):
        ImageNetTask().prepare(silent)
    (tmp_path / "ILSVRC2012").mkdir()
    with pytest.raises(TaskError, match=r"ILSVRC2012 has no folder train"):
        ImageNetTask().prepare(silent)


def test_an_archive_in_place_of_a_folder_trains(tree):
    shutil.rmtree(tree / "val")
    make_tar(tree, [0, 1, 2, 2])
    task = ImageNetTask(classes=len(CLASSES), resolution=32, validation=0, epochs=1, batch_size=9)
    (result,) = task.train(FILTER, [{"alpha": 1e-2, "gamma": 0.2}], [1], "cpu")
    assert result.outcome == "complete"
    assert result.objective == result.metrics["test_accuracy"]


RECIPES = {
    # network, epochs, images per step
    "bop-imagenet": ("bireal18", 300, 1_024),
    "bop2ndorder-imagenet": ("bireal18", 150, 1_024),
    "table3-imagenet": ("reactnet_a", 239, 510),
    "deit-imagenet": ("deit_tiny", 300, 1_024),
}


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_trains_for_a_few_steps(name):
    plan = read_plan(find_study(name))
    task = plan.task
    assert (task.network, task.epochs, task.batch_size) == RECIPES[name]
    assert (task.classes, task.resolution, task.validation) == (1_000, 224, 0)
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (16, 37, 37, 3), generator=generator, dtype=torch.uint8)
    labels = torch.arange(16) % 3
    held_out = Labelled(pixels[:4, 2:34, 2:34].permute(0, 3, 1, 2), labels[:4])
    for method in plan.methods.values():
        (drawn,) = plan.searchers.default.propose(method.space, [History()], [1])
        run = Training(
            lambda k: Stacked(k, lambda: load(task.network)(task.activation_gradient, 3, 32)), method, [drawn], [1],
            Data(CROPS[task.crops](pixels, labels, 32), held_out, held_out, targets=Targets(task.label_smoothing)),
            Budget(2, 8, task.recipe),
        )  # fmt: skip
        (result,) = run.run()
        assert result.outcome == "complete"
        assert result.curves["train_loss"][0] != result.curves["train_loss"][1]


def test_the_paper_trains_for_600000_steps():
    task = read_plan(find_study("table3-imagenet")).task
    steps = task.epochs * (1_281_167 // task.batch_size)
    assert abs(steps - 600_000) < 1_281_167 // task.batch_size


def test_nothing_is_sent_to_other_machines(tree):
    assert list(ImageNetTask().files()) == []


def test_importing_it_takes_little_along():
    heavy = "plotly", "pooch", "librosa", "ax", "pandas", "platformdirs", "pydantic", "ray", "matplotlib"
    code = (
        "import sys, imagenet_task, imagenet_task.images, imagenet_task.networks.bireal18, binarynet.training, "
        "binarynet.methods.filter; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
