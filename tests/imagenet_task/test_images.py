"""Crops and flips from the cache, and what lies where."""

import numpy as np
import pytest
import torch

from hpsearch.contracts.progress import silent
from imagenet_task.cache import cached_images
from imagenet_task.datasets import imagenet
from imagenet_task.images import DEVIATION, MEAN, Augmented, Normalise, _far, on_device


@pytest.fixture
def listing(tree):
    return imagenet.read(tree, silent)


@pytest.fixture
def cached(listing):
    return cached_images(listing, 32, silent)


def test_held_out_images_are_the_first_rounds_and_train_nobody(listing, cached):
    data = on_device(cached, listing, 32, 2, "cpu")
    assert data.validation.labels.tolist() == [0, 1, 2] * 2
    assert data.training.labels.tolist() == [0, 1, 2] * 4
    assert np.array_equal(data.training.pixels.numpy(), cached.training[6:])
    middle = torch.from_numpy(cached.training[:6, 2:34, 2:34].copy()).permute(0, 3, 1, 2)
    assert torch.equal(data.validation.inputs, middle)
    tested = torch.from_numpy(cached.validation[:, 2:34, 2:34].copy()).permute(0, 3, 1, 2)
    assert torch.equal(data.test.inputs, tested)
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_all_images_train_where_nothing_is_held_out(listing, cached):
    data = on_device(cached, listing, 32, 0, "cpu")
    assert len(data.training.labels) == 18
    assert data.validation is data.test


def test_a_processor_reads_the_caches_own_pages(listing, cached):
    """No copy: ImageNet's training images are larger than most machines' memory."""
    data = on_device(cached, listing, 32, 2, "cpu")
    assert data.training.pixels.data_ptr() == cached.training[6:].ctypes.data
    assert data.validation.inputs.data_ptr() == cached.training[0, 2, 2:].ctypes.data
    for tensor in (data.training.pixels, data.validation.inputs, data.test.inputs):
        assert tensor.dtype == torch.uint8


def augmented(n=5, stored=9, side=7):
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (n, stored, stored, 3), generator=generator, dtype=torch.uint8)
    return Augmented(pixels, torch.arange(n), side)


def test_every_crop_and_flip_of_an_image_by_hand():
    data = augmented()
    assert (data.places, data.variants) == (3, 18)
    image = data.pixels[3].permute(2, 0, 1)
    found = data.batch(torch.full((2, 9), 3), torch.arange(18).view(2, 9)).reshape(18, 3, 7, 7)
    for variant in range(18):
        top, left = divmod(variant // 2, 3)
        expected = image[:, top : top + 7, left : left + 7]
        assert torch.equal(found[variant], expected.flip(-1) if variant % 2 else expected)
    assert len({tuple(crop.flatten().tolist()) for crop in found}) == 18


def test_the_usual_size_has_33_times_33_places():
    assert augmented(1, 256, 224).variants == 2 * 33 * 33


def test_a_batch_has_each_trials_own_images_and_variants():
    data = augmented()
    order, variant = torch.randint(5, (3, 20)), torch.randint(18, (3, 20))
    together = data.batch(order, variant)
    assert together.shape == (3, 20, 3, 7, 7)
    assert together.dtype == torch.uint8
    for trial in range(3):
        own = slice(trial, trial + 1)
        assert torch.equal(data.batch(order[own], variant[own])[0], together[trial])


def test_normalised_pixels_have_mean_0_and_deviation_1():
    x = torch.randint(0, 256, (2, 3, 4, 4)).float()
    expected = (x / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    assert torch.allclose(Normalise()(x), expected, atol=1e-6)
    assert Normalise()(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("share", [0.5, 0.0], ids=["on the GPU", "in the machine's memory"])
def test_a_gpu_crops_the_same_images_also_within_a_graph(monkeypatch, share):
    monkeypatch.setattr("imagenet_task.images.SHARE", share)
    here = augmented(50, 73, 64)
    there = Augmented(_far(here.pixels.numpy(), "cuda"), here.labels.cuda(), here.side)
    assert there.pixels.is_cuda
    order, variant = torch.randint(50, (2, 8)), torch.randint(here.variants, (2, 8))
    expected = here.batch(order, variant)
    order, variant = order.cuda(), variant.cuda()
    assert torch.equal(there.batch(order, variant).cpu(), expected)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = there.batch(order, variant)
    order.copy_(order.flip(1))
    variant.copy_(variant.flip(1))
    graph.replay()
    assert torch.equal(found.cpu(), expected.flip(1))
