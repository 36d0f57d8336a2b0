import hashlib
import io
import shutil
import tarfile
from dataclasses import replace

import pytest

from cifar_task.datasets import cifar10
from hpsearch.cli.app import main
from hpsearch.contracts.errors import FetchError, TaskError
from hpsearch.data.fetch import fetch


def silent(*_):
    pass


@pytest.fixture
def broken(made, tmp_path):
    """A copy to break, without copying: only what is written to is anybody's own."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for path in made.iterdir():
        (folder / path.name).symlink_to(path)

    def own(name):
        (folder / name).unlink()
        return shutil.copy(made / name, folder / name)

    return folder, own


def test_images_and_labels_are_where_the_publisher_puts_them(cifar):
    images, test = cifar10.read(cifar)
    assert images.pixels.shape == (50_000, 3, 32, 32)
    assert test.pixels.shape == (10_000, 3, 32, 32)
    raw = (cifar / "data_batch_3.bin").read_bytes()
    record = raw[7 * 3073 : 8 * 3073]
    assert images.labels[20_007] == record[0]
    assert images.pixels[20_007, 1, 2, 5] == record[1 + 1024 + 2 * 32 + 5]  # green, row 2, column 5


def test_whole_files_pass_and_are_told_by_their_bytes(cifar, broken):
    found = cifar10.verified(cifar, silent)
    names = (*cifar10.TRAINING, *cifar10.TEST)
    assert found == hashlib.sha256(b"".join((cifar / name).read_bytes() for name in names)).hexdigest()
    assert cifar10.check(cifar, silent).startswith("50,000 training and 10,000 test images")
    folder, own = broken
    with own("test_batch.bin").open("r+b") as file:
        file.seek(5)
        file.write(b"\x07")
    assert cifar10.verified(folder, silent) != found


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[:-1], r"data_batch_2\.bin has 30,729,999 bytes, not the 30,730,000 of 10,000 images; move"),
        (lambda b: b"<!DOCTYPE html><html>moved</html>", r"data_batch_2\.bin has 33 bytes, not the"),
        (lambda b: b[:3073] + b"\x0a" + b[3074:], r"data_batch_2\.bin: image 2 has the label 10, but .* 0 to 9; move"),
        (lambda b: b"\x05" + b[1:], r"the training images are not equally many in each class \(4999, 5000, 5000"),
    ],
)
def test_what_is_not_cifar10_is_refused_in_one_sentence(broken, damage, message):
    folder, own = broken
    path = folder / own("data_batch_2.bin").name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TaskError, match=message) as refused:
        cifar10.verified(folder, silent)
    assert "hpsearch data fetch cifar10" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_missing_folder(broken, monkeypatch):
    folder, _ = broken
    (folder / "test_batch.bin").unlink()
    with pytest.raises(TaskError, match=r"test_batch\.bin cannot be read \(No such file"):
        cifar10.check(folder, silent)
    monkeypatch.setenv("HPSEARCH_DATA", str(folder / "elsewhere"))
    with pytest.raises(TaskError, match=r"no CIFAR-10 images under .*; get it with: hpsearch data fetch cifar10"):
        cifar10.DATASET.find()


def packed(folder, to):
    with tarfile.open(to, "w") as tape:
        for path in folder.iterdir():
            tape.add(path, f"cifar-10-batches-bin/{path.name}")
        page = tarfile.TarInfo("cifar-10-batches-bin/readme.html")
        tape.addfile(page, io.BytesIO())
    return to


def test_the_publishers_archive_becomes_the_data_set(made, tmp_path):
    archive = packed(made, tmp_path / "archive.tar")
    dataset = replace(cifar10.DATASET, md5=hashlib.md5(archive.read_bytes()).hexdigest())
    folder, found = fetch(dataset, tmp_path / "data", str(archive), silent)
    assert folder == tmp_path / "data" / "cifar-10-batches-bin"
    assert sorted(path.name for path in folder.iterdir()) == sorted((*cifar10.TRAINING, *cifar10.TEST))
    assert found == cifar10.check(made, silent)


def test_any_other_archive_is_refused_and_nothing_stays(made, tmp_path, capsys, monkeypatch):
    page = tmp_path / "page.tar.gz"
    page.write_text("<html>log in</html>")
    for archive in (page, packed(made, tmp_path / "archive.tar")):
        command = ["hpsearch", "data", "fetch", "cifar10", "--from", str(archive), "--data", str(tmp_path / "data")]
        monkeypatch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 4
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith("hpsearch: what came is not the publisher's archive of CIFAR-10 images: its md5 is ")
        assert "c32a1d4ab5d03f1284b67883e8d87530" in said
        assert [path.name for path in (tmp_path / "data").iterdir() if not path.name.endswith(".lock")] == []


def test_labels_checked_in_the_archive_leave_nothing_either(broken, tmp_path):
    folder, own = broken
    path = folder / own("data_batch_1.bin").name
    path.write_bytes(b"\x0b" + path.read_bytes()[1:])
    archive = tmp_path / "archive.tar"
    with tarfile.open(archive, "w", dereference=True) as tape:
        tape.add(folder, "cifar-10-batches-bin")
    dataset = replace(cifar10.DATASET, md5=None)
    with pytest.raises(FetchError, match=r"the archive/data_batch_1\.bin: image 1 has the label 11"):
        fetch(dataset, tmp_path / "data", str(archive), silent)
    assert [path.name for path in (tmp_path / "data").iterdir() if not path.name.endswith(".lock")] == []
