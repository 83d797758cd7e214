"""The form in which data are read, and the order in which their samples are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from trajkit.typing import AnyArray, Labels

SPLITS = ("train", "test")


class Source(NamedTuple):
    """Labels of all samples, and a function that reads the inputs of some.

    `label` and `sample` (identities of the inputs) are dicts of arrays, for "train" and "test". `read(split, chosen)`
    gives images (sample, channel, height, width) as bytes, or inputs (sample, feature) as floats.
    """

    description: str
    classes: list[str]
    label: dict[str, Labels]
    sample: dict[str, AnyArray]
    read: Callable[[str, Labels], AnyArray]


def from_memory(description: str, classes: list[str], inputs: dict[str, AnyArray], label: dict[str, Labels]) -> Source:
    """Make a source from arrays; train samples are numbered first, then test samples."""
    count = len(label["train"])
    sample = {"train": np.arange(count), "test": count + np.arange(len(label["test"]))}
    return Source(description, classes, label, sample, lambda split, chosen: inputs[split][chosen])


def stratified_order(label: Labels, seed: int) -> Labels:
    """Order samples at random so that the first n, for any n, are balanced over the classes as far as possible.

    Examples
    --------
    >>> label = np.array([0, 0, 0, 0, 1, 1, 2])
    >>> label[stratified_order(label, seed=0)[:3]].tolist(), sorted(label[stratified_order(label, seed=0)[:5]].tolist())
    ([0, 1, 2], [0, 0, 1, 1, 2])
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(label))
    rank = np.empty(len(label), dtype=np.int64)
    for c in np.unique(label):
        of_class = shuffled[label[shuffled] == c]
        rank[of_class] = np.arange(len(of_class))
    # Classes take turns: the first round holds one sample of each.
    return np.lexsort((label, rank))
