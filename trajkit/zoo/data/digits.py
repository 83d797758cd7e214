"""scikit-learn's handwritten digits."""

from __future__ import annotations

import numpy as np

from trajkit.zoo.data.source import Source

TEST_SIZE = 360


def digits(path: str) -> Source:
    """Read 1797 images of 8x8 pixels, 360 of them for test; `sample` is the index in `load_digits`.

    Examples
    --------
    >>> digits("").read("train", np.array([0])).shape
    (1, 1, 8, 8)
    """
    from sklearn.datasets import load_digits  # Here, because no other data need it.
    from sklearn.model_selection import train_test_split

    pixels, label = load_digits(return_X_y=True)
    train, test = train_test_split(np.arange(len(label)), test_size=TEST_SIZE, stratify=label, random_state=0)
    sample = {"train": train, "test": test}
    images = pixels.astype(np.uint8).reshape(-1, 1, 8, 8)
    return Source(
        "handwritten digits, 8x8 pixels (sklearn.datasets.load_digits)",
        [str(c) for c in range(10)],
        {split: label[chosen] for split, chosen in sample.items()},
        sample,
        lambda split, chosen: images[sample[split][chosen]],
    )
