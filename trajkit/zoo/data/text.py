"""Texts: every place of the documents is a context with its next token."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trajkit.storage import Probe
from trajkit.text import Corpus, Vocabulary, characters, contexts, corpus, split
from trajkit.typing import Labels

# 32 classes, in lower case: with more, the predictions of fewer contexts would fit into a file.
LENGTH, VOCABULARY = 16, 32


class Texts(NamedTuple):
    """Contexts (sample, position) and next tokens (sample,) of both splits, by split, and the probe."""

    description: str
    tokens: dict[str, Labels]
    label: dict[str, Labels]
    probe: Probe


def texts(path: str, *, samples: int, seed: int) -> Texts:
    """Read documents (`trajkit.text.corpus`): contexts of 16 characters in lower case, of the 32 most frequent ones.

    Whole documents are for training or for testing. The probe has `samples` contexts, half of each.

    Examples
    --------
    >>> read = texts("", samples=100, seed=0)
    >>> read.tokens["train"].shape[1], len(read.probe), len(read.probe.classes)
    (16, 100, 32)
    """
    read = corpus(path or None)
    train, test = split(Corpus(read.documents, tuple(map(str.lower, read.texts))), seed=seed)
    vocabulary = characters(train, VOCABULARY)
    chosen = contexts(train, test, vocabulary, samples=samples, length=LENGTH, seed=seed)
    parts = {"train": _every_place(train, vocabulary), "test": _every_place(test, vocabulary)}
    source = path or "topics of Python's documentation (trajkit.text.corpus)"
    return Texts(
        f"characters of {source}",
        {name: windows[:, :-1] for name, windows in parts.items()},
        {name: windows[:, -1] for name, windows in parts.items()},
        chosen.probe(),
    )


def _every_place(corpus: Corpus, vocabulary: Vocabulary) -> Labels:
    """Give all runs of LENGTH + 1 tokens within a document."""
    each = [vocabulary.encode(text) for text in corpus.texts]
    return np.concatenate([sliding_window_view(ids, LENGTH + 1) for ids in each if len(ids) > LENGTH])
