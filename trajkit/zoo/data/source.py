"""What every source of data gives, and in which order its samples are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from trajkit.typing import AnyArray, Labels

SPLITS = ("train", "test")


class Source(NamedTuple):
    """Labels of all samples, and a function that reads the inputs of some: files are only opened if they are used.

    `label` and `sample` (identities of the inputs) are dicts of arrays, for "train" and "test". `read(split, chosen)`
    gives images (sample, channel, height, width) as bytes, or inputs (sample, feature) as floats.
    """

    description: str
    classes: list[str]
    label: dict[str, Labels]
    sample: dict[str, AnyArray]
    read: Callable[[str, Labels], AnyArray]


def from_memory(description: str, classes: list[str], inputs: dict[str, AnyArray], label: dict[str, Labels]) -> Source:
    """Make a source of arrays: the train samples are numbered first, then the test samples."""
    count = len(label["train"])
    sample = {"train": np.arange(count), "test": count + np.arange(len(label["test"]))}
    return Source(description, classes, label, sample, lambda split, chosen: inputs[split][chosen])


def stratified_order(label: Labels, seed: int) -> Labels:
    """Order samples at random, but so that of the first n each class has as many as any other, as far as it has them.

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
    # Classes are dealt out in turn, in their own order: the first round holds each once.
    return np.lexsort((label, rank))
