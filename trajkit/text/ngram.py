"""N-gram models with Witten-Bell smoothing: predictors that know the last few tokens alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from trajkit.text.contexts import Contexts
from trajkit.text.corpus import Corpus
from trajkit.text.vocabulary import checked_ids
from trajkit.typing import Array, Labels

_NAMES = {1: "unigram", 2: "bigram", 3: "trigram"}


class _Level(NamedTuple):
    """Counts of the tokens after each context of one length.

    A context of k + 1 tokens is its last k, by their row on the level below, and the token before them: so numbers stay
    small for any order and vocabulary.
    """

    keys: Labels  # of its contexts, sorted: row on the level below times C, plus the token before
    counts: csr_array  # (context, class)


@dataclass(frozen=True, eq=False)
class NGram:
    """An n-gram model of token ids: `ngram` fits it, `log_prob` predicts.

    Examples
    --------
    >>> import trajkit as tk
    >>> model = tk.text.ngram([[0, 1, 0, 1, 0]], order=2, classes=2)
    >>> np.exp(model.log_prob([[0]])).round(3)
    array([[0.19, 0.81]])
    """

    order: int
    classes: int
    levels: tuple[_Level, ...]

    @property
    def name(self) -> str:
        """What it is called: "unigram", "bigram", "trigram", "4-gram", ..."""
        return _NAMES.get(self.order, f"{self.order}-gram")

    def log_prob(self, tokens: ArrayLike) -> Array:
        """Predict the next token of each context: log-probabilities (sample, class), in nats.

        Parameters
        ----------
        tokens
            Token ids (sample, position), the last position just before what is predicted.

        Raises
        ------
        ValueError
            If contexts are shorter than the model looks back, or hold ids outside the vocabulary.
        """
        ids = checked_ids(tokens, self.classes, "tokens")
        if ids.ndim != 2 or ids.shape[1] < self.order - 1:
            raise ValueError(
                f"tokens: the {self.name} model wants contexts (sample, position) of {self.order - 1} tokens or more, "
                f"got shape {ids.shape}"
            )
        out = np.full((len(ids), self.classes), 1 / self.classes)
        row = np.zeros(len(ids), dtype=np.int64)
        for k, level in enumerate(self.levels):
            key = row * self.classes + (ids[:, -k] if k else 0)
            at = np.minimum(np.searchsorted(level.keys, key), len(level.keys) - 1)
            # A context that was not seen leaves the prediction of the shorter one, and so do longer ones.
            row = np.where((row >= 0) & (level.keys[at] == key), at, -1)
            seen = row >= 0
            if not seen.any():
                break
            counts = level.counts[row[seen]].toarray()
            kinds = (counts > 0).sum(1, keepdims=True)
            out[seen] = (counts + kinds * out[seen]) / (counts.sum(1, keepdims=True) + kinds)
        return np.log(out)


def ngram(documents: Sequence[ArrayLike], order: int, classes: int) -> NGram:
    """Fit an n-gram model to documents of token ids, with Witten-Bell smoothing.

        P_n(w | h) = (c(h w) + T(h) P_{n-1}(w | h')) / (c(h) + T(h)),  P_0 = 1 / C

    c counts, T(h) is the number of different tokens after h, and h' is h without its first token. Where h was never
    seen, P_n = P_{n-1}. Contexts do not reach across documents.

    Parameters
    ----------
    documents
        Token ids of each document. Text for training alone: the model of a text that is tested knows the answers.
    order
        Length of the n-grams: 1 is the unigram model, which ignores its context, 2 the bigram model, which knows the
        last token.
    classes
        Number of tokens of the vocabulary, C.

    Returns
    -------
    NGram
        Its method `log_prob` takes contexts (sample, position).

    Raises
    ------
    ValueError
        If `order` or `classes` is below 1, an id is outside the vocabulary, no document holds a token, or one array is
        given instead of one for each document.

    Examples
    --------
    >>> import trajkit as tk
    >>> model = tk.text.ngram([[0, 1, 0, 1], [1, 0]], order=3, classes=3)
    >>> np.exp(model.log_prob([[0, 1], [2, 2]])).round(3)
    array([[0.91 , 0.076, 0.014],
           [0.458, 0.458, 0.083]])

    References
    ----------
    Witten & Bell, IEEE Trans. Inf. Theory 37(4), 1991 (method C); interpolated as in Chen & Goodman, Comput. Speech
    Lang. 13, 1999.
    """
    if order < 1 or classes < 2:
        raise ValueError(
            f"wanted order=1 (unigram) or more and two classes or more, got order={order} and classes={classes}"
        )
    parts = [checked_ids(ids, classes, f"document {k}") for k, ids in enumerate(documents)]
    if any(part.ndim != 1 for part in parts):
        raise ValueError("documents: wanted a list with the token ids of each document, got no such boundaries")
    if not sum(map(len, parts)):
        raise ValueError("documents: wanted one token or more to fit an n-gram model, got none")
    return NGram(order, classes, tuple(_levels(parts, order, classes)))


def _levels(documents: list[Labels], order: int, classes: int) -> Iterator[_Level]:
    tokens = np.concatenate(documents)
    behind = np.concatenate([np.arange(len(ids)) for ids in documents])
    # The place of each token that is predicted, and the row of its context on the level below.
    at, row = np.arange(len(tokens)), np.zeros(len(tokens), dtype=np.int64)
    for k in range(order):
        long_enough = behind[at] >= k
        at, row = at[long_enough], row[long_enough]
        keys, row = np.unique(row * classes + (tokens[at - k] if k else 0), return_inverse=True)
        if not len(keys):
            return
        pairs, count = np.unique(row * classes + tokens[at], return_counts=True)
        yield _Level(keys, csr_array((count, (pairs // classes, pairs % classes)), shape=(len(keys), classes)))


def ngrams(train: Corpus, contexts: Contexts, orders: Sequence[int] = (1, 2, 3, 4)) -> dict[str, Array]:
    """Predict contexts by n-gram models of the training text: references for a trajectory dataset.

    Parameters
    ----------
    train
        Documents for training, as `trajkit.text.split` returns them.
    contexts
        What `trajkit.text.contexts` returned.
    orders
        Lengths of the n-grams: 1 is the unigram model, 2 the bigram model.

    Returns
    -------
    dict
        Log-probabilities (sample, class) in nats by name: "unigram", "bigram", "trigram", "4-gram", ... This is what
        `tk.add_references` takes.

    Raises
    ------
    ValueError
        If a document that is tested is in the training text, or an order is below 1 or looks back further than the
        contexts.

    Examples
    --------
    >>> import trajkit as tk
    >>> train, test = tk.text.split(tk.text.corpus())
    >>> found = tk.text.contexts(train, test, tk.text.characters(train), samples=200)
    >>> loss = {name: -p[range(200), found.label].mean() for name, p in tk.text.ngrams(train, found).items()}
    >>> sorted(loss, key=loss.get)
    ['4-gram', 'trigram', 'bigram', 'unigram']
    """
    tested = set(contexts.document[contexts.split == "test"].tolist())
    if known := sorted(tested & set(train.documents)):
        raise ValueError(f"documents {known[:5]} are tested: n-grams are fitted to the training text alone")
    documents = [contexts.vocabulary.encode(text) for text in train.texts]
    models = [ngram(documents, order, len(contexts.vocabulary)) for order in orders]
    return {model.name: model.log_prob(contexts.tokens) for model in models}
