"""Tokens: characters or words, and the vocabulary of a training text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trajkit.text.corpus import Corpus
from trajkit.typing import Labels

# What stands for every token that the vocabulary lacks.
UNKNOWN = "\ufffd"
_WORD = re.compile(r"\w+|[^\w\s]")
_SHOWN = {" ": "space", "\n": "newline", "\t": "tab", "\r": "return"}


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their ids, 0 to C - 1; the last token stands for all others.

    Examples
    --------
    >>> import trajkit as tk
    >>> vocabulary = tk.text.Vocabulary(("a", "b", tk.text.vocabulary.UNKNOWN), by="character")
    >>> vocabulary.encode("abc"), vocabulary.decode([1, 0])
    (array([0, 1, 2]), 'ba')
    """

    tokens: tuple[str, ...]
    by: str

    def __len__(self) -> int:
        """Count the tokens: the classes of a language model."""
        return len(self.tokens)

    @property
    def names(self) -> list[str]:
        """Names of the classes: the tokens, with words for characters that cannot be seen."""
        return [_SHOWN.get(token, token) for token in self.tokens]

    def encode(self, text: str) -> Labels:
        """Turn a text into token ids."""
        ids = {token: k for k, token in enumerate(self.tokens)}
        unknown = len(self.tokens) - 1
        return np.array([ids.get(token, unknown) for token in _tokens(text, self.by)], dtype=np.int64)

    def decode(self, ids: ArrayLike) -> str:
        """Turn token ids into a text; spaces between words are not what they were.

        Raises
        ------
        ValueError
            If an id is outside the vocabulary.
        """
        checked = checked_ids(ids, len(self), "ids")
        return ("" if self.by == "character" else " ").join(self.tokens[k] for k in checked.ravel().tolist())


def _tokens(text: str, by: str) -> Sequence[str]:
    return text if by == "character" else _WORD.findall(text.lower())


def characters(corpus: Corpus, size: int = 60) -> Vocabulary:
    """Make a vocabulary of the most frequent characters of a text; one token stands for the others.

    Parameters
    ----------
    corpus
        Documents for training: what is tested has no say in the vocabulary.
    size
        Number of tokens, that of the others included; fewer if the text has fewer characters.

    Returns
    -------
    Vocabulary
        In the order of their code points, and the others last.

    Raises
    ------
    ValueError
        If `size` is below 2, or the text is empty.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.text.characters(tk.text.Corpus(("a",), ("hello",)), size=3).tokens[:2]
    ('e', 'l')
    """
    return _most_frequent(corpus, size, "character")


def words(corpus: Corpus, size: int = 1000) -> Vocabulary:
    """Make a vocabulary of the most frequent words of a text; one token stands for the others.

    A word is a run of letters, digits and underscores in lower case; every other character but space is a token of its
    own.

    Parameters
    ----------
    corpus
        Documents for training: what is tested has no say in the vocabulary.
    size
        Number of tokens, that of the others included; fewer if the text has fewer words.

    Returns
    -------
    Vocabulary
        In alphabetical order, and the others last.

    Raises
    ------
    ValueError
        If `size` is below 2, or the text is empty.

    Examples
    --------
    >>> import trajkit as tk
    >>> tk.text.words(tk.text.Corpus(("a",), ("It is. Is it? It is!",)), size=3).tokens[:2]
    ('is', 'it')
    """
    return _most_frequent(corpus, size, "word")


def _most_frequent(corpus: Corpus, size: int, by: str) -> Vocabulary:
    if size < 2:
        raise ValueError(f"size: wanted two tokens or more, got {size}")
    counts = Counter(token for text in corpus.texts for token in _tokens(text, by))
    if not counts:
        raise ValueError("corpus: wanted text to make a vocabulary of, got none")
    # Equally frequent ones in the order of their code points: the same vocabulary on every machine.
    chosen = sorted(counts, key=lambda token: (-counts[token], token))[: size - 1]
    return Vocabulary((*sorted(chosen), UNKNOWN), by)


def checked_ids(ids: ArrayLike, classes: int, what: str) -> Labels:
    """Check that token ids are whole numbers from 0 to classes - 1.

    Raises
    ------
    ValueError
        If they are not.

    Examples
    --------
    >>> checked_ids([0, 5], 3, "ids")
    Traceback (most recent call last):
    ValueError: ids: token ids [5] are outside the vocabulary of 3 tokens: wanted 0 to 2
    """
    found = np.asarray(ids)
    if found.size and found.dtype.kind not in "iu":
        raise ValueError(f"{what}: wanted token ids, whole numbers, got {found.dtype}")
    if outside := np.unique(found[(found < 0) | (found >= classes)]).tolist():
        raise ValueError(
            f"{what}: token ids {outside[:5]} are outside the vocabulary of {classes} tokens: wanted 0 to {classes - 1}"
        )
    return found.astype(np.int64)
