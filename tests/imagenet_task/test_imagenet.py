"""The listing of a folder of images, and what is said of one that is not as expected."""

import shutil
import tarfile

import numpy as np
import pytest

from hpsearch.contracts.errors import FetchError, TaskError
from hpsearch.contracts.progress import silent
from hpsearch.data.fetch import fetch
from imagenet_task.datasets import imagenet
from tests.imagenet_task.conftest import CLASSES, make_tar, make_tree
from tests.tools.commands import cli


def test_all_images_are_listed_with_their_classes(tree):
    images = imagenet.read(tree, silent)
    assert images.classes == list(CLASSES)
    assert images.smallest == 6
    for part, folder, count in ((images.training, "train", 18), (images.validation, "val", 6)):
        assert len(part.names) == len(set(part.names)) == count
        for name, label, (offset, size, changed) in zip(part.names, part.labels, part.stamps, strict=True):
            stat = (tree / folder / name).stat()
            assert name.split("/")[0] == CLASSES[label]
            assert (offset, size, changed) == (0, stat.st_size, stat.st_mtime_ns)
    assert list(images.validation.names) == sorted(images.validation.names)


def test_training_images_come_in_rounds_of_all_classes_in_a_fixed_order(tmp_path):
    tree = make_tree(tmp_path / "data", training=20)
    for number in range(15):
        (tree / "train" / CLASSES[1] / f"{CLASSES[1]}_{number}.JPEG").unlink()
    training = imagenet.read(tree, silent).training
    assert training.labels[:15].tolist() == [0, 1, 2] * 5
    assert training.labels[15:].tolist() == [0, 2] * 15
    mine = [name for name in training.names if name.startswith(CLASSES[0])]
    assert mine != sorted(mine)
    assert list(imagenet.read(tree, silent).training.names) == list(training.names)


def test_hidden_files_are_no_images(tree):
    expected = imagenet.read(tree, silent)
    for path in (".DS_Store", "train/.DS_Store", f"train/{CLASSES[0]}/._a.JPEG", f"val/{CLASSES[1]}/.nfs1"):
        (tree / path).write_bytes(b"x")
    (tree / "val" / ".git").mkdir()
    found = imagenet.read(tree, silent)
    assert (found.training.names, found.validation.names) == (expected.training.names, expected.validation.names)


