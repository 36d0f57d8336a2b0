"""Small folders of images in ImageNet's layout, made by Pillow."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

CLASSES = ("n01440764", "n01443537", "n02084071")
COLOURS = ((200, 60, 60), (60, 200, 60), (60, 60, 200))


def picture(label, seed, size=(48, 40)):
    """A noisy image in its class's colour, as RGB."""
    random = np.random.default_rng([label, seed])
    noise = random.integers(-50, 50, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.array(COLOURS[label % 3]) + noise, 0, 255).astype(np.uint8))


def jpeg(image):
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def make_tree(folder, training=6, validation=2, classes=CLASSES):
    """Fill a folder; sizes differ from image to image, lying and standing ones."""
    for part, count in (("train", training), ("val", validation)):
        for label, name in enumerate(classes):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                size = (40 + 3 * (number % 6), 52 - 2 * (number % 6))
                image = picture(label, number if part == "train" else 1000 + number, size)
                (folder / part / name / f"{name}_{number}.JPEG").write_bytes(jpeg(image))
    return folder


def make_tar(folder, labels):
    """The publisher's archive of validation images beside `train`, and its list of classes."""
    with tarfile.open(folder / "ILSVRC2012_img_val.tar", "w") as tape:
        for number, label in reversed(list(enumerate(labels, 1))):  # any order will do
            contents = jpeg(picture(label, 2000 + number))
            member = tarfile.TarInfo(f"ILSVRC2012_val_{number:08d}.JPEG")
            member.size = len(contents)
            tape.addfile(member, io.BytesIO(contents))
    (folder / "val_classes.txt").write_text("".join(f"{CLASSES[label]}\n" for label in labels))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Each test its own."""
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Three classes of six training and two validation images, where tasks look for them."""
    monkeypatch.setenv("HPSEARCH_DATA", str(tmp_path / "data"))
    return make_tree(tmp_path / "data" / "imagenet")
