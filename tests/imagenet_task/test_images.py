"""Crops and flips from the cache, and what lies where."""

import numpy as np
import pytest
import torch

from hpsearch.contracts.progress import silent
from imagenet_task.cache import cached_images
from imagenet_task.datasets import imagenet
from imagenet_task.images import DEVIATION, MEAN, Augmented, Normalise, Resized, _far, on_device


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


def number(area, ratio, down, along, flip=0):
    """The variant with these numbers of 15 bits."""
    return torch.tensor([[flip + sum(bits << (1 + 15 * i) for i, bits in enumerate((area, ratio, down, along)))]])


def resized(n=5, stored=24, side=16):
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (n, stored, stored, 3), generator=generator, dtype=torch.uint8)
    return Resized(pixels, torch.arange(n), side)


def test_the_largest_crop_is_the_whole_image_flipped_or_not():
    data = resized(stored=16)
    image = data.pixels[2].permute(2, 0, 1)
    whole = [data.batch(torch.tensor([[2]]), number(2**15 - 1, 2**14, 77, 5, flip))[0, 0].int() for flip in (0, 1)]
    assert (whole[0] - image.int()).abs().max() <= 1  # it is 1.4e-5 smaller
    assert (whole[1] - image.flip(-1).int()).abs().max() <= 1


def test_pixels_of_a_crop_lie_where_its_box_says():
    """On a slope of one unit a pixel a bilinear mean is the place itself."""
    ramp = torch.arange(200, dtype=torch.uint8).view(1, -1).expand(200, -1)
    data = Resized(torch.stack([ramp, ramp.T, ramp], dim=-1)[None].contiguous(), torch.zeros(1), 50)
    generator = torch.Generator().manual_seed(3)
    variant = torch.randint(data.variants, (1, 200), generator=generator)
    top, left, height, width = (200 * share[0].double() for share in data.boxes(variant))
    found = data.batch(torch.zeros_like(variant), variant)[0].double()
    centre = (torch.arange(50) + 0.5) / 50
    down = top[:, None] + height[:, None] * centre - 0.5  # of the first pixel's middle
    along = left[:, None] + width[:, None] * torch.where(variant[0, :, None] % 2 > 0, centre.flip(0), centre) - 0.5
    assert torch.equal(found[:, 0], found[:, 2])
    assert (found[:, 0] - along[:, None, :].clamp(0, 199)).abs().max() < 0.51  # rounded
    assert (found[:, 1] - down[:, :, None].clamp(0, 199)).abs().max() < 0.51


def test_boxes_have_the_areas_and_ratios_that_are_promised():
    data = resized()
    variant = torch.randint(data.variants, (1, 20_000), generator=torch.Generator().manual_seed(4))
    top, left, height, width = (share[0].double() for share in data.boxes(variant))
    assert min(top.min(), left.min()) >= 0
    assert max((top + height).max(), (left + width).max()) <= 1 + 1e-6
    uncut = (height < 1) & (width < 1)
    assert 0.85 < uncut.double().mean() < 0.97
    area, ratio = (height * width)[uncut], (width / height)[uncut].log() / np.log(4 / 3)
    assert 0.08 <= area.min() < 0.081
    assert ratio.abs().max() <= 1 + 1e-5
    assert abs(ratio.mean()) < 0.02
    small = area < 0.7  # none of these is cut
    assert area[small].mean().item() == pytest.approx((0.08 + 0.7) / 2, abs=0.01)
    assert (variant % 2).double().mean().item() == pytest.approx(0.5, abs=0.02)
    centred = top[uncut] / (1 - height[uncut])
    assert centred.mean().item() == pytest.approx(0.5, abs=0.01)
    assert centred.std().item() == pytest.approx(12**-0.5, abs=0.01)


@pytest.mark.parametrize("b", [1, 7, 20])
def test_a_resized_batch_has_each_trials_own_images_and_variants(b):
    data, generator = resized(), torch.Generator().manual_seed(5)
    order, variant = torch.randint(5, (3, b), generator=generator), torch.randint(data.variants, (3, b))
    together = data.batch(order, variant)
    assert together.shape == (3, b, 3, 16, 16)
    assert together.dtype == torch.uint8
    for trial in range(3):
        own = slice(trial, trial + 1)
        assert torch.equal(data.batch(order[own], variant[own])[0], together[trial])
