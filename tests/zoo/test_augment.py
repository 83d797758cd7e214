"""Laws of augmentation: each image is a shifted or mirrored copy of itself."""

from collections import Counter

import torch
from torch import nn

from trajkit.zoo.augment import augment


def test_augment__every_image_is_a_crop_of_its_padded_self_perhaps_mirrored():
    images = torch.randn(40, 2, 16, 16, generator=torch.Generator().manual_seed(1))
    augmented = augment(images, "simple", torch.Generator().manual_seed(0))
    padded = nn.functional.pad(images, (2, 2, 2, 2))
    found = Counter()
    for image, result in zip(padded, augmented, strict=True):
        views = [
            (r, c, f) for r in range(5) for c in range(5) for f in (False, True) if _is_view(image, result, r, c, f)
        ]
        assert len(views) == 1
        found[views[0]] += 1
    assert len(found) > 20
    assert {flipped for _, _, flipped in found} == {True, False}


def _is_view(padded, result, row, column, flipped):
    view = padded[:, row : row + 16, column : column + 16]
    return torch.equal(view.flip(-1) if flipped else view, result)


def test_augment__none_changes_nothing_and_equal_generators_give_equal_images():
    images = torch.randn(4, 1, 8, 8)
    assert augment(images, "none", torch.Generator()) is images
    first, again = (augment(images, "simple", torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