def write(path, contents=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


def emptied(folder):
    for path in folder.iterdir():
        path.unlink()


C = CLASSES[1]
BROKEN = {
    "no train": (lambda t: shutil.rmtree(t / "train"), r"has no folder train: train/CLASS/IMAGE and val/CLASS/IMAGE"),
    "no val": (lambda t: shutil.rmtree(t / "val"), r"has no folder val: .* \(or ILSVRC2012_img_val\.tar and"),
    "missing in val": (lambda t: shutil.rmtree(t / "val" / C), rf"val has no folder {C}, which .*train has: both need"),
    "missing in train": (lambda t: shutil.rmtree(t / "train" / C), rf"train has no folder {C}, which .*val has: both"),
    "others": (lambda t: [(t / "val" / n).mkdir() for n in "ab"], r"train has no folder a and 1 more, which .*val has"),
    "empty class": (lambda t: emptied(t / "val" / C), rf"val/{C} has no images: add some, or remove this class from"),
    "extension": (lambda t: write(t / "train" / C / "a.txt"), rf"train/{C}/a\.txt is no image by its name, .*\.jpeg"),
    "no extension": (
        lambda t: write(t / "train" / C / "jpeg"),
        r"jpeg is no image by its name.*: rename it, or remove",
    ),
    "a folder": (lambda t: (t / "val" / C / "a.jpg").mkdir(), r"a\.jpg is a folder where images are expected: remove"),
    "a file": (lambda t: write(t / "train" / "list.txt"), r"train/list\.txt is a file where folders of classes are"),
    "no bytes": (lambda t: write(t / "train" / C / "a.png", b""), rf"train/{C}/a\.png is empty: copy it again, or rem"),
    "a link": (lambda t: (t / "val" / C / "a.png").symlink_to("gone"), r"a\.png cannot be read \(No such file"),
}


@pytest.mark.parametrize("damage", BROKEN)
def test_a_folder_that_is_not_as_expected_is_one_sentence(tree, damage):
    change, message = BROKEN[damage]
    change(tree)
    with pytest.raises(TaskError, match=message) as refused:
        imagenet.read(tree, silent)
    assert "\n" not in str(refused.value)


def test_one_class_is_no_choice(tmp_path):
    tree = make_tree(tmp_path / "data", classes=CLASSES[:1])
    with pytest.raises(TaskError, match=r"train has 1 class, and at least 2 are needed"):
        imagenet.read(tree, silent)


@pytest.fixture
def tarred(tree):
    """The tree with the publisher's archive in place of `val`."""
    shutil.rmtree(tree / "val")
    make_tar(tree, [2, 0, 1, 1, 2])
    return tree


def test_the_publishers_archive_of_validation_images_is_read_as_it_is(tarred):
    part = imagenet.read(tarred, silent).validation
    assert part.labels.tolist() == [2, 0, 1, 1, 2]
    assert part.names[0] == "ILSVRC2012_val_00000001.JPEG"
    with tarfile.open(tarred / imagenet.TAR) as tape, (tarred / imagenet.TAR).open("rb") as file:
        for name, (offset, size, _) in zip(part.names, part.stamps.tolist(), strict=True):
            file.seek(offset)
            assert file.read(size) == tape.extractfile(name).read()
    assert imagenet.check(tarred, silent).startswith("18 training and 5 validation images of 3 classes")


def listed(*names):
    return lambda t: (t / "val_classes.txt").write_text("".join(f"{name}\n" for name in names))


def cut(t):
    contents = (t / imagenet.TAR).read_bytes()
    (t / imagenet.TAR).write_bytes(contents[:3000])


def other(t):
    with tarfile.open(t / imagenet.TAR, "w") as tape:
        tape.add(t / "val_classes.txt", "val/readme.txt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: (t / "val_classes.txt").unlink(), r"val\.tar needs .*val_classes\.txt beside it: a text file whose"),
        (lambda t: (t / "val_classes.txt").write_bytes(b"\xff\xfe"), r"val_classes\.txt is no text in UTF-8"),
        (listed(*CLASSES, "n9", C), r"val_classes\.txt, line 4: there is no class 'n9' in .*train; write one name"),
        (listed(CLASSES[0], "", *CLASSES[1:], C), r"line 2: there is no class '' in .*train; write one name"),
        (listed(*CLASSES), r"val\.tar holds 5 images and .*val_classes\.txt 3 lines: line i should be"),
        (listed(*[C] * 5), rf"val_classes\.txt never names the class {CLASSES[0]}, which .*train has"),
        (cut, r"val\.tar is no whole tar archive \(.*\): copy it again"),
        (lambda t: write(t / imagenet.TAR, b"<html>" * 200), r"val\.tar is no whole tar archive"),
        (other, r"val\.tar holds 'val/readme\.txt', which is no file like ILSVRC2012_val_00000001\.JPEG"),
    ],
)
def test_an_archive_that_is_not_as_expected_is_one_sentence(tarred, change, message):
    change(tarred)
    with pytest.raises(TaskError, match=message) as refused:
        imagenet.read(tarred, silent)
    assert "\n" not in str(refused.value)


def test_commands_say_where_the_images_should_lie(tree, tmp_path):
    assert cli("data", "where", "imagenet", "--data", str(tree.parent)).stdout.strip() == str(tree)
    checked = cli("data", "check", "imagenet", "--data", str(tree.parent))
    assert checked.stdout.endswith("18 training and 6 validation images of 3 classes, by their names and sizes\n")
    missing = cli("data", "where", "imagenet", "--data", str(tmp_path))
    assert missing.returncode == 4
    assert "looked for the folders imagenet, ILSVRC2012, imagenet-1k" in missing.stderr
    assert "say with --data DIR which folder holds that folder" in missing.stderr
    assert "fetch" not in missing.stderr


def test_an_archive_of_ones_own_with_this_layout_can_be_fetched(tree, tmp_path):
    archive = tmp_path / "small.tar"
    with tarfile.open(archive, "w") as tape:
        tape.add(tree, "imagenette2")
    folder, found = fetch(imagenet.DATASET, tmp_path / "other", str(archive), silent)
    assert folder == tmp_path / "other" / "imagenet"
    assert found.startswith("18 training and 6 validation images")
    with tarfile.open(archive, "w") as tape:
        tape.add(tree / "train", "train")
    with pytest.raises(FetchError, match=r"has no folder val"):
        fetch(imagenet.DATASET, tmp_path / "third", str(archive), silent)


def test_labels_are_what_torch_counts_with(tree):
    images = imagenet.read(tree, silent)
    assert images.training.labels.dtype == images.validation.labels.dtype == np.int64
