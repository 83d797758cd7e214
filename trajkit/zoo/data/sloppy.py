"""Sloppy inputs: a few of their directions have most of the variance; a random teacher network labels them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajkit.zoo.data.source import Source, from_memory

FEATURES, HIDDEN, CLASSES = 200, 50, 5
SIZES = {"train": 5000, "test": 1000}
TEACHER_DECAY = 0.1


def sloppy(path: str) -> Source:
    """Make white Gaussian inputs of 200 features in 5 classes; `decayed` scales them by a run's `decay` c.

    The teacher is a random network with one hidden layer of 50 units. It is given the inputs with c = 0.1, so about
    twenty directions decide the labels. The labels do not depend on the c of a run, so that runs with different c have
    one probe and one truth.

    Examples
    --------
    >>> source = sloppy("")
    >>> source.read("train", np.arange(2)).shape, np.bincount(source.label["train"]).tolist()
    ((2, 200), [1021, 1046, 903, 1079, 951])
    """
    random = np.random.default_rng(0)
    white = random.standard_normal((sum(SIZES.values()), FEATURES))
    hidden = np.tanh(decayed(white, TEACHER_DECAY) @ random.standard_normal((FEATURES, HIDDEN)) / np.sqrt(FEATURES) * 2)
    logits = hidden @ random.standard_normal((HIDDEN, CLASSES))
    # Each logit is standardised: otherwise one of the five classes would have half the samples.
    label = ((logits - logits.mean(0)) / logits.std(0)).argmax(1)
    white = white.astype(np.float32)
    parts = {"train": slice(SIZES["train"]), "test": slice(SIZES["train"], None)}
    return from_memory(
        f"Gaussian inputs of {FEATURES} features, labels from a random teacher (trajkit.zoo.data.sloppy)",
        [str(c) for c in range(CLASSES)],
        {split: white[part] for split, part in parts.items()},
        {split: label[part] for split, part in parts.items()},
    )


def decayed(white: NDArray[np.floating], c: float) -> NDArray[np.floating]:
    """Scale feature i of white inputs so that the covariance has eigenvalues proportional to exp(-c i), with mean 1.

    Examples
    --------
    >>> decayed(np.ones((1, 3)), c=0.0)
    array([[1., 1., 1.]])
    >>> (decayed(np.ones(3), c=2.0) ** 2).round(3)
    array([2.6  , 0.352, 0.048])
    """
    eigenvalue = np.exp(-c * np.arange(white.shape[-1]))
    scale = np.sqrt(eigenvalue / eigenvalue.mean()).astype(white.dtype)
    return white * scale
