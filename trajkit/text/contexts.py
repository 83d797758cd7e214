"""Contexts: the tokens before a place in a text, and the token there, on which language models are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trajkit.storage.probe import Probe
from trajkit.text.corpus import Corpus
from trajkit.text.vocabulary import Vocabulary
from trajkit.typing import AnyArray, Indices, Labels


@dataclass(frozen=True, eq=False)
class Contexts:
    """Contexts of one length, each with the token that follows.

    `tokens` (sample, position) are token ids, `label` (sample,) the next ones; `document` and `position` say where each
    label stands, `split` whether its document is for training or for testing.

    Examples
    --------
    >>> import trajkit as tk
    >>> train, test = tk.text.split(tk.text.corpus())
    >>> found = tk.text.contexts(train, test, tk.text.characters(train), samples=4, length=3)
    >>> found.vocabulary.decode(found.tokens[0]), found.vocabulary.names[found.label[0]], int(found.position[0])
    ('Emu', 'l', 3)
    """

    tokens: Labels
    label: Labels
    split: AnyArray
    document: AnyArray
    position: Labels
    vocabulary: Vocabulary

    def probe(self) -> Probe:
        """Make the probe for `tk.Recorder`: inputs are token ids, samples have coordinates `document`, `position`."""
        return Probe(
            self.tokens,
            self.label,
            classes=self.vocabulary.names,
            split=self.split,
            sample=[f"{name}:{at}" for name, at in zip(self.document, self.position, strict=True)],
            coords={"document": self.document, "position": self.position},
        )


def contexts(
    train: Corpus, test: Corpus, vocabulary: Vocabulary, *, samples: int = 1000, length: int = 16, seed: int = 0
) -> Contexts:
    """Draw contexts at random places of the documents, half of them from those for testing.

    Parameters
    ----------
    train, test
        Documents for training and for testing, as `trajkit.text.split` returns them.
    vocabulary
        What turns texts into token ids, such as `trajkit.text.characters(train)`.
    samples
        Number of contexts; every place of a split that has `length` tokens before it is equally likely, and none is
        drawn twice.
    length
        Number of tokens of a context.
    seed
        Seed for the random draws.

    Returns
    -------
    Contexts
        In the order of the documents, those for training first.

    Raises
    ------
    ValueError
        If contexts are longer than the documents, fewer places are there than wanted, or a document is in both splits.

    Examples
    --------
    >>> import trajkit as tk
    >>> train, test = tk.text.split(tk.text.corpus())
    >>> found = tk.text.contexts(train, test, tk.text.characters(train), samples=500)
    >>> found.tokens.shape, int((found.split == "test").sum())
    ((500, 16), 250)
    """
    if samples < 2 or length < 1:
        raise ValueError(f"wanted two contexts or more, of one token or more, got {samples=} and {length=}")
    if both := sorted(set(train.documents) & set(test.documents)):
        raise ValueError(f"documents {both[:5]} are for training and for testing: wanted each in one split")
    random = np.random.default_rng(seed)
    parts = [
        _drawn(corpus, vocabulary, split, count, length, random)
        for split, corpus, count in (("train", train, samples - samples // 2), ("test", test, samples // 2))
    ]
    tokens, label, splits, document, position = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Contexts(tokens, label, splits, document, position, vocabulary)


def _drawn(
    corpus: Corpus, vocabulary: Vocabulary, split: str, n: int, length: int, random: np.random.Generator
) -> tuple[Labels, Labels, AnyArray, AnyArray, Labels]:
    texts = [vocabulary.encode(text) for text in corpus.texts]
    if not texts or (longest := max(map(len, texts))) <= length:
        raise ValueError(
            f"contexts of {length} tokens are longer than the documents for {split}ing, of which the longest has "
            f"{longest if texts else 0}: wanted shorter contexts or longer documents"
        )
    document = np.concatenate([np.full(max(0, len(ids) - length), k) for k, ids in enumerate(texts)])
    position = np.concatenate([np.arange(length, len(ids)) for ids in texts])
    if len(position) < n:
        raise ValueError(
            f"wanted {n} contexts of {length} tokens from the documents for {split}ing, which have {len(position)}: "
            "pass fewer samples, shorter contexts or more text"
        )
    chosen: Indices = np.sort(random.choice(len(position), n, replace=False))
    places = list(zip(document[chosen].tolist(), position[chosen].tolist(), strict=True))
    tokens = np.array([texts[k][at - length : at] for k, at in places])
    label = np.array([texts[k][at] for k, at in places])
    names = np.array(corpus.documents)[document[chosen]]
    return tokens, label, np.full(n, split), names, position[chosen].astype(np.int64)
