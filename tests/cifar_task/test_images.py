import numpy as np
import pytest
import torch

from cifar_task.datasets import cifar10
from cifar_task.images import DEVIATION, MEAN, Augmented, Normalise, on_device
from cifar_task.task import CifarTask


@pytest.fixture(scope="module")
def data(made):
    return on_device(*cifar10.read(made), (45_000, 5_000, 10_000), "cpu", 2009)


def test_the_split_is_fixed_and_uses_every_image_once(made):
    images, test = cifar10.read(made)
    images.pixels[:, 0, 0, 0] = np.arange(50_000) % 256  # so that an image tells its place
    images.pixels[:, 0, 0, 1] = np.arange(50_000) // 256
    data = on_device(images, test, (45_000, 5_000, 10_000), "cpu", 2009)
    validation = data.validation.inputs[:, 0, 0, 0].int() + 256 * data.validation.inputs[:, 0, 0, 1].int()
    corner = data.training.padded[:, 4, 4:6, 0].int()
    training = corner[:, 0] + 256 * corner[:, 1]
    assert sorted([*validation.tolist(), *training.tolist()]) == list(range(50_000))
    assert validation[:5].tolist() == [44877, 44402, 2619, 31406, 27176]  # as ever
    fewer = on_device(images, test, (100, 5_000, 10), "cpu", 2009)
    assert torch.equal(fewer.validation.inputs, data.validation.inputs)
    assert torch.equal(fewer.training.padded, data.training.padded[:100])
    assert len(fewer.test.labels) == 10


def test_another_seed_holds_out_other_images_and_the_same_test(made, data):
    other = on_device(*cifar10.read(made), (45_000, 5_000, 10_000), "cpu", 7)
    assert not torch.equal(other.validation.labels, data.validation.labels)
    assert torch.equal(other.test.inputs, data.test.inputs)
    labels = [torch.cat([of.training.labels, of.validation.labels]).sort().values for of in (other, data)]
    assert torch.equal(*labels)


def test_which_tasks_have_splits():
    assert CifarTask().split_of(1, 9) == {"split_seed": 9}
    assert CifarTask(training=50_000, validation=0).split_of(1, 9) == {}
    with pytest.raises(ValueError, match="split_seed"):
        CifarTask(split_seed=-1)


def test_all_50000_train_where_nothing_is_searched(made):
    data = on_device(*cifar10.read(made), (50_000, 0, 10_000), "cpu", 2009)
    assert len(data.training.labels) == 50_000
    assert torch.equal(data.validation.inputs, data.test.inputs)


def test_images_lie_on_the_device_as_bytes(data):
    for tensor in (data.training.padded, data.validation.inputs, data.test.inputs):
        assert tensor.dtype == torch.uint8
    assert data.training.batch(torch.zeros(1, 1).long(), torch.zeros(1, 1).long()).dtype == torch.uint8


def test_every_crop_and_flip_of_an_image_by_hand(data):
    image = data.training.padded[3].permute(2, 0, 1)  # (3, 40, 40)
    variants = torch.arange(162)
    found = data.training.batch(torch.full((2, 81), 3), variants.view(2, 81)).reshape(162, 3, 32, 32)
    for variant in range(162):
        top, left = divmod(variant // 2, 9)
        expected = image[:, top : top + 32, left : left + 32]
        expected = expected.flip(-1) if variant % 2 else expected
        assert torch.equal(found[variant], expected)
    assert torch.equal(found[2 * (4 * 9 + 4)], data.training.padded[3, 4:36, 4:36].permute(2, 0, 1))  # the middle
    assert not found[0, :, :4].any()  # black above


def test_a_batch_has_each_trials_own_images_and_variants(data):
    order, variant = torch.randint(45_000, (3, 20)), torch.randint(162, (3, 20))
    together = data.training.batch(order, variant)
    assert together.shape == (3, 20, 3, 32, 32)
    for trial in range(3):
        assert torch.equal(
            data.training.batch(order[trial : trial + 1], variant[trial : trial + 1])[0], together[trial]
        )


def test_normalised_pixels_have_mean_0_and_deviation_1():
    x = torch.randint(0, 256, (2, 3, 4, 4)).float()
    expected = (x / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    assert torch.allclose(Normalise()(x), expected, atol=1e-6)
    assert Normalise()(x.bfloat16()).dtype == torch.bfloat16
    assert torch.equal(x.bfloat16().float(), x)  # every pixel is a bfloat16: nothing is lost before


def test_variants_count_crops_times_flips(data):
    assert isinstance(data.training, Augmented)
    assert data.training.variants == 2 * 9 * 9
