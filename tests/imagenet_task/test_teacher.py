"""A teacher's logits: computed once, resumed, checked; and what is said of a teacher that is none."""

import itertools
import multiprocessing
import os
import re

import numpy as np
import pytest
import torch

from binarynet.methods.filter import METHOD as FILTER
from hpsearch.contracts.errors import TaskError
from hpsearch.contracts.progress import silent
from hpsearch.store.database import Database
from hpsearch.store.tables import load_tables
from imagenet_task import teacher as teaching
from imagenet_task.cache import cached_images
from imagenet_task.datasets import imagenet
from imagenet_task.images import DEVIATION, MEAN, Resized
from imagenet_task.task import ImageNetTask
from imagenet_task.teacher import Teacher, logits_of
from tests.imagenet_task.conftest import CLASSES, COLOURS, make_tree
from tests.tools.studies import run_to_end

COLOUR = """
import torch
from torch import nn

class Colours(nn.Module):
    '''Says which colour an image has, {turned} classes further on.'''
    def __init__(self):
        super().__init__()
        colours = torch.tensor({colours}) / 255
        self.register_buffer("colours", (colours - torch.tensor({mean})) / torch.tensor({deviation}))
        self.asked = 0
    def forward(self, x):
        self.asked += len(x)
        away = (x.mean(dim=(2, 3))[:, None] - self.colours).square().sum(dim=2)
        return {scale} * (-away).roll({turned}, dims=1)

def TEACHER():
    return Colours()
"""
numbers = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of this text and gives its name, another one each time."""
    (tmp_path / "modules").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "modules")

    def write(text):
        name = f"own_teacher_{next(numbers)}"
        (tmp_path / "modules" / f"{name}.py").write_text(text)
        return name

    return write


def colours(turned=0, scale=1.0):
    return COLOUR.format(colours=list(map(list, COLOURS)), mean=list(MEAN), deviation=list(DEVIATION),
                         turned=turned, scale=scale)  # fmt: skip


@pytest.fixture
def asked(tree):
    """Asks a teacher about the tree at 32 pixels: name -> (logits, how many images it was shown)."""

    def ask(name, verify=False, progress=silent, classes=3):
        images = imagenet.read(tree, silent)
        teacher = Teacher.load(name)
        found = logits_of(
            teacher, cached_images(images, 32, silent), images.training, 32, classes, "cpu", progress, verify=verify
        )
        return found, getattr(teacher.network, "asked", 0)

    return ask


def test_logits_are_those_of_the_middle_crop_of_each_image(tree, asked, module):
    found, shown = asked(f"{module(colours())}:TEACHER")
    images = imagenet.read(tree, silent)
    pixels = cached_images(images, 32, silent).training[:, 2:34, 2:34].astype(np.float64)
    share = (pixels.mean(axis=(1, 2)) / 255 - MEAN) / DEVIATION
    of_classes = (np.array(COLOURS) / 255 - MEAN) / DEVIATION
    expected = -np.square(share[:, None] - of_classes).sum(axis=2)
    assert (found.shape, found.dtype, shown) == ((18, 3), np.float16, 18)
    assert np.allclose(found, expected, rtol=2e-3, atol=2e-3)
    assert np.array_equal(found.argmax(axis=1), images.training.labels)
    with pytest.raises(ValueError, match="read-only"):
        found[:] = 0


def test_a_teacher_is_asked_once_and_again_where_its_answers_may_differ(asked, module, tree):
    name = f"{module(colours())}:TEACHER"
    told = []
    assert asked(name, progress=lambda *what: told.append(what))[1] == 18
    assert told[-1] == ("asking the teacher", 18, 18)
    assert asked(name, verify=True)[1] == 0
    assert asked(f"{module(colours())}:TEACHER")[1] == 0  # the same file elsewhere
    assert asked(f"{module(colours() + '# changed')}:TEACHER")[1] == 18
    reads = "import torch\nfrom torch import nn\ndef T():\n    n = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3))\n"
    reads += "    n.load_state_dict(torch.load({!r}))\n    return n\n"
    weights = tree.parent / "weights.pt"
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 3))
    torch.save(network.state_dict(), weights)
    reading = f"{module(reads.format(str(weights)))}:T"
    before = np.array(asked(reading)[0])
    torch.save({name: 2 * value for name, value in network.state_dict().items()}, weights)
    after = asked(reading)[0]
    assert np.allclose(after, 2 * before, rtol=2e-3, atol=2e-3)


def fill_and_die(name, tree, after):
    """The pass with shards of 4 images, dying when the teacher is asked about a batch of 2 for the `after`-th time."""
    teaching.A_SHARD, teaching.BATCH = 4, 2
    teacher = Teacher.load(name)
    forward, calls = teacher.network.forward, []

    def dying(x):
        if len(calls) == after:
            os._exit(9)
        calls.append(len(x))
        return forward(x)

    teacher.network.forward = dying
    images = imagenet.read(tree, silent)
    logits_of(teacher, cached_images(images, 32, silent), images.training, 32, 3, "cpu", silent)


@pytest.mark.parametrize(("after", "left"), [(0, 18), (1, 18), (2, 14), (5, 10), (8, 2)])
def test_a_pass_that_was_killed_goes_on_where_it_stopped(tree, asked, module, cache, monkeypatch, after, left):
    name = f"{module(colours())}:TEACHER"
    process = multiprocessing.get_context("fork").Process(target=fill_and_die, args=(name, tree, after))
    process.start()
    process.join()
    assert process.exitcode == 9
    monkeypatch.setattr(teaching, "A_SHARD", 4)
    found, shown = asked(name, verify=True)
    assert shown == left
    monkeypatch.setenv("HPSEARCH_CACHE", str(cache / "other"))
    assert np.array_equal(found, asked(name)[0])


def test_what_a_disk_changed_is_asked_again(asked, module, cache, monkeypatch):
    monkeypatch.setattr(teaching, "A_SHARD", 4)
    name = f"{module(colours())}:TEACHER"
    expected = np.array(asked(name)[0])
    (path,) = cache.glob("imagenet/*/logits.npy")
    contents = bytearray(path.read_bytes())
    contents[-1] ^= 1
    path.write_bytes(contents)
    assert asked(name)[1] == 0
    found, shown = asked(name, verify=True)
    assert shown == 2  # the last of five shards
    assert np.array_equal(found, expected)


NET = "from torch import nn\nimport torch\n"
WRONG = {
    # text of the module, NAME, and what is said; {} is the module's name
    "no module": (None, "T", "there is no module nowhere_to_be_found: install it, or put nowhere_to_be_found.py"),
    "needs another": ("import nowhere_at_all", "T", "{} needs the module nowhere_at_all: install it"),
    "raises": ("1 / 0", "T", "importing {} raised ZeroDivisionError: division by zero: correct it"),
    "no such name": ("", "T", "the module {} has no T: name a function that is in it"),
    "not callable": ("T = 3", "T", "{}:T is a int, which cannot be called: name a function without parameters"),
    "raises in it": ("def T():\n    raise OSError('no weights')", "T", "{}:T() raised OSError: no weights: correct it"),
    "no network": ("def T():\n    return {}", "T", "{}:T() gave a dict: let it return a torch.nn.Module"),
    "random": (
        f"{NET}def T():\n    return nn.Linear(3, 3).reset_parameters() or nn.Linear(3, torch.seed() % 97 + 1)", "T",
        "{}:T() gives other weights in each call: let it read trained ones from a file",
    ),
    "wrong input": (
        f"{NET}class N(nn.Module):\n    def forward(self, x):\n        raise ValueError('224 only.')\nT = N", "T",
        "{}:T raised ValueError: 224 only on images of (18, 3, 32, 32): let its network take them, or change",
    ),
    "wrong classes": (
        f"{NET}def T():\n    torch.manual_seed(1)\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))", "T",
        "{}:T gave (18, 5) for 18 images, not logits of (18, 3): let it tell the task's 3 classes apart",
    ),
    "not finite": (
        f"{NET}class N(nn.Module):\n    def forward(self, x):\n        y = x.mean(dim=(2, 3))\n        y[4, 1] = 1e6\n"
        "        return y\nT = N", "T",
        f"{{}}:T gave logits beyond the finite numbers of float16 for FOLDER/train/{CLASSES[1]}/",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_teacher_is_said_in_a_sentence(asked, module, tree, kind):
    text, attribute, message = WRONG[kind]
    name = "nowhere_to_be_found" if text is None else module(text)
    expected = "teacher: " + message.replace("{}", name).replace("FOLDER", str(tree))
    with pytest.raises(TaskError, match=re.escape(expected)) as refused:
        asked(f"{name}:{attribute}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher": "resnet"}, "teacher is \"module:NAME\", got 'resnet'"),
        ({"teacher": "../a:B"}, "teacher is \"module:NAME\", got '../a:B'"),
        ({"teacher_share": 0.5}, "teacher_share needs a teacher: name one, or leave it out"),
        ({"teacher": "a:B", "teacher_share": 0.0}, "teacher_share must be above 0 and at most 1, got 0.0"),
        ({"teacher": "a:B", "label_smoothing": 0.1}, "label_smoothing changes nothing where teacher_share is 1"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1, got 1.0"),
        ({"crops": "random"}, 'crops is "plain" or "resized", got \'random\''),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ImageNetTask(**settings)


def test_settings_reach_the_data_of_a_training(tree, module):
    name = f"{module(colours())}:TEACHER"
    task = ImageNetTask(
        classes=3, resolution=32, validation=2, crops="resized", label_smoothing=0.1, teacher=name, teacher_share=0.6
    )
    data = task._data("cpu")
    assert isinstance(data.training, Resized)
    assert (data.targets.smoothing, data.targets.share, data.targets.logits.dtype) == (0.1, 0.6, torch.float16)
    assert torch.equal(data.targets.logits.argmax(dim=1), data.training.labels)  # those held out are left out of both


def test_a_student_learns_what_its_teacher_says(tmp_path, monkeypatch, module):
    """A teacher that takes each class for the next one teaches that, against the labels."""
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path / "data"))
    make_tree(tmp_path / "data" / "imagenet", training=24, validation=8)
    name = f"{module(colours(turned=1, scale=5.0))}:TEACHER"
    task = ImageNetTask(classes=3, resolution=32, validation=4, epochs=3, batch_size=12, teacher=name)
    (result,) = task.train(FILTER, [{"alpha": 1e-2, "gamma": 0.2}], [1], "cpu")
    assert result.metrics["test_accuracy"] < 0.2  # chance is a third; by the labels alone it learns them


def test_workers_find_a_teacher_beside_the_study_file(tree, tmp_path):
    (tmp_path / "beside_the_study.py").write_text(colours())
    study = tmp_path / "taught.toml"
    study.write_text(
        'name = "taught"\ntrials = 1\nrepeats = 2\nseed = 4\nsearcher = "sobol"\n'
        '[task]\nname = "imagenet_task"\nclasses = 3\nresolution = 32\nvalidation = 2\nepochs = 1\nbatch_size = 4\n'
        'teacher = "beside_the_study:TEACHER"\n[methods.filter]\n'
    )
    tables = load_tables(run_to_end(study, "taught.db", "processes", 2))
    assert set(tables.trials["state"]) == {"complete"}
    with Database(tmp_path / "taught.db") as database:
        assert len(database.existing().data["teacher_sha256"]) == 64
