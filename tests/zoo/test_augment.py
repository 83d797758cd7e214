"""Laws of the augmentation: images keep their class, and equal generators give equal images."""

import torch
from torch import nn

from trajkit.zoo.augment import augment, draw_crops

CPU = torch.device("cpu")


def test_augment__every_image_is_a_crop_of_its_padded_self_perhaps_mirrored():
    images = torch.randn(40, 2, 16, 16, generator=torch.Generator().manual_seed(1))
    augmented = augment(images, draw_crops(40, (2, 16, 16), "simple", torch.Generator().manual_seed(0), CPU))
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    found = set()
    for image, result in zip(padded, augmented, strict=True):
        crops = {(r, c): image[:, r : r + 16, c : c + 16] for r in range(5) for c in range(5)}
        views = {(at, flips) for at in crops for flips in ((), (-1,)) if torch.equal(crops[at].flip(flips), result)}
        assert len(views) == 1
        found |= views
    assert len(found) > 20
    assert {flips for _, flips in found} == {(), (-1,)}


def test_augment__images_that_are_wider_than_high_are_shifted_by_an_eighth_of_each_side():
    drawn = draw_crops(2000, (1, 8, 32), "simple", torch.Generator().manual_seed(0), CPU)
    assert drawn.rows.unique().tolist() == list(range(8 + 2 * 1))
    assert drawn.columns.unique().tolist() == list(range(32 + 2 * 4))
    assert augment(torch.ones(2000, 1, 8, 32), drawn).shape == (2000, 1, 8, 32)


def test_augment__none_changes_nothing_and_equal_generators_give_equal_images():
    images = torch.randn(4, 1, 8, 8)
    assert augment(images, draw_crops(4, (1, 8, 8), "none", torch.Generator(), CPU)) is images
    first, again = (draw_crops(4, (1, 8, 8), "simple", torch.Generator().manual_seed(3), CPU) for _ in range(2))
    assert torch.equal(augment(images, first), augment(images, again))
