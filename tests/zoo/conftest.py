"""Fixtures of the tests of the zoo."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Train as the workers do: sums in another order would change the last digits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """Keep decoded images in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of 24 train and 12 test images of two classes: dark cats and bright dogs."""
    root = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 6)):
        for name, brightness in (("cat", 60), ("dog", 190)):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = random.integers(brightness - 50, brightness + 50, size=(16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i:04}.png")
    return root
